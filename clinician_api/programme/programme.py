"""How is the programme doing, and what did we do in a month? The page, its CSV, and the monthly report's files."""

import csv
import io
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, HTTPException, Query
from starlette.responses import Response

from clinician_api import audit
from clinician_api.dependencies import Now, SignedIn, ThePage, Transaction
from clinician_api.language import CLINIC_ZONE, message
from clinician_api.patient import typed
from clinician_api.programme import activity, activity_files, bars, programme_numbers, working_time
from clinician_api.programme.programme_numbers import DayCount, Raised
from clinician_api.programme.working_time import CLINIC
from schemas.alert import Cause
from schemas.database import Connection
from schemas.duty import Team
from schemas.patient_day import DAY_STATES

router = APIRouter()
ZONE = ZoneInfo(CLINIC_ZONE)
BY_WEEK = timedelta(days=100)
"""So much is shown by week, more by month."""
LONGEST = timedelta(days=3 * 366)
CAUSES: tuple[Cause, ...] = ("decompensation", "weight_loss", "no_transmission", "device")
Months = Literal["1", "3", "12"]
Day = Annotated[str, Query(max_length=10)]
BAD_PERIOD = message("Choose a first and a last day that have begun, at most three years apart.")
TeamId = Annotated[int | None, Query(ge=1, le=10**15)]
REPORTS = 13


@dataclass(frozen=True, kw_only=True)
class Part:
    """A week or month of the period, with its days by state and its alerts by cause."""

    first: date
    counts: list[DayCount]
    alerts: dict[str, float]

    @property
    def states(self) -> dict[str, float]:
        states: dict[str, float] = defaultdict(float)
        for count in self.counts:
            states[count.state] += count.days
        return states

    @property
    def adherence(self) -> float | None:
        return programme_numbers.adherence(self.counts)


