"""How do thirty days look in a row of the worklist? Days in, a small picture and the changes out; pure."""

from collections.abc import Sequence
from dataclasses import dataclass

Day = tuple[float, float]
"""A moment (seconds since 1970) and the weight (kg) that counts for its day."""
A_DAY = 86400.0
SHOWN = 30 * A_DAY
GAP = 2.5 * A_DAY
"""More than this between two weights is drawn as a gap, as on the chart."""
WIDTH, HEIGHT, EDGE = 168, 40, 4
LEAST_KG = 4.0
EARLY = 0.25 * A_DAY  # a morning may be six hours earlier than the last


@dataclass(frozen=True, kw_only=True, slots=True)
class Sparkline:
    """Numbers for the template, in pixels."""

    lines: list[str]
    lone: list[tuple[float, float]]
    last: tuple[float, float] | None
    dry_y: float | None
    width: int = WIDTH
    height: int = HEIGHT


def draw(days: Sequence[Day], *, end: float, dry_kg: float | None) -> Sparkline:
    """The line of the 30 days before `end`, broken at gaps, with the dry weight; at least 4 kg high."""
    shown = [(at, kg) for at, kg in days if end - SHOWN < at <= end]
    kgs = [kg for _, kg in shown] + ([dry_kg] if dry_kg else [])
    high, low = (max(kgs), min(kgs)) if kgs else (0.0, 0.0)
    per_kg = (HEIGHT - 2 * EDGE) / max(LEAST_KG, high - low)
    per_second, middle = (WIDTH - 2 * EDGE) / SHOWN, (high + low) / 2
    lines: list[str] = []
    lone: list[tuple[float, float]] = []
    run: list[tuple[float, float]] = []
    before = 0.0
    for at, kg in shown:
        if run and at - before > GAP:
            _end_run(run, lines, lone)
            run = []
        x = round(EDGE + (at - end + SHOWN) * per_second, 1)
        run.append((x, round(HEIGHT / 2 + (middle - kg) * per_kg, 1)))
        before = at
    _end_run(run, lines, lone)
    dry_y = round(HEIGHT / 2 + (middle - dry_kg) * per_kg, 1) if dry_kg else None
    return Sparkline(lines=lines, lone=lone, last=run[-1] if run else None, dry_y=dry_y)


def _end_run(run: list[tuple[float, float]], lines: list[str], lone: list[tuple[float, float]]) -> None:
    if len(run) > 1:
        lines.append(" ".join(f"{x},{y}" for x, y in run))
    else:
        lone.extend(run)


def change(days: Sequence[Day], *, over: int) -> float | None:
    """The last weight (kg) against the last one `over` days older, or up to two days more; None without one."""
    if not days:
        return None
    last_at, last_kg = days[-1]
    latest, earliest = last_at - over * A_DAY + EARLY, last_at - (over + min(over, 2)) * A_DAY
    for at, kg in reversed(days):
        if at <= latest:
            return last_kg - kg if at >= earliest else None
    return None
