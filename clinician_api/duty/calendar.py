"""Who is on duty, and who would be told at 3 a.m. on Sunday? Teams, their week, stand-ins; holes before they happen."""

from datetime import datetime, time
from typing import Annotated, cast, get_args
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, HTTPException
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from clinician_api import audit
from clinician_api.dependencies import Now, OwnForm, Page, SignedIn, ThePage, Transaction
from clinician_api.duty import teams, upkeep
from clinician_api.language import message
from schemas import chain, duty, rosters
from schemas.alert import Urgency
from schemas.database import Connection
from schemas.duty import POSTS, Post, Roster, Team, Weekly

router = APIRouter()
BAD_TEAM = message(
    "A team needs a name of at most 60 characters, at least one post with 5 to 2880 minutes, "
    "and a promise of 15 to 2880."
)
BAD_DUTY = message("Choose a person, a post, a day, and two times such as 08:00. Nothing was changed.")
BAD_SPAN = message("Choose a person, a post, and a beginning before the end. Nothing was changed.")


@router.get("/duty")
def show(conn: Transaction, user: SignedIn, now: Now, page: ThePage) -> Response:
    """Every team: who is on duty now, and when nobody will be."""
    return _overview(conn, page)


def _overview(conn: Connection, page: Page, *, problem: str = "", status: int = 200) -> Response:
    known = rosters.rosters(conn, rosters.team_ids(conn), now=page.now)
    everybody, people = known.pop(None), teams.people(conn)
    return page.answer(
        "duty.html",
        status=status,
        teams=[
            {
                "team_id": team_id,
                "roster": roster,
                "now": _on_duty(roster, page.now),
                "holes": duty.holes(roster, page.now, until=page.now + duty.AHEAD),
            }
            for team_id, roster in known.items()
        ],
        everybody=everybody,
        sizes=teams.sizes(conn),
        names=_names(conn),
        problem=problem,
        upkeep=upkeep.held(conn),
        contacts=upkeep.contacts(conn),
        people=people,
        reachable={one.user_id for one in people if one.reachable},
    )


def _on_duty(roster: Roster, at: datetime) -> list[tuple[Post, list[int]]]:
    """Each post of the chain once, with who holds it at `at`."""
    posts = dict.fromkeys(step.post for step in roster.team.steps)
    return [(post, duty.on_duty(roster, at, post=post)) for post in posts]


def _names(conn: Connection) -> dict[int, str]:
    return {person.user_id: person.display_name for person in teams.people(conn)}


@router.post("/duty", dependencies=[OwnForm])
def add(conn: Transaction, user: SignedIn, now: Now, page: ThePage, name: Annotated[str, Form()] = "") -> Response:
    """A new team, with Cardi'Auvergne's three hours until somebody changes them; or the one of this name."""
    try:
        team = Team(name=name.replace("\0", "").strip())
    except ValidationError:
        return _overview(conn, page, problem=page.words.text(BAD_TEAM), status=422)
    team_id = teams.called(conn, team.name)
    if team_id is None:
        team_id = teams.add(conn, team, author=user.user_id, now=now)
        audit.write(conn, "team.change", of=str(team_id), by=user.user_id, at=now)
    return RedirectResponse(f"/duty/{team_id}", status_code=303)


@router.get("/duty/{team_id}")
def show_team(
    team_id: int, conn: Transaction, user: SignedIn, now: Now, page: ThePage, at: str = "", severity: str = "alert"
) -> Response:
    """One team; with `at`, whom an alert of that moment would be told."""
    return _team_page(conn, page, team_id, at=at[:25], severity=severity)


def _team_page(
    conn: Connection, page: Page, team_id: int, *, at: str = "", severity: str = "alert", problem: str = "",
    status: int = 200,
) -> Response:  # fmt: skip
    roster = _roster(conn, team_id, now=page.now)
    asked = _moment(at, zone=roster.team.zone)
    chosen: Urgency = next((one for one in get_args(Urgency) if one == severity), "alert")
    return page.answer(
        "duty_team.html",
        status=status,
        zone=roster.team.time_zone,
        team_id=team_id,
        roster=roster,
        team=roster.team,
        on_duty=_on_duty(roster, page.now),
        is_open=duty.is_open(roster.team, page.now),
        opens=duty.next_opening(roster.team, page.now),
        holes=duty.holes(roster, page.now, until=page.now + duty.AHEAD),
        shifts=teams.shifts(conn, team_id),
        stand_ins=teams.stand_ins(conn, team_id, now=page.now),
        people=teams.people(conn),
        names=_names(conn),
        posts=POSTS,
        severities=get_args(Urgency),
        hours={one.weekday: one for one in roster.team.hours},
        minutes={step.post: step.minutes for step in roster.team.steps},
        at=at if asked else "",
        asked=asked,
        severity=chosen,
        forecast=chain.forecast(roster, chosen, asked) if asked else [],
        problem=problem,
    )


def _roster(conn: Connection, team_id: int, *, now: datetime) -> Roster:
    known = rosters.rosters(conn, [team_id], now=now) if team_id < 2**63 else {}
    if team_id not in known:
        raise HTTPException(404)
    return known[team_id]


