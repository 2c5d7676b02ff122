"""Where does each bar go on the picture? Stacked counts by week or month, as numbers for an SVG; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import ceil, floor, log10

LEFT, RIGHT, TOP, BOTTOM = 44.0, 8.0, 12.0, 30.0
GAP = 0.22
LABEL_WIDTH = 72.0


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A rectangle of a bar, of one kind."""

    kind: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, kw_only=True)
class Tick:
    """A line across, or a place below, with its value."""

    at: float
    value: float


@dataclass(frozen=True, kw_only=True)
class Label:
    x: float
    day: date


@dataclass(frozen=True, kw_only=True)
class Bars:
    """A picture of `width` by `height`."""

    width: float
    height: float
    left: float
    right: float
    base: float
    pieces: list[Piece]
    ticks: list[Tick]
    labels: list[Label]


def draw(
    stacks: Sequence[tuple[date, Mapping[str, float]]], *, kinds: Sequence[str], width: float, height: float
) -> Bars:
    """One bar for each period, its kinds from the bottom up in this order."""
    top = _round_up(max((sum(stack.values()) for _, stack in stacks), default=0.0))
    base, step = height - BOTTOM, (width - LEFT - RIGHT) / max(len(stacks), 1)
    scale = (base - TOP) / top
    pieces: list[Piece] = []
    for index, (_, stack) in enumerate(stacks):
        y = base
        for kind in kinds:
            tall = stack.get(kind, 0.0) * scale
            if tall:
                y -= tall
                x = LEFT + step * (index + GAP / 2)
                pieces.append(Piece(kind=kind, x=x, y=y, width=step * (1 - GAP), height=tall))
    every = max(1, ceil(LABEL_WIDTH / step))
    labels = [Label(x=LEFT + step * (i + 0.5), day=day) for i, (day, _) in enumerate(stacks) if i % every == 0]
    ticks = [Tick(at=base - top * share * scale, value=top * share) for share in (0.0, 0.5, 1.0)]
    return Bars(
        width=width, height=height, left=LEFT, right=width - RIGHT, base=base, pieces=pieces, ticks=ticks, labels=labels
    )


def _round_up(value: float) -> float:
    """To one digit, and to an even number below ten: the half of it is read on the axis, too."""
    if value <= 10:
        return max(2.0, 2.0 * ceil(value / 2))
    unit = 10.0 ** floor(log10(value))
    return unit * ceil(value / unit)
