"""What would one write instead? The C tools in a pipe, two paho scripts, mq-bridge, each into a table of its own.

    python -m deploy.bench.rivals batch|each DATABASE_URL PORT

`batch` commits what is there and acknowledges afterwards; `each` commits and acknowledges message by message. Neither
validates beyond JSON, judges, or gives receipts. The pipe acknowledges on arrival: a kill loses what it holds.
mq-bridge writes columns, a repeated key again, and acknowledges after the write.
"""

import json
import queue
import shlex
import subprocess
import sys
from pathlib import Path
from typing import LiteralString

import psycopg
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from deploy.servers import embedded_postgres

TABLE: LiteralString = """
CREATE TABLE rival (
    device_id text, seq bigint, measured_at timestamptz, weight_kg numeric, raw text, PRIMARY KEY (device_id, seq)
)
"""
BLOB: LiteralString = "CREATE TABLE blob (topic text, payload text)"
BRIDGED: LiteralString = """
CREATE TABLE bridged (seq bigint PRIMARY KEY, measured_at timestamptz, weight_kg numeric, rest jsonb)
"""
INSERT: LiteralString = "INSERT INTO rival VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
TOPIC = "vigie/1/+/+/reading"
SESSIONS = ("floor", "rival-batch", "rival-each", "rival-bridge")
BATCH = 500
MQ_BRIDGE = "mq-bridge==1.2.0"
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


def bridge(url: str, port: int) -> list[str]:
    """The command of mq-bridge, the fastest peer that loses nothing; an environment of its own, made when missing."""
    folder = Path.home() / ".cache" / "vigie" / "mq-bridge"
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", MQ_BRIDGE], check=True, stdout=sys.stderr)
        (folder / "ready").touch()
    mqtt = {"url": f"tcp://127.0.0.1:{port}", "topic": TOPIC, "client_id": "rival-bridge", "qos": 1}
    mqtt |= {"clean_session": False, "max_inflight": 5000, "queue_capacity": 5000, "session_expiry_interval": 86400}
    columns = {"table": "bridged", "columns": "auto", "key": "seq", "extra_column": "rest"}
    route = {
        "input": {"mqtt": mqtt},
        "output": {"sqlx": {"url": url.replace("@/", "@localhost/"), **columns}},
        "batch_size": 500,
    }
    program = "import json, sys, mq_bridge; mq_bridge.Route.from_config(json.loads(sys.argv[1])).run()"
    return [str(python), "-c", program, json.dumps(route)]


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