@router.post("/duty/{team_id}/settings", dependencies=[OwnForm])
def change(  # noqa: PLR0913, PLR0917 a form's fields
    team_id: int, conn: Transaction, user: SignedIn, now: Now, page: ThePage,
    opens: Annotated[list[str], Form(default_factory=list)],
    closes: Annotated[list[str], Form(default_factory=list)],
    minutes: Annotated[list[str], Form(default_factory=list)],
    name: Annotated[str, Form()] = "",
    at_any_hour: Annotated[str, Form()] = "",
    promise_minutes: Annotated[str, Form()] = "180",
    works_on_holidays: Annotated[bool, Form()] = False,  # noqa: FBT002 a tick
) -> Response:  # fmt: skip
    """The working hours (a day without both times is closed), the chain (a post without minutes is left out)."""
    before = _roster(conn, team_id, now=now).team
    hours = [
        {"weekday": day, "starts": first, "ends": last}
        for day, (first, last) in enumerate(zip(opens[:7], closes[:7], strict=False))
        if first and last
    ]
    steps = [{"post": post, "minutes": given} for post, given in zip(POSTS, minutes, strict=False) if given.strip()]
    try:
        team = Team.model_validate(
            {
                "name": name.replace("\0", "").strip(), "time_zone": before.time_zone, "hours": hours, "steps": steps,
                "works_on_holidays": works_on_holidays, "at_any_hour": at_any_hour or None,
                "promise_minutes": promise_minutes,
            }
        )  # fmt: skip
    except ValidationError:
        return _team_page(conn, page, team_id, problem=page.words.text(BAD_TEAM), status=422)
    if team != before:
        teams.change(conn, team_id, team, author=user.user_id, now=now)
        audit.write(conn, "team.change", of=str(team_id), by=user.user_id, at=now)
    return _back(team_id)


@router.post("/duty/{team_id}/shifts", dependencies=[OwnForm])
def add_shift(  # noqa: PLR0913, PLR0917 a form's fields
    team_id: int, conn: Transaction, user: SignedIn, now: Now, page: ThePage,
    weekday: Annotated[list[int], Form(default_factory=list)],
    person: Annotated[int, Form(ge=0, lt=2**63)] = 0,
    post: Annotated[str, Form()] = "",
    starts: Annotated[str, Form()] = "",
    ends: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """A weekly duty on each of the days ticked."""
    _roster(conn, team_id, now=now)
    first, last = _clock(starts), _clock(ends)
    if not person or post not in get_args(Post) or first is None or last is None or not weekday or (
        not set(weekday) <= set(range(7))
    ):  # fmt: skip
        return _team_page(conn, page, team_id, problem=page.words.text(BAD_DUTY), status=422)
    for day in sorted(set(weekday)):
        teams.add_shift(
            conn, team_id, user_id=person, post=cast("Post", post), weekday=day, starts=first, ends=last,
            author=user.user_id, now=now,
        )  # fmt: skip
    audit.write(conn, "duty.change", of=str(team_id), by=user.user_id, at=now)
    return _back(team_id)


@router.post("/duty/{team_id}/stand-ins", dependencies=[OwnForm])
def add_stand_in(  # noqa: PLR0913, PLR0917 a form's fields
    team_id: int, conn: Transaction, user: SignedIn, now: Now, page: ThePage,
    person: Annotated[int, Form(ge=0, lt=2**63)] = 0,
    post: Annotated[str, Form()] = "",
    since: Annotated[str, Form()] = "",
    until: Annotated[str, Form()] = "",
    instead_of: Annotated[int, Form(ge=0, lt=2**63)] = 0,
) -> Response:  # fmt: skip
    """A swap, a replacement, an extra duty."""
    zone = _roster(conn, team_id, now=now).team.zone
    first, last = _moment(since, zone=zone), _moment(until, zone=zone)
    known = {one.user_id for one in teams.people(conn)}
    good = person in known and instead_of in {0, *known} - {person} and post in get_args(Post)
    if not good or first is None or last is None or first >= last:
        return _team_page(conn, page, team_id, problem=page.words.text(BAD_SPAN), status=422)
    teams.add_stand_in(
        conn, team_id, user_id=person, post=cast("Post", post), since=first, until=last,
        instead_of=instead_of or None, author=user.user_id, now=now,
    )  # fmt: skip
    audit.write(conn, "duty.change", of=str(team_id), by=user.user_id, at=now)
    return _back(team_id)


@router.post("/duty/{team_id}/shifts/{number}/end", dependencies=[OwnForm])
def end_shift(team_id: int, number: int, conn: Transaction, user: SignedIn, now: Now) -> Response:
    """This weekly duty is no more."""
    _roster(conn, team_id, now=now)
    teams.end_shift(conn, team_id, min(number, 2**63 - 1), author=user.user_id, now=now)
    audit.write(conn, "duty.change", of=str(team_id), by=user.user_id, at=now)
    return _back(team_id)


@router.post("/duty/{team_id}/stand-ins/{number}/end", dependencies=[OwnForm])
def end_stand_in(team_id: int, number: int, conn: Transaction, user: SignedIn, now: Now) -> Response:
    """It does not take place, or no longer."""
    _roster(conn, team_id, now=now)
    teams.end_stand_in(conn, team_id, min(number, 2**63 - 1), author=user.user_id, now=now)
    audit.write(conn, "duty.change", of=str(team_id), by=user.user_id, at=now)
    return _back(team_id)


def _back(team_id: int) -> Response:
    return RedirectResponse(f"/duty/{team_id}", status_code=303)


def _clock(text: str) -> time | None:
    try:
        return Weekly.model_validate({"weekday": 0, "starts": text, "ends": "00:00"}).starts if len(text) == 5 else None
    except ValidationError:
        return None


def _moment(text: str, *, zone: ZoneInfo) -> datetime | None:
    """A day and a time as a form sends them, by the team's clocks."""
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        return None
    if not 2020 <= given.year <= 2100:
        return None
    return given if given.tzinfo else given.replace(tzinfo=zone)
