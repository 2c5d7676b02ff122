"""What do both of our paho clients begin with? QoS 0 and 1, acknowledged by hand, connected again by us alone."""

from collections.abc import Callable

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from ingest.wire.packets import Published


class ByHand(Client):
    """`take` is given the messages of one reading, `acknowledged` how many of ours the broker has; in paho's thread."""

    def __init__(self, *, client_id: str, protocol: MQTTProtocolVersion, kept: bool) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=protocol,
            clean_session=None if protocol == MQTTProtocolVersion.MQTTv5 else not kept,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        self.take: Callable[[list[Published]], None] = lambda _: None
        self.acknowledged: Callable[[int], None] = lambda _: None
