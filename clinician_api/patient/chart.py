"""Where does each weight go on the picture? Readings in, numbers for an SVG out; pure.

Heights: 1 kg looks alike for every patient, at least 8 kg high around the dry weight; weights in quarantine never
stretch it, they sit at the edge.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

GAP = timedelta(hours=60)
"""More than this between two weights is drawn as a gap: two mornings were missed, whatever the hour."""
LEAST_KG = 8.0
LEFT, RIGHT, TOP, BOTTOM, LANE = 46, 14, 14, 24, 20


@dataclass(frozen=True, kw_only=True)
class Point:
    """A weight (kg) at the body's time; `reason` if it waits in quarantine."""

    measured_at: datetime
    weight_kg: float
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Step:
    """A dry weight (kg) and since when."""

    since: datetime
    weight_kg: float


@dataclass(frozen=True, kw_only=True)
class Mark:
    """An episode's start."""

    at: datetime
    severity: str
    label: str


@dataclass(frozen=True, kw_only=True)
class Scene:
    """All that one chart shows, from `start` to `end`; band and threshold in kg."""

    start: datetime
    end: datetime
    zone: ZoneInfo
    points: Sequence[Point]
    steps: Sequence[Step] = ()
    band: tuple[float, float] | None = None
    threshold_kg: float | None = None
    marks: Sequence[Mark] = ()


@dataclass(frozen=True, kw_only=True)
class Dot:
    """A point in pixels, with what it stands for."""

    x: float
    y: float
    point: Point


@dataclass(frozen=True, kw_only=True)
class Rect:
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Numbers for the template, in pixels of a `width` by `height` view box."""

    width: int
    height: int
    lines: list[str]
    dots: list[Dot]
    doubted: list[Dot]
    gaps: list[Rect]
    dry: str
    band: Rect | None
    threshold_y: float | None
    ticks_kg: list[tuple[float, float]]
    ticks_at: list[tuple[float, datetime]]
    marks: list[tuple[float, Mark]]
    left: int = LEFT
    right: int = RIGHT
    floor: float = 0


class Frame:
    """From time and kg to pixels."""

    def __init__(self, scene: Scene, *, width: int, height: int) -> None:
        self.scene, self.width, self.height = scene, width, height
        self.floor = height - BOTTOM - LANE
        self.low, self.high = _span_kg(scene)

    def x(self, at: datetime) -> float:
        share = (at - self.scene.start) / (self.scene.end - self.scene.start)
        return round(LEFT + min(max(share, 0.0), 1.0) * (self.width - LEFT - RIGHT), 1)

    def y(self, kg: float) -> float:
        share = (min(max(kg, self.low), self.high) - self.low) / (self.high - self.low)
        return round(self.floor - share * (self.floor - TOP), 1)

    def shows(self, kg: float) -> bool:
        return self.low <= kg <= self.high


def draw(scene: Scene, *, width: int = 960, height: int = 330) -> Chart:
    """The chart of a scene."""
    frame = Frame(scene, width=width, height=height)
    accepted = sorted((p for p in scene.points if p.reason is None), key=lambda point: point.measured_at)
    dots = [Dot(x=frame.x(p.measured_at), y=frame.y(p.weight_kg), point=p) for p in accepted]
    doubted = [Dot(x=frame.x(p.measured_at), y=frame.y(p.weight_kg), point=p) for p in scene.points if p.reason]
    return Chart(
        width=width,
        height=height,
        lines=_lines(dots),
        dots=dots,
        doubted=doubted,
        gaps=_gaps(accepted, frame),
        dry=_dry(frame),
        band=_band(frame),
        threshold_y=frame.y(scene.threshold_kg) if scene.threshold_kg and frame.shows(scene.threshold_kg) else None,
        ticks_kg=[(frame.y(kg), kg) for kg in _ticks_kg(frame.low, frame.high)],
        ticks_at=[
            (x, at)
            for at in _ticks_at(scene, most=max(3, width // 110))
            if (x := frame.x(at)) <= width - RIGHT - 18  # else its label would be cut
        ],
        marks=[(frame.x(mark.at), mark) for mark in scene.marks if scene.start <= mark.at <= scene.end],
        floor=frame.floor,
    )


def _span_kg(scene: Scene) -> tuple[float, float]:
    kgs = [point.weight_kg for point in scene.points if point.reason is None]
    kgs += [step.weight_kg for step in _shown_steps(scene)]
    kgs += [scene.threshold_kg] if scene.threshold_kg else []
    if not kgs:
        kgs = [point.weight_kg for point in scene.points] or [70.0]
    low, high = min(kgs) - 0.5, max(kgs) + 0.5
    missing = max(0.0, LEAST_KG - (high - low))
    return low - missing / 2, high + missing / 2


def _shown_steps(scene: Scene) -> list[Step]:
    """The dry weights valid within the window: the last one before it, and those in it."""
    steps = sorted((step for step in scene.steps if step.since <= scene.end), key=lambda step: step.since)
    before = [step for step in steps if step.since <= scene.start]
    return before[-1:] + [step for step in steps if step.since > scene.start]


def _lines(dots: list[Dot]) -> list[str]:
    """Polylines, broken at gaps; a lone dot needs none."""
    runs: list[list[Dot]] = []
    for dot in dots:
        if runs and dot.point.measured_at - runs[-1][-1].point.measured_at <= GAP:
            runs[-1].append(dot)
        else:
            runs.append([dot])
    return [" ".join(f"{dot.x},{dot.y}" for dot in run) for run in runs if len(run) > 1]


def _gaps(accepted: list[Point], frame: Frame) -> list[Rect]:
    times = [point.measured_at for point in accepted]
    times += [frame.scene.end] if times else []
    return [
        Rect(x=frame.x(a), y=TOP, width=round(frame.x(b) - frame.x(a), 1), height=frame.floor - TOP)
        for a, b in pairwise(times)
        if b - a > GAP
    ]


def _dry(frame: Frame) -> str:
    """The step line's path."""
    path = ""
    for step in _shown_steps(frame.scene):
        x, y = frame.x(step.since), frame.y(step.weight_kg)
        path += f" H {x} V {y}" if path else f"M {x} {y}"
    return f"{path} H {frame.x(frame.scene.end)}" if path else ""


def _band(frame: Frame) -> Rect | None:
    if frame.scene.band is None:
        return None
    low, high = frame.scene.band
    y = frame.y(high)
    return Rect(x=LEFT, y=y, width=frame.width - LEFT - RIGHT, height=round(frame.y(low) - y, 1))


def _ticks_kg(low: float, high: float) -> list[float]:
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100) if (high - low) / step <= 8)
    first = -int(-low // step) * step
    return [float(kg) for kg in range(first, int(high) + 1, step)]


def _ticks_at(scene: Scene, *, most: int) -> list[datetime]:
    """Midnights of the patient's zone, some days apart."""
    days = (scene.end - scene.start).total_seconds() / 86400
    step = next((step for step in (1, 2, 5, 7, 14, 30, 61, 91, 182, 365) if days / step <= most), 730)
    tick = scene.start.astimezone(scene.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    ticks = []
    while (tick := tick + timedelta(days=step)) <= scene.end:
        ticks.append(tick)
    return ticks
