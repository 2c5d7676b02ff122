"""Which scales does the broker know of? What is announced there now, and who here would read it."""

import time
from contextlib import closing
from typing import NamedTuple

from paho.mqtt.enums import MQTTProtocolVersion
from pydantic.networks import AnyUrl

from ingest import dialects
from ingest.adapters import home_assistant
from ingest.connection import V5, V311, Access, HungUpError, Link
from ingest.packets import Published
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
        HungUpError: it closes the connection, whichever MQTT we speak.
    """
    access = Access(url=url, tls=tls)
    try:
        return _announced(access, version=V5, seconds=seconds)
    except HungUpError:
        return _announced(access, version=V311, seconds=seconds)


def _announced(access: Access, *, version: MQTTProtocolVersion, seconds: float) -> list[Found]:
    payloads: list[bytes] = []

    def hear(came: list[Published]) -> None:
        payloads.extend(published.payload for published in came)
        link.client.acknowledge(published.mid for published in came if published.qos)

    link = Link(access, client_id=CLIENT_ID, kept=False, version=version)
    link.client.take = hear
    with closing(link):
        link.open()
        link.client.subscribe([(name, 1) for name in home_assistant.FILTERS])
        time.sleep(seconds)
    found = [found for payload in payloads for found in home_assistant.announced(payload)]
    return sorted({Found(one.topic, one.unit, dialects.name_of(one.topic)) for one in found})
