"""How is this patient to be watched, or this team's? The plan beside the group's, every change, one signature."""

from collections.abc import Mapping
from typing import Annotated, LiteralString
from uuid import UUID, uuid4

from fastapi import APIRouter, Form, HTTPException
from pydantic import BaseModel
from starlette.responses import RedirectResponse, Response

from clinician_api import audit
from clinician_api.dependencies import Now, OwnForm, Page, SignedIn, ThePage, Transaction
from clinician_api.detection import in_force
from clinician_api.language import message
from clinician_api.patient import patient_record, patients, plan_form, plan_record, typed
from clinician_api.patient.plan_record import NO_VERSION, Group
from schemas.database import Connection

router = APIRouter()
NO_REASON = message("Say why, in at most 1,000 characters: it stays with the plan.")
MEANWHILE = message("%(who)s changed this plan meanwhile. Nothing was recorded; what you typed is kept below.")
LONGEST_REASON = 1000


class Typed(BaseModel):
    """The form's fields, as typed; a field left empty is as in the group. `after`: the version its author saw."""

    request_id: UUID
    after: int
    reason: str = ""
    team: str = ""
    gain_kg: str = ""
    gain_days: str = ""
    loss_kg: str = ""
    alarm_kg: str = ""
    macd_threshold_kg: str = ""
    vigie_threshold: str = ""
    silence_days: str = ""
    weigh_by_hour: str = ""
    grace_hours: str = ""

    @property
    def text(self) -> dict[str, str]:
        return {name: str(value)[:1200] for name, value in self.model_dump().items()}


@router.get("/patients/{patient_id}/plan")
def show(patient_id: str, conn: Transaction, user: SignedIn, now: Now, page: ThePage) -> Response:
    """The plan, the group's beside it, and every change."""
    audit.write(conn, "patient.read", of=patient_id, by=user.user_id, at=now)
    return _answer(conn, page, patient_id)


def _answer(
    conn: Connection, page: Page, patient_id: str, *, kept: Mapping[str, str] | None = None,
    problems: list[str] | None = None, status: int = 200,
) -> Response:  # fmt: skip
    who = patient_record.patient(conn, patient_id)
    if who is None:
        raise HTTPException(404)
    groups, team_id = plan_record.groups(conn), plan_record.team_of(conn, patient_id)
    versions = plan_record.versions(conn, patient_id)
    current = versions[0] if versions else NO_VERSION
    return page.answer(
        "plan.html",
        status=status,
        zone=who.time_zone,
        patient=who,
        fields=plan_form.fields(current.settings, group=_values(groups, team_id), words=page.words),
        alerting=alerting_field(conn),
        groups=groups,
        team_id=team_id,
        versions=versions,
        current=current,
        labels=plan_form.FIELDS,
        kept=kept or {},
        problems=problems or [],
        request_id=uuid4(),
    )


def _values(groups: list[Group], team_id: int | None) -> dict[str, object]:
    return next((group.settings for group in groups if group.team_id == team_id), {})


def alerting_field(conn: Connection) -> str:
    """The field that holds the threshold of the detector that alerts: it is tried before it is changed."""
    choice = in_force.in_force(conn, "alerting")
    return in_force.field((choice and choice.detector) or in_force.DEFAULT)


# Two plans of one patient go one after the other, so that the second sees the first.
LOCK: LiteralString = "SELECT pg_advisory_xact_lock(81, hashtext(%(patient_id)s))"


@router.post("/patients/{patient_id}/plan", dependencies=[OwnForm])
def change(
    patient_id: str, conn: Transaction, user: SignedIn, now: Now, page: ThePage, form: Annotated[Typed, Form()]
) -> Response:
    """A new version, signed; what is as in the group follows the group."""
    conn.execute(LOCK, {"patient_id": patient_id})
    if patient_record.patient(conn, patient_id) is None:
        raise HTTPException(404)
    current = next(iter(plan_record.versions(conn, patient_id)), NO_VERSION)
    if current.request_id == form.request_id:
        return RedirectResponse(f"/patients/{patient_id}/plan", status_code=303)
    own, problems = plan_form.read(form.text, words=page.words)
    reason, team_id = typed.note(form.reason), _team(conn, form.team)
    problems += [] if 0 < len(reason) <= LONGEST_REASON else [page.words.text(NO_REASON)]
    if ended := patients.ended(conn, patient_id):
        problems.append(page.words.text(ended))
    if current.number != form.after:
        late = page.words.text(MEANWHILE) % {"who": current.author or "–"}
        return _answer(conn, page, patient_id, kept=form.text, problems=[late], status=409)
    if problems:
        return _answer(conn, page, patient_id, kept=form.text, problems=problems, status=422)
    own.pop(name := alerting_field(conn), None)  # tried first
    settings = {**_values(plan_record.groups(conn), team_id), **own}
    if name in current.settings:
        settings[name] = current.settings[name]
    if team_id != plan_record.team_of(conn, patient_id):
        plan_record.join_team(conn, patient_id, team_id=team_id, author=user.user_id, now=now)
    values = {"request_id": form.request_id, "patient_id": patient_id, "reason": reason, "author": user.user_id}
    plan_record.add(conn, values | {"now": now}, settings)
    audit.write(conn, "plan.set", of=patient_id, by=user.user_id, at=now)
    return RedirectResponse(f"/patients/{patient_id}/plan", status_code=303)


def _team(conn: Connection, text: str) -> int | None:
    """The team chosen, if there is one of this number."""
    return next((group.team_id for group in plan_record.groups(conn) if str(group.team_id) == text), None)


@router.get("/teams/{team_id}/plan")
def show_team(team_id: int, conn: Transaction, user: SignedIn, page: ThePage) -> Response:
    """A team's own values, which its patients have unless theirs say otherwise."""
    return _team_answer(conn, page, team_id)


def _team_answer(
    conn: Connection, page: Page, team_id: int, *, kept: Mapping[str, str] | None = None,
    problems: list[str] | None = None,
) -> Response:  # fmt: skip
    group = next((one for one in plan_record.groups(conn) if one.team_id == team_id), None)
    if group is None:
        raise HTTPException(404)
    return page.answer(
        "plan_team.html",
        status=422 if problems else 200,
        group=group,
        fields=plan_form.fields(group.settings, group={}, words=page.words),
        alerting=alerting_field(conn),
        kept=kept or {},
        problems=problems or [],
        request_id=uuid4(),
    )


@router.post("/teams/{team_id}/plan", dependencies=[OwnForm])
def change_team(
    team_id: int, conn: Transaction, user: SignedIn, now: Now, page: ThePage, form: Annotated[Typed, Form()]
) -> Response:
    """The team's values from now on; its patients follow, except where their plan is their own."""
    conn.execute(LOCK, {"patient_id": f"team {team_id}"})
    group = next((one for one in plan_record.groups(conn) if one.team_id == team_id), None)
    if group is None:
        raise HTTPException(404)
    values, problems = plan_form.read(form.text, words=page.words)
    reason = typed.note(form.reason)
    problems += [] if 0 < len(reason) <= LONGEST_REASON else [page.words.text(NO_REASON)]
    if problems:
        return _team_answer(conn, page, team_id, kept=form.text, problems=problems)
    values.pop(alerting_field(conn), None)
    given = {"request_id": form.request_id, "team_id": team_id, "reason": reason, "author": user.user_id, "now": now}
    plan_record.set_team_plan(conn, given, before=group.settings, after=values)
    audit.write(conn, "plan.set", of=f"team {team_id}", by=user.user_id, at=now)
    return RedirectResponse(f"/teams/{team_id}/plan", status_code=303)
