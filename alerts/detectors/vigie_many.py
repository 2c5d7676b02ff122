"""What does `vigie` say of many patients at once? The same arithmetic with a patient in each column of an array.

A test asserts that it gives what the readable form gives. It takes a grid, one row a patient, one column a day, NaN
where there was no weight, and works through it in blocks that fit the processor's cache.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from alerts.detectors import vigie
from alerts.detectors.vigie import FLOOR_KG, PAIRS, USUAL_KG, USUAL_MISSING
from alerts.detectors.vigie_weights import BIAS, WEIGHTS

Grid = NDArray[np.float64]
Flags = NDArray[np.bool_]
BLOCK = 2048
KEPT = np.array(vigie.KEPT)[:, np.newaxis]
SHORT, LONG = (np.array(column) for column in zip(*((pair.short, pair.long) for pair in PAIRS), strict=True))


def scores(kg: Grid, *, anchors: Sequence[Sequence[int]] = ()) -> Grid:
    """The score at each day, NaN where there is no weight. `anchors[patient]` are columns."""
    out = np.full(kg.shape, np.nan)
    begins = _begins(kg, anchors)
    for start in range(0, len(kg), BLOCK):
        rows = slice(start, start + BLOCK)
        course = Course(kg[rows].shape[0])
        for day in range(kg.shape[1]):
            out[rows, day] = course.take(kg[rows, day], begins=begins[rows, day], day=day)
    return out


def features(kg: Grid, *, anchors: Sequence[Sequence[int]] = ()) -> Grid:
    """What the score is weighed from, (patients, days, features); NaN without a weight, or before there are enough."""
    out = np.full((*kg.shape, len(vigie.NAMES)), np.nan)
    begins = _begins(kg, anchors)
    course = Course(len(kg))
    for day in range(kg.shape[1]):
        course.take(kg[:, day], begins=begins[:, day], day=day)
        ripe = course.scored
        out[ripe, day] = course.features.T[ripe]
    return out


def _begins(kg: Grid, anchors: Sequence[Sequence[int]]) -> Flags:
    """At which weighings a patient's baseline starts afresh: the first on or after each anchor."""
    marks = np.zeros(kg.shape, dtype=np.bool_)
    for patient, days in enumerate(anchors):
        seen = np.flatnonzero(~np.isnan(kg[patient]))
        at = np.searchsorted(seen, [day for day in days if day < kg.shape[1]])
        marks[patient, seen[at[at < len(seen)]]] = True
    return marks


