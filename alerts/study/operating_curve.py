"""How do sensitivity and false alerts trade against each other? A drawing that prints, as SVG or PNG."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import resvg_py

import schemas
from alerts.study.trial import MOST_RATE, Operation

WIDTH, HEIGHT = 720, 480
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 40, 56
COLOURS = ("#1b5e9b", "#b5440e", "#2e7d32", "#6a1b9a", "#5d4037", "#00838f")
FONT = Path(schemas.__file__).parent / "fonts/DejaVuSans.ttf"
"""A server may have no fonts of its own: then every word would be missing."""
PIXELS = 2
"""Of a PNG, for each unit of the drawing."""
DASHES = ("", "7 4", "2 3", "9 3 2 3", "4 2", "1 4")


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A detector's operations, and the one that was chosen."""

    name: str
    operations: Sequence[Operation]
    chosen: Operation | None


def draw(curves: Sequence[Curve], *, title: str) -> str:
    """The curves as an SVG document."""
    shown = [one for curve in curves for one in (*curve.operations, *([curve.chosen] if curve.chosen else []))]
    rates = [one.false_alerts_per_patient_year for one in shown]
    frame = _Frame(most=min(MOST_RATE, max(2.0, *rates)) if rates else 2.0)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">',
        "<style>text { font-size: 13px }</style>",
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="24" font-size="15">{escape(title)}</text>',
        *frame.axes(),
    ]
    for number, curve in enumerate(curves):
        parts += frame.curve(curve, number=number)
    return "\n".join([*parts, "</svg>"]) + "\n"


def as_png(drawing: str) -> bytes:
    """The same drawing in pixels."""
    return resvg_py.svg_to_bytes(
        svg_string=drawing,
        zoom=PIXELS,
        font_files=[str(FONT)],
        skip_system_fonts=True,
        sans_serif_family="DejaVu Sans",
    )


class _Frame:
    """The axes: false alerts per patient-year to the right, sensitivity upward."""

    def __init__(self, *, most: float) -> None:
        self.most = most

    def x(self, rate: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * min(rate, self.most) / self.most, 1)

    def y(self, share: float) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share, 1)

    def axes(self) -> list[str]:
        lines = []
        for percent in range(0, 101, 20):
            y = self.y(percent / 100)
            lines.append(f'<line x1="{LEFT}" y1="{y}" x2="{WIDTH - RIGHT}" y2="{y}" stroke="#ddd"/>')
            lines.append(f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{percent} %</text>')
        for half in range(int(self.most * 2) + 1):
            if self.most > 4 and half % 2:
                continue
            x = self.x(half / 2)
            lines.append(f'<line x1="{x}" y1="{TOP}" x2="{x}" y2="{HEIGHT - BOTTOM}" stroke="#eee"/>')
            lines.append(f'<text x="{x}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{half / 2:g}</text>')
        up, turned = HEIGHT / 2, f"rotate(-90 16 {HEIGHT / 2})"
        middle = (LEFT + WIDTH - RIGHT) / 2
        lines.append(f'<text x="{middle}" y="{HEIGHT - 14}" text-anchor="middle">false alerts per patient-year</text>')
        lines.append(f'<text x="16" y="{up}" text-anchor="middle" transform="{turned}">events found</text>')
        return lines

    def curve(self, curve: Curve, *, number: int) -> list[str]:
        colour, dash = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]
        inside = [one for one in curve.operations if one.false_alerts_per_patient_year <= self.most]
        points = " ".join(f"{self.x(one.false_alerts_per_patient_year)},{self.y(one.sensitivity)}" for one in inside)
        key = TOP + 18 + 18 * number
        stroke = f'stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"'
        lines = [
            f'<polyline points="{points}" fill="none" {stroke}/>',
            f'<line x1="{LEFT + 12}" y1="{key - 4}" x2="{LEFT + 44}" y2="{key - 4}" {stroke}/>',
            f'<text x="{LEFT + 52}" y="{key}">{escape(curve.name)}</text>',
        ]
        if curve.chosen:
            x, y = self.x(curve.chosen.false_alerts_per_patient_year), self.y(curve.chosen.sensitivity)
            said = f"threshold {curve.chosen.threshold:.3g}"
            lines.append(f'<circle cx="{x}" cy="{y}" r="5" fill="{colour}"><title>{said}</title></circle>')
        return lines
