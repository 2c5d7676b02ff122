"""What does each detector find at the same price? Every detector at 0.5, 1, 2 and 4.2 false alerts per patient-year."""

from collections.abc import Callable
from typing import Any

from deploy.bench import peers, trial, watching, worlds
from simulator import chronicle
from simulator.chronicle import Chronicle, World

BUDGETS = (0.5, 1.0, 2.0, 4.2)


def run(*, seed: int, patient_years: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Each world for `patient_years`; the thresholds are solved on the same chronicle, for every detector alike."""
    real = worlds.partly_real()
    every = (worlds.USUAL, *worlds.OTHERS, *([real] if real else []))
    return {
        "bench": "detection",
        "seed": seed,
        "partly_real_logs": len(real.baselines) if real else 0,
        "worlds": {world.name: _world(world, seed=seed, patients=patient_years, say=say) for world in every},
    }


def _world(world: World, *, seed: int, patients: int, say: Callable[[str], None]) -> dict[str, Any]:
    people = chronicle.chronicle(world, patients=patients, seed=seed)
    detectors: dict[str, Any] = {}
    for detector in peers.ALL:
        say(f"{world.name}: {detector.NAME}")
        detectors[detector.NAME] = _detector(people, peers.scores(detector, people))
    return {
        "patient_years": round(people.patient_years, 1),
        "events": sum(len(events) for events in people.events),
        "events_with_gain": sum(event.kind != "no_gain" for events in people.events for event in events),
        "wrong_person_readings": int(people.wrong_person.sum()),
        "detectors": detectors,
    }


def _detector(people: Chronicle, scores: peers.Array) -> dict[str, Any]:
    trials = {budget: trial.at_budget(people, scores, budget) for budget in BUDGETS}
    return {str(budget): tried.summary() for budget, tried in trials.items()} | {
        "watch_at_1.0": watching.price(people, scores, trials[1.0].threshold),
        "wrong_person_alerts_at_1.0": _crossed_on_wrong_person(people, scores, trials[1.0].threshold),
    }


def _crossed_on_wrong_person(people: Chronicle, scores: peers.Array, threshold: float) -> int:
    """Alerts on a wrong-person reading that the weight before it had not raised already."""
    raised = trial.alerts(scores, threshold) & people.wrong_person
    return sum(_was_below(scores[patient, :day], threshold) for patient, day in zip(*raised.nonzero(), strict=True))


def _was_below(before: peers.Array, threshold: float) -> bool:
    seen = before[before == before]  # noqa: PLR0124 NaN: no weight
    return not len(seen) or bool(seen[-1] <= threshold)
