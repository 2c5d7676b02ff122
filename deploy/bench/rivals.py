"""What would one write instead? The C tools in a pipe, and two paho scripts, all into a table of their own.

    python -m deploy.bench.rivals batch|each DATABASE_URL PORT

`batch` commits what is there and acknowledges afterwards; `each` commits and acknowledges message by message. Neither
validates beyond JSON, judges, or gives receipts. The pipe acknowledges on arrival: a kill loses what it holds.
"""

import json
import queue
import shlex
import sys
from typing import LiteralString

import psycopg
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from deploy import embedded_postgres

TABLE: LiteralString = """
CREATE TABLE rival (
    device_id text, seq bigint, measured_at timestamptz, weight_kg numeric, raw text, PRIMARY KEY (device_id, seq)
)
"""
BLOB: LiteralString = "CREATE TABLE blob (topic text, payload text)"
INSERT: LiteralString = "INSERT INTO rival VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
TOPIC = "vigie/1/+/+/reading"
SESSIONS = ("floor", "rival-batch", "rival-each")
BATCH = 500
# mosquitto_sub cannot end a COPY by itself: awk cuts the stream into COPYs of 500 lines, as psql reads them.
AWK = (
    'BEGIN { OFS = "\\t" } '
    'NR % 500 == 1 { print "COPY blob FROM STDIN;" } { gsub(/\\\\/, "&&"); print $0 } '
    'NR % 500 == 0 { print "\\\\."; fflush() }'
)


def pipe(url: str, port: int) -> str:
    """The shell's command: `mosquitto_sub | awk | psql`."""
    psql = embedded_postgres.binaries() / "psql"
    program = str(psql) if psql.exists() else "psql"
    sub = f"mosquitto_sub -p {port} -t {shlex.quote(TOPIC)} -q 1 -c -i floor -F '%t\t%p'"
    return f"{sub} | awk {shlex.quote(AWK)} | {program} -q {shlex.quote(url)}"


def main(kind: str, url: str, port: int) -> None:
    """Take messages until killed."""
    pending: queue.Queue[MQTTMessage] = queue.Queue()
    client = Client(CallbackAPIVersion.VERSION2, client_id=f"rival-{kind}", clean_session=False, manual_ack=True)
    client.on_message = lambda _client, _data, message: pending.put(message)
    client.on_connect = lambda client, *_: client.subscribe(TOPIC, qos=1)
    client.connect("127.0.0.1", port)
    client.loop_start()
    with psycopg.connect(url) as conn:
        while True:
            messages = [pending.get()]
            while kind == "batch" and len(messages) < BATCH and not pending.empty():
                messages.append(pending.get())
            with conn.cursor() as cursor:
                cursor.executemany(INSERT, [_row(message) for message in messages])
            conn.commit()
            for message in messages:
                client.ack(message.mid, message.qos)


def _row(message: MQTTMessage) -> tuple[object, ...]:
    reading = json.loads(message.payload)
    device = message.topic.split("/")[3]
    return device, reading["seq"], reading["measured_at"], reading["weight_kg"], message.payload.decode()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
