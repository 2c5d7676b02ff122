"""Which scales does the broker know of? What is announced there now, and who here would read it."""

import threading
from collections.abc import Iterator
from typing import NamedTuple

from pydantic.networks import AnyUrl

from ingest import dialects, wire
from ingest.adapters import home_assistant
from ingest.link import HungUpError, Link
from ingest.wire import V5, V311, Version, Wish
from schemas.settings import BrokerSettings

CLIENT_ID = "vigie-discovery"


class Found(NamedTuple):
    """An announced topic; `dialect` is None if nobody here would read it."""

    topic: str
    unit: str
    dialect: str | None


def announced(url: AnyUrl, tls: BrokerSettings, *, seconds: float) -> list[Found]:
    """The weights announced to Home Assistant on this broker, as far as they come within so many seconds.

    Raises:
        OSError: the broker cannot be reached.
        RefusedError: it does not let us in.
    """
    try:
        return _announced(url, tls, version=V5, seconds=seconds)
    except HungUpError:
        return _announced(url, tls, version=V311, seconds=seconds)


def _announced(url: AnyUrl, tls: BrokerSettings, *, version: Version, seconds: float) -> list[Found]:
    link = Link(url, tls, Wish(client_id=CLIENT_ID, clean=True), version=version)
    end = threading.Timer(seconds, link.close)
    end.start()
    try:
        link.send(wire.subscribe(home_assistant.FILTERS, version=version, mid=1))
        return sorted(set(_heard(link)))
    finally:
        end.cancel()
        link.close()


def _heard(link: Link) -> Iterator[Found]:
    for packets in link.packets():
        published = [wire.published(p, version=link.version) for p in packets if p.kind == wire.PUBLISH]
        mids = [one.mid for one in published if one.qos]
        link.send(wire.acknowledgements(mids))
        for one in published:
            for found in home_assistant.announced(one.payload):
                yield Found(found.topic, found.unit, dialects.name_of(found.topic))
