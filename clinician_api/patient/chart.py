"""Where does each weight go on the picture? Readings in, numbers for an SVG out; pure.

Heights: 1 kg looks alike for every patient, at least 8 kg high around the dry weight; weights in quarantine never
stretch it, they sit at the edge. Below the weights, on the same axis: episodes, then what people did.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import pairwise
from operator import attrgetter
from typing import Literal, NamedTuple, Protocol
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from schemas.patient_day import DayState

Array = NDArray[np.float64]

GAP = timedelta(hours=60)
"""More than this between two weights is drawn as a gap: two mornings were missed, whatever the hour."""
LEAST_KG = 8.0
LEFT, RIGHT, TOP, BOTTOM, LANE = 46, 14, 14, 24, 18


class Weighed(Protocol):
    """A weight (kg) at the body's time; `reason` if it does not count, `state` as standing_reading says."""

    @property
    def measured_at(self) -> datetime: ...
    @property
    def weight_kg(self) -> float: ...
    @property
    def reason(self) -> str | None: ...
    @property
    def state(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class Point:
    """A `Weighed` that is no row of the database."""

    measured_at: datetime
    weight_kg: float
    reason: str | None = None
    state: str = "accepted"


@dataclass(frozen=True, kw_only=True)
class Step:
    """A dry weight (kg) and since when."""

    since: datetime
    weight_kg: float


class Usual(NamedTuple):
    """The usual range (kg) on a day; a tuple, for a chart has one a day."""

    at: datetime
    low_kg: float
    high_kg: float


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A weight (kg) above which something is raised."""

    kind: Literal["fired", "alarm"]
    weight_kg: float


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Days without a weight that counts, and why; None: nobody has explained them."""

    since: datetime
    until: datetime
    days: int
    state: DayState | None


@dataclass(frozen=True, kw_only=True)
class Span:
    """An episode, from its start to its end."""

    since: datetime
    until: datetime
    severity: str
    label: str


@dataclass(frozen=True, kw_only=True)
class Act:
    """What somebody did or noted; `kind` gives the shape."""

    at: datetime
    kind: str
    label: str


@dataclass(frozen=True, kw_only=True)
class Scene:
    """All that one chart shows, from `start` to `end`."""

    start: datetime
    end: datetime
    zone: ZoneInfo
    points: Sequence[Weighed]
    steps: Sequence[Step] = ()
    usual: Sequence[Usual] = ()
    limits: Sequence[Limit] = ()
    gaps: Sequence[Gap] = ()
    spans: Sequence[Span] = ()
    acts: Sequence[Act] = ()

    # A page draws its scene twice, as wide as a screen and as wide as a telephone, and tells a script of it.
    @cached_property
    def accepted(self) -> list[Weighed]:
        """The weights that count, the oldest first."""
        return sorted((p for p in self.points if p.reason is None), key=attrgetter("measured_at"))

    @cached_property
    def accepted_s(self) -> Array:
        """When those were weighed, in seconds of the epoch."""
        return seconds([point.measured_at for point in self.accepted])

    @cached_property
    def accepted_kg(self) -> Array:
        return np.array([point.weight_kg for point in self.accepted], dtype=float)

    @cached_property
    def usual_s(self) -> Array:
        """The days of the usual ranges, in seconds of the epoch."""
        return seconds([one.at for one in self.usual])


def seconds(moments: Sequence[datetime]) -> Array:
    """Of the epoch."""
    return np.array([at.timestamp() for at in moments], dtype=float)


@dataclass(frozen=True, kw_only=True, slots=True)
class Dot:
    """A point in pixels, with what it stands for."""

    x: float
    y: float
    point: Weighed


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
    low_kg: float
    high_kg: float
    lines: list[str]
    dots: list[str]
    doubted: list[Dot]
    gaps: list[tuple[Rect, Gap]]
    dry: str
    band: list[str]
    limits: list[tuple[float, Limit]]
    ticks_kg: list[tuple[float, float]]
    ticks_at: list[tuple[float, datetime]]
    spans: list[tuple[float, float, Span]]
    acts: list[tuple[float, Act]]
    left: int = LEFT
    right: int = RIGHT
    floor: float = 0

    @property
    def dotted(self) -> str:
        """One path with a round stroke at each dot: an element for each would make the page's most costly part."""
        return f"M{'h0M'.join(self.dots)}h0" if self.dots else ""


class Frame:
    """From time and kg to pixels."""

    def __init__(self, scene: Scene, *, width: int, height: int) -> None:
        self.scene, self.width, self.height = scene, width, height
        self.floor = height - BOTTOM - 2 * LANE
        self.low, self.high = _span_kg(scene)
        self._start, self._end = scene.start.timestamp(), scene.end.timestamp()
        self._per_second = (width - LEFT - RIGHT) / (self._end - self._start)
        self._per_kg = (self.floor - TOP) / (self.high - self.low)

    def x(self, at: datetime) -> float:
        return round(LEFT + (min(max(at.timestamp(), self._start), self._end) - self._start) * self._per_second, 1)

    def y(self, kg: float) -> float:
        return round(self.floor - (min(max(kg, self.low), self.high) - self.low) * self._per_kg, 1)

    def corners(self, moments_s: Array, weights_kg: Array) -> list[str]:
        """Many at once, each as `x` and `y` would have it: "x,y"."""
        widths_s = np.clip(moments_s, self._start, self._end) - self._start
        heights_kg = np.clip(weights_kg, self.low, self.high) - self.low
        xs = np.round(LEFT + widths_s * self._per_second, 1).tolist()
        ys = np.round(self.floor - heights_kg * self._per_kg, 1).tolist()
        return [f"{x},{y}" for x, y in zip(xs, ys, strict=True)]

    def shows(self, kg: float) -> bool:
        return self.low <= kg <= self.high


def draw(scene: Scene, *, width: int = 960, height: int = 350) -> Chart:
    """The chart of a scene."""
    frame = Frame(scene, width=width, height=height)
    dots = frame.corners(scene.accepted_s, scene.accepted_kg)
    return Chart(
        width=width,
        height=height,
        low_kg=round(frame.low, 2),
        high_kg=round(frame.high, 2),
        lines=[" ".join(dots[run]) for run in _runs(scene.accepted_s) if run.stop - run.start > 1],  # one needs no line
        dots=dots,
        doubted=[
            Dot(x=frame.x(p.measured_at), y=frame.y(p.weight_kg), point=p) for p in scene.points if p.reason is not None
        ],
        gaps=[(_tall(frame, gap), gap) for gap in scene.gaps],
        dry=_dry(frame),
        band=_band(frame),
        limits=[(frame.y(one.weight_kg), one) for one in scene.limits if frame.shows(one.weight_kg)],
        ticks_kg=[(frame.y(kg), kg) for kg in _ticks_kg(frame.low, frame.high)],
        ticks_at=[
            (x, at)
            for at in _ticks_at(scene, most=max(3, width // 110))
            if (x := frame.x(at)) <= width - RIGHT - 18  # else its label would be cut
        ],
        spans=[(frame.x(s.since), frame.x(s.until), s) for s in scene.spans if s.until >= scene.start],
        acts=[(frame.x(act.at), act) for act in scene.acts if scene.start <= act.at <= scene.end],
        floor=frame.floor,
    )


def _span_kg(scene: Scene) -> tuple[float, float]:
    kgs = scene.accepted_kg.tolist()
    kgs += [step.weight_kg for step in _shown_steps(scene)]
    kgs += [limit.weight_kg for limit in scene.limits if limit.kind == "fired"]
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


def _runs(moments_s: Array) -> list[slice]:
    """Those between two gaps lie together."""
    breaks = (np.flatnonzero(np.diff(moments_s) > GAP.total_seconds()) + 1).tolist()
    return [slice(start, stop) for start, stop in pairwise([0, *breaks, len(moments_s)]) if start < stop]


def _tall(frame: Frame, gap: Gap) -> Rect:
    x = frame.x(gap.since)
    return Rect(x=x, y=TOP, width=round(frame.x(gap.until) - x, 1), height=frame.floor - TOP)


def _dry(frame: Frame) -> str:
    """The step line's path."""
    path = ""
    for step in _shown_steps(frame.scene):
        x, y = frame.x(step.since), frame.y(step.weight_kg)
        path += f" H {x} V {y}" if path else f"M {x} {y}"
    return f"{path} H {frame.x(frame.scene.end)}" if path else ""


def _band(frame: Frame) -> list[str]:
    """Polygons, one for each stretch of days without a gap."""
    usual, days_s = frame.scene.usual, frame.scene.usual_s
    tops = frame.corners(days_s, np.array([one.high_kg for one in usual], dtype=float))
    bottoms = frame.corners(days_s, np.array([one.low_kg for one in usual], dtype=float))
    return [" ".join([*tops[run], *reversed(bottoms[run])]) for run in _runs(days_s)]


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
