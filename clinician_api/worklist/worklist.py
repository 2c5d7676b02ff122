"""What stands on the screen at 8 o'clock? Sections by reason, clinical ones first, each as long as a page can be."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from operator import itemgetter
from typing import Annotated, LiteralString
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request
from markupsafe import Markup
from starlette.responses import Response

from clinician_api import audit, pages, vocabulary
from clinician_api.access.sessions import User
from clinician_api.dependencies import LIVE_HEADER, Now, Page, SignedIn, ThePage, Transaction
from clinician_api.language import CLINIC_ZONE, Language, Words, message
from clinician_api.patient import tag_record
from clinician_api.programme import working_time
from clinician_api.worklist import drawer, entries, filters, outages, proof, reviews, weights_to_check
from clinician_api.worklist.entries import Count, Entry, Wanted
from schemas import rosters
from schemas.alert import SEVERITIES, Cause
from schemas.database import Connection
from schemas.duty import Team

router = APIRouter()
IN_A_SECTION = 20
ON_ITS_OWN = 100
"""So many when one section is all that is asked for."""
TAG, ANY_TAG = message("Tag"), message("any")
TEAM, ANY_TEAM = message("Team"), message("every team")
LONG_AGO = timedelta(days=21)
# To plan the list's queries anew for each page costs more than to answer them.
PLANNED_ONCE: LiteralString = "SET LOCAL plan_cache_mode = force_generic_plan"


@dataclass(frozen=True, kw_only=True)
class Section:
    """The patients whose worst episode has one cause: those shown, whether there are more, how many are open at all.

    Those only watched, of whatever cause (None), stand together after all alerts.
    """

    cause: Cause | None
    entries: list[Entry]
    more: bool = False
    open: int = 0

    @property
    def name(self) -> str:
        return self.cause or "watch"

    @property
    def title(self) -> str:
        return vocabulary.CAUSES[self.cause] if self.cause else vocabulary.WATCHED

    @property
    def rule(self) -> str:
        return vocabulary.RULES[self.cause] if self.cause else vocabulary.WATCH_RULE

    @property
    def is_data(self) -> bool:
        return self.cause is not None and self.cause not in vocabulary.CLINICAL

    @property
    def urgency(self) -> tuple[object, ...]:
        """Smaller is first: clinical causes, then who is at the top."""
        first = self.entries[0]
        return self.is_data, first.back_in_band_at is not None, -SEVERITIES.index(first.severity), first.opened_at


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What an address says: one section only, from which row on; whose drawer is open; which form was just sent."""

    section: Cause | None = None
    start: int = 0
    open: str = ""
    done: UUID | None = None
    problem: str = ""
    kept: dict[str, str] = field(default_factory=dict)


def today(now: datetime) -> datetime:
    """When the clinic's day began."""
    return now.astimezone(ZoneInfo(CLINIC_ZONE)).replace(hour=0, minute=0, second=0, microsecond=0)


def waited(entry: Entry, now: datetime, *, team: Team) -> timedelta | None:
    """The team's working time that an untaken alert has waited; None if it rests, or waits longer than one counts."""
    if entry.rests or entry.severity == "watch" or now - entry.opened_at > LONG_AGO:
        return None
    return working_time.between(entry.opened_at, now, team=team)


@router.get("/")
def show(  # noqa: PLR0913, PLR0917 what an address may say
    request: Request, conn: Transaction, user: SignedIn, now: Now, page: ThePage,
    section: Cause | None = None,
    start: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    open: Annotated[str, Query(max_length=64)] = "",  # noqa: A002 the name in the address
    done: UUID | None = None,
) -> Response:  # fmt: skip
    """The worklist; for a refresh by the screen itself, only its inside."""
    live = LIVE_HEADER in request.headers
    with conn.pipeline():
        if not live:
            audit.write(conn, "worklist.read", of="", by=user.user_id, at=now)
        return answer(conn, page, user, Asked(section=section, start=start, open=open, done=done), live=live)


