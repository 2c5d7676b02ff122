"""How is the broker set? Asked where it can be asked, tried out with real messages where not; nothing of ours stays.

The messages go to `vigie/1/vigie-doctor/probe/receipt`, where no scale listens, and to sessions that end with us.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from uuid import uuid4

from paho.mqtt.client import Client
from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from pydantic.networks import AnyUrl

from ingest.wire import subscriptions
from ingest.wire.connection import SESSION_SECONDS, V5, V311, Access, HungUpError, Link, RefusedError
from ingest.wire.packets import Published
from ingest.wire.subscriptions import Share
from schemas.settings import BrokerSettings

TOPIC = "vigie/1/vigie-doctor/probe/receipt"
QUEUED = 1500  # mosquitto's default keeps 1,000 and drops the others in silence
AT_ONCE = 100
QUIET_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one question about the broker came to."""

    fine: bool
    sentence: str
    needed: bool = False


def probe(url: AnyUrl, tls: BrokerSettings) -> Iterator[Answer]:
    """Ask and try, in the order in which one would repair it.

    Raises:
        OSError: nobody answers there, or TLS fails.
    """
    access = Access(url=url, tls=tls)
    try:
        asked = _welcomed(access)
    except (RefusedError, HungUpError) as error:
        yield Answer(fine=False, needed=True, sentence=f"the broker does not let us in: {error}")
        return
    version = asked.version
    yield Answer(fine=True, sentence=f"MQTT {'5' if version == V5 else '3.1.1'}")
    if not asked.shared:
        yield Answer(fine=False, sentence="no shared subscriptions: several workers need `--sites` each")
    kept = asked.kept_seconds
    if kept < SESSION_SECONDS:
        sentence = (
            f"sessions end after {kept} s: what comes while ingest is away longer must be sent again by the scales"
        )
        yield Answer(fine=False, sentence=sentence)
    yield _access(access, version)
    yield from _windows(access, version)
    sentence = (
        "whether its queues survive a restart cannot be asked: see `persistence`; scales resend what got no receipt"
    )
    yield Answer(fine=True, sentence=sentence)


def _welcomed(access: Access) -> Link:
    """A link that was welcomed as ingest would be, and is closed again."""
    name = _name()
    try:
        with _linked(access, name=name, kept=True, version=V5) as link:
            pass
    except HungUpError:
        with _linked(access, name=name, kept=True, version=V311) as link:
            pass
    _end(access, name=name, version=link.version)
    return link


def _access(access: Access, version: MQTTProtocolVersion) -> Answer:
    """Whether ingest may subscribe; a broker says so at once, and keeps it from nobody else."""
    wanted, _ = subscriptions.filters(Share(), shared=False)
    with _linked(access, name=_name(), kept=False, version=version) as link:
        reasons = _subscribed(link, wanted)
    if not reasons or any(reason.is_failure for reason in reasons[: subscriptions.NATIVE]):
        return Answer(fine=False, needed=True, sentence="we may not subscribe to vigie/1/+/+/reading: its access rules")
    return Answer(fine=True, sentence="we may subscribe to what scales publish")


def _windows(access: Access, version: MQTTProtocolVersion) -> Iterator[Answer]:
    """Let a session of 3.1.1, which cannot ask for more, be away for `QUEUED` messages, and count what is kept."""
    name = _name()
    with _linked(access, name=name, kept=True, version=V311) as link:
        heard = bool(_subscribed(link, [TOPIC]))
    sent = heard and _publish(access, version)
    window = _brought(access, name=name, acknowledged=False) if sent else 0
    kept = _brought(access, name=name, acknowledged=True) if window else 0
    _end(access, name=name, version=V311)
    if not window:
        yield Answer(fine=False, sentence="its limits cannot be tried out: its access rules do not let us")
        return
    throttled = window < AT_ONCE
    sentence = f"{'at least ' if window >= QUEUED else ''}{window} messages in flight for a client of 3.1.1"
    if throttled and version == V5:
        sentence += "; ingest asks for more by MQTT 5, so this is no harm to it"
    elif throttled:
        sentence += ", which slows ingest down: set `max_inflight_messages 1000`"
    yield Answer(fine=not throttled or version == V5, sentence=sentence)
    if kept < QUEUED:
        sentence = f"only {kept} of {QUEUED} messages were kept for a client that was away, the rest dropped in silence"
        yield Answer(fine=False, sentence=f"{sentence}: set `max_queued_messages 100000000`")
    else:
        yield Answer(fine=True, sentence=f"all of {QUEUED} messages were kept for a client that was away")


def _publish(access: Access, version: MQTTProtocolVersion) -> bool:
    """Whether the broker took them all."""
    taken: list[int] = []

    with _linked(access, name=_name(), kept=False, version=version) as link:
        link.client.acknowledged = lambda count: taken.extend(range(count))
        for count in range(AT_ONCE, QUEUED + 1, AT_ONCE):
            link.client.send([(TOPIC, b"{}")] * AT_ONCE)
            if _settled(taken, enough=count) < count:
                break
    return len(taken) == QUEUED


def _brought(access: Access, *, name: str, acknowledged: bool) -> int:
    """How many messages this session brings, up to `QUEUED`."""
    came: list[int] = []

    def note(link: Link, some: list[Published]) -> None:
        mids = [published.mid for published in some]
        came.extend(mids)
        if acknowledged:
            link.client.acknowledge(mids)

    with _linked(access, name=name, kept=True, version=V311, hear=note):
        return _settled(came, enough=QUEUED)


def _subscribed(link: Link, filters: Sequence[str]) -> list[ReasonCode]:
    """The broker's answer to each; none if it does not answer."""
    answers: list[ReasonCode] = []

    def note(_client: Client, _: object, _mid: int, reasons: list[ReasonCode], _properties: Properties | None) -> None:
        answers.extend(reasons)

    link.client.on_subscribe = note
    link.client.subscribe([(name, 1) for name in filters])
    _settled(answers, enough=len(filters))
    return answers


def _settled(came: Sequence[object], *, enough: int) -> int:
    """How many came, once they are enough or nothing has come for a second."""
    count, since = 0, time.monotonic()
    while count < enough and time.monotonic() < since + QUIET_SECONDS:
        time.sleep(0.01)
        if len(came) > count:
            count, since = len(came), time.monotonic()
    return count


@contextmanager
def _linked(
    access: Access,
    *,
    name: str,
    kept: bool,
    version: MQTTProtocolVersion,
    hear: Callable[[Link, list[Published]], None] | None = None,
) -> Iterator[Link]:
    """A link by this name; its session stays with the broker if `kept`."""
    link = Link(access, client_id=name, kept=kept, version=version)
    if hear:
        link.client.take = partial(hear, link)
    link.open()
    try:
        yield link
    finally:
        link.close()


def _end(access: Access, *, name: str, version: MQTTProtocolVersion) -> None:
    """Leave no session behind."""
    with _linked(access, name=name, kept=False, version=version):
        pass


def _name() -> str:
    return f"vigie-doctor-{uuid4().hex[:8]}"
