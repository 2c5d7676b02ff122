"""Do rules with a published field result score on the simulator what they scored there? If better, it is too easy."""

from dataclasses import dataclass
from typing import Any

from alerts.detectors import fast, guideline, scale_hf
from alerts.detectors.detector import Detector
from deploy.bench import peers, trial, worlds
from schemas.plan import Plan
from simulator import chronicle


@dataclass(frozen=True, kw_only=True)
class Published:
    """A rule's result in the field (clinical.md §2); false alerts per patient-year are None where not reported."""

    detector: Detector
    source: str
    sensitivity: float
    false_per_year: float | None


PUBLISHED = (
    Published(detector=fast, source="FAST, Abraham 2011", sensitivity=0.225, false_per_year=4.3),
    Published(detector=scale_hf, source="SCALE-HF 1, Fudim 2025", sensitivity=0.35, false_per_year=4.18),
    Published(detector=guideline, source="HeartPhone 2013 and Gyllensten 2016", sensitivity=0.205, false_per_year=None),
)


def run(*, seed: int, patient_years: int = 1500) -> dict[str, Any]:
    """Each published rule at its own limits on the usual world, beside what its paper found."""
    people = chronicle.chronicle(worlds.USUAL, patients=patient_years, seed=seed)
    return {
        "bench": "calibration",
        "seed": seed,
        "patient_years": round(people.patient_years, 1),
        "events": sum(len(events) for events in people.events),
        "rules": [_compared(published, people) for published in PUBLISHED],
    }


def _compared(published: Published, people: chronicle.Chronicle) -> dict[str, Any]:
    detector = published.detector
    tried = trial.try_threshold(people, peers.scores(detector, people), detector.threshold(Plan()))
    return {
        "rule": detector.NAME,
        "source": published.source,
        "published_sensitivity": published.sensitivity,
        "published_false_per_patient_year": published.false_per_year,
        **tried.summary(),
    }
