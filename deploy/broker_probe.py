"""How is the broker set? Asked where it can be asked, tried out with real messages where not; nothing of ours stays.

The messages go to `vigie/1/vigie-doctor/probe/receipt`, where no scale listens, and to sessions that end with us.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

from pydantic.networks import AnyUrl

from ingest import subscriptions, wire
from ingest.link import HungUpError, Link, RefusedError
from ingest.subscriber import SESSION_SECONDS
from ingest.subscriptions import Share
from ingest.wire import V5, V311, Packet, Version, Welcome, Wish
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
    try:
        version, welcome = _version(url, tls)
    except (RefusedError, HungUpError) as error:
        yield Answer(fine=False, needed=True, sentence=f"the broker does not let us in: {error}")
        return
    yield Answer(fine=True, sentence=f"MQTT {'5' if version == V5 else '3.1.1'}")
    if not welcome.shared:
        yield Answer(fine=False, sentence="no shared subscriptions: several workers need `--sites` each")
    kept = welcome.numbers.get(wire.SESSION_EXPIRY, SESSION_SECONDS)
    if kept < SESSION_SECONDS:
        sentence = (
            f"sessions end after {kept} s: what comes while ingest is away longer must be sent again by the scales"
        )
        yield Answer(fine=False, sentence=sentence)
    yield _access(url, tls, version)
    yield from _windows(url, tls, version)
    sentence = (
        "whether its queues survive a restart cannot be asked: see `persistence`; scales resend what got no receipt"
    )
    yield Answer(fine=True, sentence=sentence)


def _version(url: AnyUrl, tls: BrokerSettings) -> tuple[Version, Welcome]:
    wish = Wish(client_id=f"vigie-doctor-{uuid4().hex[:8]}", clean=True, session_seconds=SESSION_SECONDS)
    version = V5
    try:
        link = Link(url, tls, wish, version=version)
    except HungUpError:
        version = V311
        link = Link(url, tls, wish, version=version)
    _end(url, tls, link, wish)
    return version, link.welcome


def _end(url: AnyUrl, tls: BrokerSettings, link: Link, wish: Wish) -> None:
    """Leave no session behind."""
    link.close()
    Link(url, tls, Wish(client_id=wish.client_id, clean=True), version=link.version).close()


def _access(url: AnyUrl, tls: BrokerSettings, version: Version) -> Answer:
    """Whether ingest may subscribe; a broker says so at once, and keeps it from nobody else."""
    wanted, _ = subscriptions.filters(Share(), shared=False)
    link = Link(url, tls, Wish(client_id=f"vigie-doctor-{uuid4().hex[:8]}", clean=True), version=version)
    link.send(wire.subscribe(wanted, version=version, mid=1))
    suback = next((packet for packet in _packets(link) if packet.kind == wire.SUBACK), None)
    link.close()
    codes = wire.granted(suback, version=version) if suback else []
    if not codes or any(code >= 128 for code in codes[: subscriptions.NATIVE]):
        return Answer(fine=False, needed=True, sentence="we may not subscribe to vigie/1/+/+/reading: its access rules")
    return Answer(fine=True, sentence="we may subscribe to what scales publish")


def _windows(url: AnyUrl, tls: BrokerSettings, version: Version) -> Iterator[Answer]:
    """Let a session of 3.1.1, which cannot ask for more, be away for `QUEUED` messages, and count what is kept."""
    session = Wish(client_id=f"vigie-doctor-{uuid4().hex[:8]}", clean=False)
    link = Link(url, tls, session, version=V311)
    link.send(wire.subscribe([TOPIC], version=V311, mid=1))
    heard = any(packet.kind == wire.SUBACK for packet in _packets(link))
    link.close()
    sent = heard and _publish(url, tls, version)
    link = Link(url, tls, session, version=V311)
    window = sum(1 for _ in _published(link, acknowledged=False)) if sent else 0
    link.close()
    link = Link(url, tls, session, version=V311)
    kept = sum(1 for _ in _published(link, acknowledged=True)) if window else 0
    _end(url, tls, link, session)
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
        yield Answer(fine=False, sentence=f"{sentence}: set `max_queued_messages 0`")
    else:
        yield Answer(fine=True, sentence=f"all of {QUEUED} messages were kept for a client that was away")


def _publish(url: AnyUrl, tls: BrokerSettings, version: Version) -> bool:
    """Whether the broker took them all."""
    link = Link(url, tls, Wish(client_id=f"vigie-doctor-{uuid4().hex[:8]}", clean=True), version=version)
    taken = 0
    for start in range(0, QUEUED, AT_ONCE):
        mids = range(start + 1, start + AT_ONCE + 1)
        link.send(b"".join([wire.publish(TOPIC, b"{}", version=version, mid=mid) for mid in mids]))
        missing = AT_ONCE
        for packet in _packets(link):
            missing -= packet.kind == wire.PUBACK
            if not missing:
                break
        taken += AT_ONCE - missing
    link.close()
    return taken == QUEUED


def _published(link: Link, *, acknowledged: bool) -> Iterator[None]:
    for packet in _packets(link):
        if packet.kind == wire.PUBLISH:
            if acknowledged:
                link.send(wire.acknowledgements([wire.published(packet, version=link.version).mid]))
            yield


def _packets(link: Link) -> Iterator[Packet]:
    """What comes until nothing has come for a second."""
    link.limit_silence(QUIET_SECONDS)
    until = time.monotonic() + 30
    for packets in link.packets():
        yield from packets
        if time.monotonic() > until:
            return
