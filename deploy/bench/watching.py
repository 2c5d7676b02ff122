"""What is seen sooner by also watching whoever comes near the threshold, and how many are watched in vain?

An alert is raised as in `trial`. A watch is opened where the score exceeds `WATCH_SHARE` of the threshold while nothing
is open and nothing was closed for 7 days; it becomes the alert that is raised on a later day, or has passed, and is
closed on that very day: as often as can be.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from alerts.detectors.detector import TOLERANCE_KG
from alerts.judgement.day import WATCH_SHARE
from alerts.policy import MERGE_FALSE
from alerts.study.backtest import MATCH
from deploy.bench import trial
from deploy.bench.trial import Array, BoolArray
from simulator.chronicle import Chronicle


@dataclass(frozen=True, kw_only=True)
class Watches:
    """On which days each patient's watches are opened, become an alert, and stand."""

    opened: BoolArray
    rose: BoolArray
    stands: BoolArray


def watches(scores: Array, threshold: float) -> Watches:
    """Beside the alerts at this threshold; `scores` are NaN on days without a weight."""
    raised = trial.alerts(scores, threshold)
    opened, rose, stands = (np.zeros(scores.shape, dtype=np.bool_) for _ in range(3))
    stand, quiet_until = np.zeros(len(scores), dtype=np.bool_), np.full(len(scores), -np.inf)
    for day in range(scores.shape[1]):
        seen, score = ~np.isnan(scores[:, day]), scores[:, day]
        above = seen & (score > WATCH_SHARE * threshold + TOLERANCE_KG)
        fires = seen & (score > threshold + TOLERANCE_KG)
        rose[:, day] = stand & raised[:, day]
        passed = stand & seen & ~above
        opened[:, day] = above & ~fires & ~stand & (day >= quiet_until)
        quiet_until[raised[:, day] | passed] = day + MERGE_FALSE.days
        stand = (stand | opened[:, day]) & ~rose[:, day] & ~passed
        stands[:, day] = stand
    return Watches(opened=opened, rose=rose, stands=stands)


def price(people: Chronicle, scores: Array, threshold: float) -> dict[str, Any]:
    """False watches a year, and what of the decompensations is seen, and how much sooner than by alerts alone."""
    raised, found = trial.alerts(scores, threshold), watches(scores, threshold)
    true = np.zeros(raised.shape, dtype=np.bool_)
    seen, gains, sooner = list[bool](), list[bool](), list[int]()
    for patient, events in enumerate(people.events):
        for event in events:
            window = slice(max(0, event.treated - MATCH.days), event.treated + 1)
            true[patient, window] = True
            alerts, watched = (np.flatnonzero(one[patient, window]) for one in (raised, found.opened))
            seen.append(bool(len(alerts) or len(watched)))
            gains += [seen[-1]] if event.kind != "no_gain" else []
            if len(alerts):
                sooner.append(max(0, int(alerts[0] - watched[0])) if len(watched) else 0)
    earlier, years = [days for days in sooner if days], people.patient_years
    return {
        "threshold": round(WATCH_SHARE * threshold, 4),
        "per_patient_year": round(found.opened.sum() / years, 3),
        "false_per_patient_year": round((found.opened & ~true).sum() / years, 3),
        "became_an_alert": trial.share(int(found.rose.sum()), int(found.opened.sum())),
        "sensitivity_with_alerts": trial.share(sum(seen), len(seen)),
        "sensitivity_with_alerts_with_gain": trial.share(sum(gains), len(gains)),
        "seen_sooner_of_those_alerted": trial.share(len(earlier), len(sooner)),
        "median_days_sooner": float(np.median(earlier)) if earlier else None,
        "standing_share_of_days": round(float(found.stands.sum() / found.stands.size), 4),
    }