def answer(
    conn: Connection, page: Page, user: User, asked: Asked, *, live: bool = False, status: int = 200
) -> Response:
    """The page as asked for, as this user filters it."""
    with conn.pipeline():
        conn.execute(PLANNED_ONCE)
        wanted = _wanted(page, user, filters.kept(conn, user.user_id), asked)
        listed, counted = entries.ask(conn, wanted), entries.ask_counts(conn)
        tags, known_teams = tag_record.known(conn), rosters.ask_teams(conn)
        reviewed = reviews.today(conn, since=wanted.today, most=IN_A_SECTION)
        proven = proof.proof(conn, now=page.now)
        checks = weights_to_check.waiting(conn, now=page.now, most=IN_A_SECTION) if asked.section is None else None
        lasting = outages.lasting(conn)
    counts, teams = {one.cause: one for one in counted}, working_time.read_teams(known_teams)
    found = entries.with_days(conn, listed.fetchall(), now=page.now)
    sections = _sections_of(found, counts, wanted)
    opened = drawer.of(conn, asked.open, now=page.now) if asked.open and not live else None
    return page.answer(
        "worklist_inside.html" if live else "worklist.html",
        status=404 if asked.open and opened is None and not live else status,
        sections=sections,
        asked=asked,
        filter=wanted.filter,
        chosen=wanted.filter.model_dump(),
        filter_choices=_choices(page, [str(tag) for (tag,) in tags], teams),
        waiting=sum(count.waiting for count in counts.values()),
        taken=sum(count.taken for count in counts.values()),
        watched=sum(count.watched for count in counts.values()),
        informative=[e.patient_id for s in sections for e in s.entries if e.is_informative],
        drawer=opened,
        done=reviews.of_request(conn, asked.done) if asked.done and not live else None,
        reviewed=reviewed.fetchall(),
        proof=proven.fetchone(),
        checks=checks.fetchall() if checks else [],
        outages=lasting.fetchall(),
        row_html=lambda entry: _row(
            entry,
            page.now.replace(second=0, microsecond=0),
            page.words.language,
            teams.get(entry.team_id, working_time.CLINIC),
        ),
        request_id=uuid4,
    )


def _choices(page: Page, tags: list[str], teams: dict[int | None, Team]) -> list[tuple[str, str, list[filters.Choice]]]:
    """The fields of the filter, in the reader's language; tags only where there are any."""
    text = page.words.text
    fields = [
        (name, text(label), [(value, text(said)) for value, said in choices])
        for name, (label, choices) in filters.CHOICES.items()
    ]
    if tags:
        fields.append(("tag", text(TAG), [("", text(ANY_TAG)), *((tag, tag) for tag in tags)]))
    if named := [(str(team_id), team.name) for team_id, team in teams.items() if team_id is not None]:
        fields.append(("team", text(TEAM), [("0", text(ANY_TEAM)), *sorted(named, key=itemgetter(1))]))
    return fields


def following(conn: Connection, page: Page, user: User, patient_id: str) -> str | None:
    """Who stands after this patient on the list as it is now; after the last, who waits further up: risen since.

    None once nobody waits.
    """
    wanted = _wanted(page, user, filters.kept(conn, user.user_id), Asked())
    order = [entry for section in _sections_of(entries.entries(conn, wanted), {}, wanted) for entry in section.entries]
    place = next((n for n, entry in enumerate(order) if entry.patient_id == patient_id), -1)
    later, earlier = order[place + 1 :], order[: max(place, 0)]
    if place >= 0 and order[place].waits:
        earlier = [entry for entry in earlier if entry.waits and entry.reviewed_at is None]
        later = [entry for entry in later if entry.waits] + earlier
    return later[0].patient_id if later else None


# Most rows of a page look as they did a moment ago. What "2 min ago" says changes with the minute.
@lru_cache(4000)
def _row(entry: Entry, minute: datetime, language: Language, team: Team) -> Markup:
    return pages.part(
        "worklist_row.html",
        words=Words(language=language),
        content={"row": entry, "now": minute, "wait": waited(entry, minute, team=team), "promise": team.promise},
    )


def _wanted(page: Page, user: User, chosen: filters.Filter, asked: Asked) -> Wanted:
    wanted = Wanted(
        filter=chosen, me=user.user_id, language=page.words.language, now=page.now, today=today(page.now),
        most=IN_A_SECTION + 1, watched_apart=True,
    )  # fmt: skip
    if asked.section is None:
        return wanted
    return replace(wanted, causes=(asked.section,), most=ON_ITS_OWN + 1, offset=asked.start, watched_apart=False)


def _sections(found: list[Entry], *, most: int, open_: dict[Cause, int]) -> list[Section]:
    """One for each cause present; the section with the most urgent patient first."""
    by_cause: dict[Cause, list[Entry]] = {}
    for entry in found:
        by_cause.setdefault(entry.cause, []).append(entry)
    sections = [
        Section(cause=cause, entries=those[:most], more=len(those) > most, open=open_.get(cause, len(those)))
        for cause, those in by_cause.items()
    ]
    return sorted(sections, key=lambda section: section.urgency)


def _sections_of(found: list[Entry], counts: dict[Cause, Count], wanted: Wanted) -> list[Section]:
    """Alerts by their causes; who is only watched, of whatever cause, in a section of their own after all of them."""
    most = wanted.most - 1
    if not wanted.watched_apart:
        return _sections(found, most=most, open_={cause: one.open for cause, one in counts.items()})
    alerts, watched = ([one for one in found if (one.severity == "watch") == watch] for watch in (False, True))
    sections = _sections(alerts, most=most, open_={cause: one.open - one.watched for cause, one in counts.items()})
    if watched:
        open_ = sum(count.watched for count in counts.values())
        sections.append(Section(cause=None, entries=watched[:most], more=len(watched) > most, open=open_))
    return sections
