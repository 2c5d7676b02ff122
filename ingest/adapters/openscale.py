"""What does openScale-sync say? Weighings on a phone, and what became of them: changed, deleted, all cleared.

oliexdev/openScale-sync: MQTTSync.kt, OpenScaleMeasurement.kt, WebhookSync.kt. Weight always in kg; times to the minute,
so two weighings in one minute are told apart by their weight, and `history`, which is finer, is cut to the minute.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from ingest.adapters import clocks, hearing, strict_json, weights
from ingest.adapters.hearing import Heard
from ingest.adapters.strict_json import FaultError, Json
from ingest.claim import Claim, Retraction, Said
from ingest.message import Message, Scale

NAME = "openscale-sync"
EVENTS = ("insert", "update", "delete", "clear")
COPIES = ("last", "history", "all")
MINUTE = timedelta(minutes=1)
EVER = datetime(1, 1, 2, tzinfo=UTC)


@hearing.adapter(NAME)
def read(message: Message) -> Iterator[Heard]:
    """`[home/]openScaleSync/[userId/]measurements/EVENT`; the user is the topic's, or in old messages the payload's."""
    head, _, tail = message.topic.partition("openScaleSync/")
    *user, _, event = tail.split("/")
    body = strict_json.parse_any(message.payload)
    scale = _scale(head.rstrip("/"), user[0] if user else None, body)
    if event in COPIES:
        yield from _copies(scale, body, message)
    else:
        yield from _of(scale, event, body, message, raw=hearing.text(message))


@hearing.adapter(NAME)
def read_webhook(message: Message) -> Iterator[Heard]:
    """The body of a webhook, one event with one measurement or several; the part of the path after ours is the home."""
    body = strict_json.parse_object(message.payload)
    event = body.get("event")
    items = body.get("measurements", [body])
    if event not in EVENTS or not isinstance(items, list):
        raise FaultError(f"event: must be one of {', '.join(EVENTS)}")
    home = message.topic.split("/", 2)[2] if message.topic.count("/") > 1 else ""
    yield from hearing.each(
        items,
        lambda item: _of(_scale(home, None, item), str(event), item, message, raw=strict_json.text(item)),
        dialect=NAME,
        raw=lambda item: strict_json.kept({"event": event, "measurements": [item]}),
    )


def _of(scale: Scale, event: str, body: object, message: Message, *, raw: str) -> Iterator[Heard]:
    with hearing.of(scale):
        for said in _said(event, body, message, raw=raw):
            yield scale, said


def _scale(home: str, user: str | None, body: object) -> Scale:
    told = body.get("userId") if isinstance(body, dict) else None
    if told is not None and type(told) is not int:
        raise FaultError("userId: must be an integer")  # anything else would be everybody's `default`
    said = None if told is None else str(told)
    if user is not None and said not in (None, user):
        raise FaultError("userId: is not the user of the topic")
    return hearing.scale("openscale", home, user or said or "default")


def _said(event: str, body: object, message: Message, *, raw: str) -> Iterator[Said]:
    if event == "clear":
        yield _retraction(raw, since=EVER, until=message.received_at + timedelta(days=3650))
    elif event == "delete":
        at = _minute(_object(body).get("dateTime", _object(body).get("date")))
        yield _retraction(raw, since=at, until=at + MINUTE)
    elif event == "insert":
        yield _claim(_object(body), message, restates=not message.retained, raw=raw)
    elif event == "update":
        yield from _update(_object(body), message, raw=raw)
    else:
        raise FaultError(f"topic: must end in {', '.join((*EVENTS, *COPIES))}", kept=False)


def _object(body: object) -> Json:
    if not isinstance(body, dict):
        raise FaultError("payload: must be an object")
    return body


def _minute(value: object) -> datetime:
    at = (
        clocks.since_1970("date", value, per_second=1000)
        if type(value) in (int, float)
        else clocks.instant("date", value)
    )
    return at.replace(second=0, microsecond=0)


def _claim(body: Json, message: Message, *, restates: bool, raw: str) -> Claim:
    weight_kg = weights.kilograms(body.get("weight"), "kg")
    when = clocks.told(_minute(body.get("date")), by="device", message=message)
    return Claim(
        seq=None,
        measured_at=when.measured_at,
        weight_kg=weight_kg,
        raw=raw,
        source=NAME,
        time_source=when.time_source,
        origin=_origin(body),
        repeats_within=when.repeats_within,
        restates=restates,
    )


def _origin(body: Json) -> str | None:
    return str(body["id"]) if type(body.get("id")) is int else None


def _update(body: Json, message: Message, *, raw: str) -> Iterator[Said]:
    claim = _claim(body, message, restates=True, raw=raw)
    minute = claim.measured_at.replace(second=0, microsecond=0)
    yield claim
    yield Retraction(
        kind="superseded",
        reason="corrected_upstream",
        since=minute,
        until=minute + MINUTE,
        origin=claim.origin,
        keeps=(claim.measured_at, claim.weight_kg),
        raw=claim.raw,
        source=NAME,
    )


def _retraction(raw: str, *, since: datetime, until: datetime) -> Retraction:
    return Retraction(
        kind="excluded",
        reason="deleted_upstream",
        since=since,
        until=until,
        raw=raw,
        source=NAME,
    )


def _copies(scale: Scale, body: object, message: Message) -> Iterator[Heard]:
    """What is known already, in old apps one measurement each or a list; none of it is said anew."""
    if isinstance(body, dict) and "rows" in body:
        with hearing.of(scale):
            fields, rows = _table(body)
        yield from hearing.each(
            rows,
            lambda row: _of_row(scale, fields, row, message),
            dialect=NAME,
            raw=lambda row: strict_json.kept({"fields": fields, "rows": [row]}),
        )
    else:
        items = body if isinstance(body, list) else [body]
        yield from hearing.each(
            items, lambda item: _copy(scale, item, message), dialect=NAME, raw=lambda item: strict_json.kept([item])
        )


def _table(body: Json) -> tuple[list[object], list[object]]:
    fields, units, rows = body.get("fields"), body.get("units", {}), body["rows"]
    if not isinstance(fields, list) or not isinstance(units, dict) or not isinstance(rows, list):
        raise FaultError("rows: must be a list beside a list of fields")
    if units.get("weight", "kg") != "kg":
        raise FaultError("units: weight must be in kg")
    return fields, rows


def _of_row(scale: Scale, fields: list[object], row: object, message: Message) -> Iterator[Heard]:
    with hearing.of(scale):
        if not isinstance(row, list) or len(row) != len(fields):
            raise FaultError("rows: each must have a value for each field")
    item = {str(field): value for field, value in zip(fields, row, strict=True)}
    if item.get("weight") is not None:
        yield from _copy(scale, item, message)


def _copy(scale: Scale, item: object, message: Message) -> Iterator[Heard]:
    with hearing.of(scale):
        if item != {}:  # the last one was deleted
            yield scale, _claim(_object(item), message, restates=False, raw=strict_json.text(item))
