"""How is this patient to be watched, or this team's? The plan beside the group's, every change, one signature."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Form, HTTPException
from pydantic import BaseModel
from starlette.responses import RedirectResponse, Response

from clinician_api import audit
from clinician_api.dependencies import Now, OwnForm, Page, SignedIn, ThePage, Transaction
from clinician_api.detection import in_force, trial_rows, trials
from clinician_api.detection.trial_rows import Asked
from clinician_api.language import message
from clinician_api.patient import patients, plan_form, plan_record, typed
from clinician_api.patient.plan_record import NO_VERSION
from schemas.database import Connection

router = APIRouter()
NO_REASON = message("Say why, in at most 1,000 characters: it stays with the plan.")
MEANWHILE = message("%(who)s changed this plan meanwhile. Nothing was recorded; what you typed is kept below.")
NOTHING_CHANGES = message("These are the values in force: there is nothing to try.")
A_COLLEAGUE = message("A colleague")
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
        return {name: str(value) for name, value in self.model_dump().items()}


@router.get("/patients/{patient_id}/plan")
def show(patient_id: str, conn: Transaction, user: SignedIn, now: Now, page: ThePage) -> Response:
    """The plan, the group's beside it, and every change."""
    audit.write(conn, "patient.read", of=patient_id, by=user.user_id, at=now)
    return _answer(conn, page, patient_id)


def _answer(
    conn: Connection, page: Page, patient_id: str, *, kept: Mapping[str, str] | None = None,
    problems: list[str] | None = None, status: int = 200,
) -> Response:  # fmt: skip
    who = patients.found(conn, patient_id)
    team_id, versions = plan_record.team_of(conn, patient_id), plan_record.versions(conn, patient_id)
    current = versions[0] if versions else NO_VERSION
    return _page(
        conn, page, "plan.html", settings=current.settings, group=plan_record.group_settings(conn, team_id),
        kept=kept, problems=problems, status=status,
        zone=who.time_zone,
        patient=who,
        groups=plan_record.groups(conn),
        team_id=team_id,
        versions=versions,
        current=current,
        labels=plan_form.FIELDS,
        trials=trial_rows.newest(conn, patient_id=patient_id),
    )  # fmt: skip


def _page(  # noqa: PLR0913 what both have in common
    conn: Connection, page: Page, template: str, *, settings: Mapping[str, Any], group: Mapping[str, Any],
    kept: Mapping[str, str] | None, problems: list[str] | None, status: int = 200, **content: Any,
) -> Response:  # fmt: skip
    """What a patient's plan and a team's have in common."""
    choice = in_force.in_force(conn, "alerting")
    alerting = in_force.field(in_force.detector(choice))
    chosen = {alerting: choice.threshold} if choice and choice.threshold is not None else {}
    return page.answer(
        template,
        status=status,
        fields=plan_form.fields(settings, group=group, chosen=chosen, words=page.words),
        alerting=alerting,
        kept=kept or {},
        problems=problems or [],
        request_id=uuid4(),
        **content,
    )


@router.post("/patients/{patient_id}/plan", dependencies=[OwnForm])
def change(
    patient_id: str, conn: Transaction, user: SignedIn, now: Now, page: ThePage, form: Annotated[Typed, Form()]
) -> Response:
    """Settings that would differ are tried on the patient's past; what is as in the group follows the group."""
    trial_rows.lock(conn)  # two plans of one patient go one after the other, so that the second sees the first
    patients.found(conn, patient_id)
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
    settings = {**plan_record.group_settings(conn, team_id), **own}
    asked = Asked(
        request_id=form.request_id, patient_id=patient_id, team_id=team_id, detector=in_force.alerting(conn),
        plan=settings, plan_before=current.settings, based_on=current.number, author=user.user_id, reason=reason,
        now=now,
    )  # fmt: skip
    if settings != current.settings:
        return trials.try_it(conn, asked)
    if team_id != plan_record.team_of(conn, patient_id):
        plan_record.join_team(conn, patient_id, team_id=team_id, author=user.user_id, now=now)
    plan_record.add(conn, vars(asked), settings)
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
    problems: list[str] | None = None, status: int = 200,
) -> Response:  # fmt: skip
    group = next((one for one in plan_record.groups(conn) if one.team_id == team_id), None)
    if group is None:
        raise HTTPException(404)
    return _page(
        conn, page, "plan_team.html", settings=group.settings, group={}, kept=kept, problems=problems, status=status,
        group_shown=group, after=in_force.newest(conn, team_id=team_id),
        trials=trial_rows.newest(conn, team_id=team_id),
    )  # fmt: skip


@router.post("/teams/{team_id}/plan", dependencies=[OwnForm])
def change_team(
    team_id: int, conn: Transaction, user: SignedIn, now: Now, page: ThePage, form: Annotated[Typed, Form()]
) -> Response:
    """The team's values are tried on the past of its patients, who follow, except where their plan is their own."""
    trial_rows.lock(conn)
    group = next((one for one in plan_record.groups(conn) if one.team_id == team_id), None)
    if group is None:
        raise HTTPException(404)
    values, problems = plan_form.read(form.text, words=page.words)
    reason, newest = typed.note(form.reason), in_force.newest(conn, team_id=team_id)
    problems += [] if 0 < len(reason) <= LONGEST_REASON else [page.words.text(NO_REASON)]
    problems += [] if values != group.settings else [page.words.text(NOTHING_CHANGES)]
    if newest != form.after:
        late = page.words.text(MEANWHILE) % {"who": page.words.text(A_COLLEAGUE)}
        return _team_answer(conn, page, team_id, kept=form.text, problems=[late], status=409)
    if problems:
        return _team_answer(conn, page, team_id, kept=form.text, problems=problems, status=422)
    return trials.try_it(conn, Asked(
        request_id=form.request_id, team_id=team_id, detector=in_force.alerting(conn), plan=values,
        plan_before=group.settings, based_on=newest, author=user.user_id, reason=reason, now=now,
    ))  # fmt: skip
