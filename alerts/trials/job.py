"""How is a trial answered? Reads the history, judges it by both settings, writes how far it is and what came out."""

import gc
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from multiprocessing import parent_process

import psycopg

from alerts import choice_store, pause_store, shadow_store
from alerts.judgement import registry
from alerts.judgement.choice import Choice, Duty
from alerts.judgement.history import ZONE, Course, Event
from alerts.judgement.registry import UnknownDetectorError
from alerts.study import budget, outcome_store
from alerts.study.backtest import Study
from alerts.study.trial import BudgetError
from alerts.trials import beside, compared, trial_store
from alerts.trials.compared import Crew, Outcome, Setting
from alerts.trials.trial_store import Read, Request
from schemas import database
from schemas.database import Connection
from schemas.plan import Plan
from schemas.trial import Beside, Pair, Problem, Result

Simulated = Callable[[], Study]
"""Simulated patients, for a history too short to tell."""
ENOUGH_PATIENT_YEARS = budget.ENOUGH_FALSE_ALERTS
"""Without a budget: at one false alert per patient-year the rate is then known within ±28 %."""
AT_ONCE = 100
READ, STUDIED, JUDGED = 0.4, 0.6, 0.9
"""Of the time that a year of 800 patients takes."""
POLITE = 10
EVERY_SECONDS = 0.3


class NoShadowError(Exception):
    """No detector runs in the shadow."""


def run(url: str, trial_id: int, now: datetime, simulated: Simulated) -> None:
    """The whole of a process of its own, which ends with its parent: assessments must not wait for a trial."""
    os.nice(POLITE)
    gc.disable()  # a million objects that stay until the end: looking through them took a quarter of the time
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with database.connect(url, service="alerts", autocommit=True) as conn:
        answer(conn, trial_id, now=now, simulated=simulated)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent:
        parent.join()
        os._exit(1)


def answer(conn: Connection, trial_id: int, *, now: datetime, simulated: Simulated) -> None:
    """Answer it, or say why that cannot be. `conn` commits by itself, so that the progress is seen."""
    asked = trial_store.request(conn, trial_id)
    if asked.attempts > trial_store.MOST_ATTEMPTS:
        trial_store.fail(conn, trial_id, "failed", now=now)
        return
    problem: Problem
    try:
        job = Job(conn=conn, asked=asked, now=now, simulated=simulated, began=time.monotonic())
        result = _beside(conn) if asked.kind == "shadow" else _result(job)
    except UnknownDetectorError:
        problem = "no_such_detector"
    except NoShadowError:
        problem = "no_shadow"
    except BudgetError:
        problem = "never_alerts"
    except psycopg.OperationalError:
        raise  # the database went away: the lease ends, and it is taken again
    except Exception:
        trial_store.fail(conn, trial_id, "failed", now=now)
        raise
    else:
        trial_store.answer(conn, trial_id, result, now=now)
        return
    trial_store.fail(conn, trial_id, problem, now=now)


@dataclass(kw_only=True)
class Job:
    """A request with what it takes to answer it."""

    conn: Connection
    asked: Request
    now: datetime
    simulated: Simulated
    began: float
    said: float = 0.0

    def reached(self, share: float) -> None:
        if time.monotonic() - self.said > EVERY_SECONDS:
            self.said = time.monotonic()
            trial_store.progress(self.conn, self.asked.trial_id, share)

    def own(self) -> Study:
        """The clinic's history, or the one patient's, with what was coded as confirmed."""
        everyone = trial_store.patients(self.conn, self.asked)
        readings: list[Read] = []
        for first in range(0, len(everyone), AT_ONCE):
            readings += trial_store.readings(self.conn, everyone[first : first + AT_ONCE], now=self.now)
            self.reached(READ * first / len(everyone))
        self.reached(READ)
        events = [*outcome_store.decompensations(self.conn), *trial_store.dry_weights(self.conn, now=self.now)]
        return Study(readings, events=[*events, *self._stays(everyone)])

    def _stays(self, patient_ids: list[str]) -> Iterator[Event]:
        """Stays in hospital, after which the averages begin anew, as they do for the worker; a holiday changes none."""
        for patient_id, pauses in pause_store.pauses(self.conn, patient_ids).items():
            for pause in pauses:
                if pause.kind == "hospital" and pause.last_day >= pause.first_day:
                    until = pause.span(ZONE).until
                    yield Event(patient_id=patient_id, at=pause.changed_at, kind="pause", until=until)

    def judge(self, study: Study, setting: Setting, *, since: float, until: float) -> list[Outcome]:
        def seen(courses: Sequence[Course]) -> Iterable[Course]:
            for number, course in enumerate(courses):
                self.reached(since + (until - since) * number / len(courses))
                yield course

        study.scores(setting.detector.NAME, progress=seen)
        return compared.outcomes(study, setting, now=self.now)


