"""What does `vigie explain` do? Reads an episode, computes its evidence again, and tells the two apart."""

import json
from collections.abc import Callable

from alerts import evidence_store, store
from alerts.evidence_store import StoredEpisode
from alerts.judgement import explanation
from schemas.alert import Evidence
from schemas.database import Connection


class UnknownEpisodeError(Exception):
    """There is no such episode; one line."""


def explain(
    conn: Connection, episode_id: int, *, readings_too: bool, as_json: bool, echo: Callable[[str], None] = print
) -> list[str]:
    """Show why an episode was raised, and return what is not the same when it is computed again.

    Computed from the evidence alone; with `readings_too` also from the readings that were recorded by then.

    Raises:
        UnknownEpisodeError: no such episode.
        alerts.judgement.explanation.UnexplainableError: the evidence does not suffice.
    """
    stored = evidence_store.episode(conn, episode_id)
    if stored is None:
        raise UnknownEpisodeError(f"there is no episode {episode_id}")
    evidence = Evidence.model_validate(stored.evidence)
    differing = [f"from the evidence: {line}" for line in _compare(evidence, explanation.from_itself(evidence))]
    if readings_too:
        differing += [
            f"from the readings: {line}" for line in _compare(evidence, _from_readings(conn, stored, evidence))
        ]
    if as_json:
        echo(json.dumps(_report(stored, evidence, differing), ensure_ascii=False))
    else:
        _show(stored, evidence, differing, readings_too=readings_too, echo=echo)
    return differing


def _compare(stored: Evidence, computed: Evidence) -> list[str]:
    return explanation.differences(stored, computed)


def _from_readings(conn: Connection, stored: StoredEpisode, evidence: Evidence) -> Evidence:
    weights, doubted = store.sift(evidence_store.readings_then(conn, stored))
    return explanation.from_readings(evidence, weights=weights, doubted=doubted)


def _report(stored: StoredEpisode, evidence: Evidence, differing: list[str]) -> dict[str, object]:
    return {
        "episode": stored.episode_id,
        "patient_id": stored.patient_id,
        "cause": stored.cause,
        "severity": stored.severity,
        "raised_at": stored.last_raised_at.isoformat(),
        "evidence": evidence.model_dump(mode="json"),
        "differences": differing,
    }


def _show(
    stored: StoredEpisode,
    evidence: Evidence,
    differing: list[str],
    *,
    readings_too: bool,
    echo: Callable[[str], None],
) -> None:
    echo(f"episode {stored.episode_id} of {stored.patient_id}: {stored.cause}, {stored.severity}")
    echo(f"raised at {stored.last_raised_at.isoformat()}")
    echo(evidence.sentence["fr"])
    for line in explanation.lines(evidence):
        echo(line)
    for line in differing:
        echo(f"DIFFERS  {line}")
    if not differing:
        sources = "the evidence and from the readings" if readings_too else "the evidence"
        echo(f"computed again from {sources}: the same to the last digit")
