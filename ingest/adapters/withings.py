"""What does Withings say? In a notice only that there is something; in the answer to `getmeas`, the measures.

developer.withings.com, Notify and Measure; aiowithings' models. value × 10^unit kg; `date` is when it was weighed.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Literal, NamedTuple
from urllib.parse import parse_qsl

from ingest.adapters import clocks, hearing, strict_json, weights
from ingest.adapters.hearing import Heard
from ingest.adapters.strict_json import FaultError, Json
from ingest.claim import Claim, Retraction, Said
from ingest.message import Message, Scale

NAME = "withings"
WEIGHT = 1
WEIGHTS = "1"  # appli, of a notice
NUMBER = re.compile(r"\d{1,20}", re.ASCII)
MEASURED = 1  # category; 2 is a goal
AMBIGUOUS = 1  # attrib: the device was not sure which of its users this was
AT_ACCOUNT_CREATION = 4  # attrib: what somebody believed to weigh


class Notice(NamedTuple):
    """There is something to fetch for this user, which changed not before `since` (seconds since 1970)."""

    user_id: str
    since: int


def notice(payload: bytes) -> Notice | None:
    """A notice about weights; None for any other body, and for notices about sleep and the like."""
    form = dict(parse_qsl(payload[:4096].decode("ascii", "replace")))
    user_id, since = form.get("userid", ""), form.get("startdate", "")
    if form.get("appli") != WEIGHTS or NUMBER.fullmatch(user_id) is None or NUMBER.fullmatch(since) is None:
        return None
    return Notice(user_id, min(int(since), 2**40))


@hearing.adapter(NAME)
def read(message: Message) -> Iterator[Heard]:
    """The body of a `getmeas` answer at `webhook/withings/USERID`, fetched by us or posted by somebody."""
    scale = hearing.scale(NAME, message.topic.split("/", 2)[2] if message.topic.count("/") > 1 else None)
    with hearing.of(scale):
        body = strict_json.parse_object(message.payload)
        groups = body.get("body")
        groups = groups.get("measuregrps") if isinstance(groups, dict) else None
        if not isinstance(groups, list):
            raise FaultError("body: must have measuregrps")
    yield from hearing.each(
        groups,
        lambda group: _group_of(scale, group, message),
        dialect=NAME,
        raw=lambda group: strict_json.kept({"body": {"measuregrps": [group]}}),
    )


def _group_of(scale: Scale, group: object, message: Message) -> Iterator[Heard]:
    with hearing.of(scale):
        for said in _group(group, message):
            yield scale, said


def _group(group: object, message: Message) -> Iterator[Said]:
    if not isinstance(group, dict):
        raise FaultError("measuregrps: must be objects")
    measures = group.get("measures")
    if (
        group.get("category") != MEASURED
        or group.get("attrib") == AT_ACCOUNT_CREATION
        or not isinstance(measures, list)
    ):
        return
    for measure in measures:
        if isinstance(measure, dict) and measure.get("type") == WEIGHT:
            claim = _claim(group, measure, message)
            yield claim
            if group.get("modified", group.get("created")) != group.get("created"):
                yield _correction(claim)


def _claim(group: Json, measure: Json, message: Message) -> Claim:
    when = clocks.told(clocks.since_1970("date", group.get("date"), per_second=1), by="device", message=message)
    doubt: Literal["ambiguous_person"] | None = "ambiguous_person" if group.get("attrib") == AMBIGUOUS else None
    return Claim(
        seq=None,
        measured_at=when.measured_at,
        weight_kg=_weight(measure),
        raw=strict_json.text(group),
        source=NAME,
        time_source=when.time_source,
        origin=str(group["grpid"]) if type(group.get("grpid")) is int else None,
        repeats_within=when.repeats_within,
        restates=True,
        doubt=doubt,
    )


def _weight(measure: Json) -> Decimal:
    value, unit = measure.get("value"), measure.get("unit")
    if type(value) is not int or type(unit) is not int or not -9 <= unit <= 3:
        raise FaultError("measures: value and unit must be integers, unit from -9 to 3")
    return weights.in_bounds(Decimal(value).scaleb(unit), "kg")


def _correction(claim: Claim) -> Retraction:
    """The group was edited: what it said before no longer stands."""
    return Retraction(
        kind="superseded",
        reason="corrected_upstream",
        since=claim.measured_at,
        until=claim.measured_at,
        origin=claim.origin,
        keeps=(claim.measured_at, claim.weight_kg),
        raw=claim.raw,
        source=NAME,
    )