def _beside(conn: Connection) -> Beside:
    """The shadow beside the detector in force.

    Raises:
        NoShadowError: there is none by now.
    """
    choice, began = choice_store.choice(conn), choice_store.chosen(conn).get("shadow")
    if choice.shadow is None or began is None:
        raise NoShadowError
    since = began.recorded_at
    rows = shadow_store.judged(conn, choice, since=since)
    return beside.beside(rows, choice=choice, since=since, coded=trial_store.coded(conn, since=since))


def _result(job: Job) -> Result:
    asked, choice = job.asked, choice_store.choice(job.conn)
    detector = registry.named(asked.detector)
    plans = {patient_id: Plan.model_validate(plan) for patient_id, plan in trial_store.plans(job.conn).items()}
    own, settings = job.own(), (Setting(choice=choice, plans=plans),) * 2
    enough = asked.patient_id is None and own.patient_years * (asked.budget or 1.0) >= ENOUGH_PATIENT_YEARS
    if asked.plan is not None:
        settings = _plans_tried(job, settings[0])
        enough = enough or not settings[0].changes_detection
    simulated = None if enough else job.simulated()
    job.reached(STUDIED)
    if asked.plan is None:
        threshold = _solved(simulated or own, asked) if asked.budget else asked.threshold
        tried = Choice(alerting=Duty(detector=asked.detector, threshold=threshold))
        settings = settings[0], replace(settings[0], choice=tried)
    crew = Crew(**dict(zip(("watched", "nurses"), trial_store.counts(job.conn), strict=True)))
    old = job.judge(own, settings[0], since=STUDIED, until=(STUDIED + JUDGED) / 2)
    new = job.judge(own, settings[1], since=(STUDIED + JUDGED) / 2, until=JUDGED)
    return Result(
        own=compared.pair(old, new, settings=settings, crew=crew),
        simulated=_on_simulated(job, simulated, settings, crew) if simulated else None,
        solved_on=("simulated" if simulated else "own") if asked.budget else None,
        watched=crew.watched,
        nurses=crew.nurses,
        keep_their_own=sum(detector.THRESHOLD in plan.model_fields_set for plan in plans.values()),
        cases=compared.cases(old, new),
        changed=compared.changed(old, new),
        rest=compared.rest(old, new),
        seconds=round(time.monotonic() - job.began, 2),
    )


def _plans_tried(job: Job, now_in_force: Setting) -> tuple[Setting, Setting]:
    """One patient's plan as it is and as it would be, or those of a team's patients."""
    asked, plans = job.asked, now_in_force.plans
    if asked.patient_id is not None:
        then = {asked.patient_id: Plan.model_validate(asked.plan)}
        usual = plans.get(asked.patient_id, Plan())
    else:
        then = {one: Plan.model_validate(plan) for one, plan in trial_store.following(job.conn, asked).items()}
        usual = Plan.model_validate(asked.plan_before or {})
    pairs = [(usual, Plan.model_validate(asked.plan)), *((plans.get(one, Plan()), plan) for one, plan in then.items())]
    touched = {name for old, new in pairs for name in Plan.model_fields if _differ(old, new, name)}
    before = replace(now_in_force, usual=usual, touched=frozenset(touched))
    return before, replace(before, plans=dict(plans) | then, usual=Plan.model_validate(asked.plan))


def _differ(old: Plan, new: Plan, name: str) -> bool:
    """A field that is named differs from one that follows the clinic, even at the same value."""
    said = name in old.model_fields_set, name in new.model_fields_set
    return said[0] != said[1] or getattr(old, name) != getattr(new, name)


def _solved(study: Study, asked: Request) -> float:
    """The budget's threshold.

    Raises:
        BudgetError: only a threshold that never alerts keeps it.
    """
    assert asked.budget
    threshold = study.solve(asked.detector, budget=asked.budget)
    _, tallies = study.tallies(asked.detector, threshold=threshold)
    if not any(one.raised for one in tallies):
        raise BudgetError("only a threshold that never alerts keeps it")
    return threshold


def _on_simulated(job: Job, study: Study, settings: tuple[Setting, Setting], crew: Crew) -> Pair:
    """Everybody there has the tried plan, or none; nobody's silences are theirs."""
    everyone = [replace(setting, plans={}, touched=frozenset()) for setting in settings]
    found = [job.judge(study, setting, since=JUDGED, until=1) for setting in everyone]
    return compared.pair(found[0], found[1], settings=settings, crew=crew)