@dataclass(frozen=True, kw_only=True)
class Period:
    """Some months until today (0: other days), as counted."""

    months: int
    first: date
    last: date
    counts: list[DayCount]
    alerts: list[Raised]

    def parts(self) -> list[Part]:
        """By week, or by month; each that has anything, and those between."""
        counts: dict[date, list[DayCount]] = defaultdict(list)
        causes: dict[date, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        for count in self.counts:
            counts[self._part(count.day)].append(count)
        for alert in self.alerts:
            causes[self._part(alert.opened_at.astimezone(ZONE).date())][alert.cause] += 1
        return [
            Part(first=first, counts=counts[first], alerts=dict(causes[first]))
            for first in sorted(counts.keys() | causes.keys())
        ]

    def _part(self, day: date) -> date:
        return day - timedelta(days=day.weekday()) if self.last - self.first <= BY_WEEK else day.replace(day=1)

    @property
    def address(self) -> str:
        """What an address says of it."""
        return f"months={self.months}" if self.months else f"first={self.first}&last={self.last}"


@dataclass(frozen=True, kw_only=True)
class Days:
    """Which days an address asks for, both included; not `is_right`: the last three months stand in."""

    months: int
    first: date
    last: date
    is_right: bool = True


def asked(months: Months, first: Day, last: Day, *, now: datetime) -> Days:
    """The last so many months, unless days are named."""
    today = now.astimezone(ZONE).date()
    if not first and not last:
        return Days(months=int(months), first=_months_before(today, int(months)), last=today)
    since, until = typed.day(first), typed.day(last or today.isoformat())
    if since is None or until is None or not since <= until <= today or until - since > LONGEST:
        return Days(months=3, first=_months_before(today, 3), last=today, is_right=False)
    return Days(months=0, first=since, last=until)


def period(conn: Connection, days: Days, *, team_id: int | None = None) -> Period:
    """As counted of all patients, or of one team's."""
    end = days.last + timedelta(days=1)
    since, until = (datetime.combine(day, time(0), tzinfo=ZONE) for day in (days.first, end))
    return Period(
        months=days.months,
        first=days.first,
        last=days.last,
        counts=programme_numbers.day_counts(conn, first=days.first, end=end, team_id=team_id),
        alerts=[
            alert
            for alert in programme_numbers.raised(conn, since=since, until=until)
            if team_id is None or alert.team_id == team_id
        ],
    )


def _months_before(day: date, months: int) -> date:
    ordinal = day.year * 12 + day.month - 1 - months
    return date(ordinal // 12, ordinal % 12 + 1, min(day.day, 28))


@router.get("/programme")
def show(  # noqa: PLR0913, PLR0917 what an address may say
    conn: Transaction, user: SignedIn, now: Now, page: ThePage, months: Months = "3", team: TeamId = None,
    first: Day = "", last: Day = "",
) -> Response:  # fmt: skip
    """Adherence, alerts, times and outcomes of the last months or other days; of all patients or one team's."""
    days = asked(months, first, last, now=now)
    audit.write(conn, "programme.read", of=f"{days.first} {days.last}", by=user.user_id, at=now)
    teams = working_time.teams(conn)
    if team not in teams:
        raise HTTPException(404)
    shown = period(conn, days, team_id=team)
    parts = shown.parts()
    return page.answer(
        "programme.html",
        status=200 if days.is_right else 422,
        problem=None if days.is_right else page.words.text(BAD_PERIOD),
        today=now.astimezone(ZONE).date(),
        period=shown,
        parts=parts,
        states=DAY_STATES,
        causes=CAUSES,
        adherence=programme_numbers.adherence(shown.counts),
        rate=programme_numbers.per_patient_year(len(shown.alerts), shown.counts),
        days_chart=_chart([(part.first, part.states) for part in parts], kinds=DAY_STATES),
        alerts_chart=_chart([(part.first, part.alerts) for part in parts], kinds=CAUSES),
        times=_times(shown.alerts, teams=teams),
        values=programme_numbers.values(shown.alerts),
        overdue=programme_numbers.overdue(conn, now=now, teams=teams, team_id=team),
        teams={team_id: one.name for team_id, one in teams.items() if team_id is not None},
        team=team,
        reports=_months(now),
    )


def _chart(stacks: Sequence[tuple[date, dict[str, float]]], *, kinds: Sequence[str]) -> dict[str, bars.Bars]:
    return {
        "wide": bars.draw(stacks, kinds=kinds, width=1080, height=250),
        "narrow": bars.draw(stacks, kinds=kinds, width=340, height=230),
    }


def _times(alerts: list[Raised], *, teams: dict[int | None, Team]) -> dict[str, programme_numbers.Spread | None]:
    ends = {
        "delivered": [
            (one.opened_at, one.delivered_at, teams.get(one.team_id, CLINIC)) for one in alerts if one.delivered_at
        ],
        "taken": [(one.opened_at, one.taken_at, teams.get(one.team_id, CLINIC)) for one in alerts if one.taken_at],
        "closed": [(one.opened_at, one.closed_at, teams.get(one.team_id, CLINIC)) for one in alerts if one.closed_at],
    }
    return {name: programme_numbers.spread(spans) for name, spans in ends.items()}


def _months(now: datetime) -> list[str]:
    """The months that can be reported, the newest first."""
    first, months = now.astimezone(ZONE).date().replace(day=1), []
    for _ in range(REPORTS):
        months.append(f"{first:%Y-%m}")
        first = (first - timedelta(days=1)).replace(day=1)
    return months


@router.get("/programme.csv")
def download(
    conn: Transaction, user: SignedIn, now: Now, months: Months = "3", team: TeamId = None, first: Day = "",
    last: Day = "",
) -> Response:  # fmt: skip
    """The period's days and alerts by week or month, for a spreadsheet; of all patients or one team's."""
    days = asked(months, first, last, now=now)
    if not days.is_right:
        raise HTTPException(422)
    audit.write(conn, "programme.read", of=f"{days.first} {days.last}", by=user.user_id, at=now)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["since", *DAY_STATES, "adherence", *(f"{cause}_alerts" for cause in CAUSES)])
    for part in period(conn, days, team_id=team).parts():
        share = "" if part.adherence is None else f"{part.adherence:.4f}"
        states, alerts = part.states, part.alerts
        writer.writerow(
            [
                part.first,
                *(int(states.get(state, 0)) for state in DAY_STATES),
                share,
                *(int(alerts.get(cause, 0)) for cause in CAUSES),
            ]
        )
    return _file(text.getvalue(), name="programme.csv", kind="text/csv; charset=utf-8")


@router.get("/programme/report")
def report(
    conn: Transaction,
    user: SignedIn,
    now: Now,
    page: ThePage,
    month: Annotated[str, Query(max_length=10)] = "",
    form: Literal["csv", "pdf"] = "pdf",
    team: Annotated[str, Query(pattern="^([1-9][0-9]{0,14})?$")] = "",
) -> Response:
    """A month's activity as a file; a month that is none or still to come, in a sentence."""
    try:
        asked = activity.Month.parse(month, now=now)
    except activity.NoSuchMonthError as error:
        problem = page.words.text(str(error))
        return page.answer("report_refused.html", status=422, problem=problem)
    audit.write(conn, "report.read", of=str(asked), by=user.user_id, at=now)
    rows = activity.of_month(conn, asked, team_id=int(team) if team else None)
    if form == "csv":
        return _file(activity_files.as_csv(rows), name=f"vigie-{asked}.csv", kind="text/csv; charset=utf-8")
    pdf = activity_files.as_pdf(rows, asked, words=page.words, now=now)
    return _file(pdf, name=f"vigie-{asked}.pdf", kind="application/pdf")


def _file(content: str | bytes, *, name: str, kind: str) -> Response:
    return Response(content, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})
