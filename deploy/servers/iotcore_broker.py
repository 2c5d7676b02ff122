"""A broker where mosquitto is not installed: the one inside the `iotcore` wheel (rumqttd), on 127.0.0.1, nothing kept.

    python -m deploy.servers.iotcore_broker PORT

It speaks MQTT 3.1.1; a client that asks for 5 is cut off without a CONNACK. rumqttd can speak 5 on a second port only,
and one address is worth more to us. Kept sessions and queues live in memory: a scale sends again what has no receipt.
"""

import logging
import signal
import sys

from iotcore.iotcore import IotCoreBroker

MAX_PAYLOAD_BYTES = 2 * 1024 * 1024  # a batch of 10,000 stored readings
MAX_INFLIGHT = 1000


def main(port: int) -> None:
    """Serve until a signal, which ends the process at once."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # its loop never comes back to Python, where Ctrl-C waits
    # Its tracing output shows every packet as an error.
    logging.getLogger("rumqttd").setLevel(logging.CRITICAL)
    IotCoreBroker(
        listen="127.0.0.1", port=port, max_payload_size=MAX_PAYLOAD_BYTES, max_inflight_count=MAX_INFLIGHT
    ).run_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]))