class Course:
    """The state of many patients; the names are those of `vigie.State`."""

    def __init__(self, patients: int) -> None:
        self.average, self.gathered = np.zeros((2, len(KEPT), patients))
        self.noise, self.noise_count = np.full(patients, vigie.COUNTED * USUAL_KG**2), np.full(patients, vigie.COUNTED)
        prior = np.array([[vigie.TREND_COUNTED * (USUAL_KG * pair.usual) ** 2] for pair in PAIRS])
        self.trend, self.trend_count = np.repeat(prior, patients, axis=1), np.full(patients, vigie.TREND_COUNTED)
        self.recent = np.zeros((3, patients))
        self.previous, self.step, self.waiting = np.zeros(patients), np.zeros(patients), np.full(patients, np.nan)
        self.offset, self.first = np.full(patients, np.nan), np.full(patients, np.inf)
        self.missing, self.carried = np.full(patients, USUAL_MISSING), np.zeros(patients)
        self.score, self.scored = np.zeros(patients), np.zeros(patients, dtype=np.bool_)
        self.features = np.zeros((len(vigie.NAMES), patients))

    def take(self, kg: Grid, *, begins: Flags, day: int) -> Grid:
        """Take one day's weights, NaN for none; the scores at them."""
        seen = ~np.isnan(kg)
        new = seen & np.isnan(self.offset)
        self.offset, self.first = np.where(new, kg, self.offset), np.where(new, day, self.first)
        x = kg - self.offset
        afresh = seen & begins
        self._begin_afresh(afresh, x)
        used = self._believed(seen, x, trusted=afresh)
        self._begin_afresh(used & (np.abs(x - self.recent[0]) > vigie.STRANGE_KG), x)
        carried = ~used & (day > self.first) & (self.carried < vigie.CARRIED_DAYS)
        self.carried = np.where(used, 0, self.carried + carried)
        kept = self.missing * vigie.MISSING_KEPT
        self.missing = np.where(used, kept, np.where(carried, kept + 1 - vigie.MISSING_KEPT, self.missing))
        self.scored = used & (day - self.first >= vigie.WAIT_DAYS)
        with np.errstate(divide="ignore", invalid="ignore"):
            self._learn(np.where(used, x, self.recent[0]), lives=used | carried)
        return np.where(seen, self.score, np.nan)

    def _begin_afresh(self, afresh: Flags, x: Grid) -> None:
        if afresh.any():
            self.average[:, afresh] = x[afresh] * self.gathered[:, afresh]
            self.recent[:, afresh] = x[afresh]
            self.previous[afresh], self.step[afresh] = x[afresh], 0.0

    def _believed(self, seen: Flags, x: Grid, *, trusted: Flags) -> Flags:
        far = seen & ~trusted & (np.abs(x - self.recent[0]) > vigie.JUMP_KG)
        doubted = far & ~(np.abs(x - self.waiting) < vigie.AGREE_KG)
        self.waiting = np.where(doubted, x, np.where(seen, np.nan, self.waiting))
        return np.asarray(seen & ~doubted)

    def _learn(self, x: Grid, *, lives: Flags) -> None:
        noise = np.maximum(np.sqrt(self.noise / self.noise_count), FLOOR_KG)
        begun = self.gathered[vigie.MIDDLE] > 0
        middle = np.where(begun, self.average[vigie.MIDDLE] / self.gathered[vigie.MIDDLE], x)
        tame = middle + np.clip(x - middle, -vigie.CLIP * noise, vigie.CLIP * noise)
        kept = np.where(lives, KEPT, 1.0)
        self.average = self.average * kept + np.where(lives, tame, 0.0) * (1 - kept)
        self.gathered = self.gathered * kept + (1 - kept)
        self.recent = np.where(lives, np.stack([x, self.recent[0], self.recent[1]]), self.recent)
        moved = np.where(lives, tame - self.previous, 0.0)
        self.previous = np.where(lives, tame, self.previous)
        self.step = np.where(lives, np.maximum(self.step * vigie.STEP_KEPT, moved), self.step)
        level = self.average / self.gathered
        trends = level[SHORT] - level[LONG]
        usual = np.sqrt(self.trend / self.trend_count)
        self._remember(trends, moved=moved, noise=noise, usual=usual, lives=lives)
        self._score(noise, level=level, trends=trends, usual=usual)

    def _score(self, noise: Grid, *, level: Grid, trends: Grid, usual: Grid) -> None:
        newest, before, oldest = self.recent
        pair = np.minimum(newest, before)
        typical = np.maximum(pair, np.minimum(np.maximum(newest, before), oldest))
        against = np.stack([newest, pair, typical, np.minimum(pair, oldest)]) - level[vigie.BASE]
        rows, n = self.features, len(vigie.Z_NAMES)
        z = rows[:n]
        z[: len(PAIRS)], z[len(PAIRS) : -1], z[-1] = trends / usual, against / noise, (typical - level[-1]) / noise
        np.clip(z / 2, -1, 1, out=rows[n : 2 * n])
        np.clip(z - 3, -1, 1, out=rows[2 * n : 3 * n])
        rest = rows[3 * n :]
        rest[0], rest[1], rest[2] = np.log(noise), self.step / noise, np.log(self.missing / USUAL_MISSING)
        rest[3], rest[4] = trends[vigie.MACD], against[2]
        rest[5], rest[6] = level[3] - level[5], level[4] - level[6]
        rest[7], rest[8] = np.log(usual[vigie.MACD]), self.step
        odds = np.clip(WEIGHTS @ rows + BIAS, -30, 30)
        self.score = np.where(self.scored, np.round(100 / (1 + np.exp(-odds)), 3), self.score)

    def _remember(self, trends: Grid, *, moved: Grid, noise: Grid, usual: Grid, lives: Flags) -> None:
        shown = np.abs(moved) > vigie.UNMOVED_KG
        size = np.minimum(moved * moved / 2, 9 * noise * noise) + vigie.PULL * USUAL_KG**2
        self.noise = np.where(shown, self.noise * vigie.NOISE_MEMORY + size, self.noise)
        self.noise_count = np.where(shown, self.noise_count * vigie.NOISE_MEMORY + 1 + vigie.PULL, self.noise_count)
        bounded = np.minimum(trends**2, vigie.TREND_CLIP * usual**2)
        self.trend = np.where(lives, self.trend * vigie.MEMORY + bounded, self.trend)
        self.trend_count = np.where(lives, self.trend_count * vigie.MEMORY + 1, self.trend_count)
