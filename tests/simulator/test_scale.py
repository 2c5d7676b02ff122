import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from deploy.servers.embedded_broker import EmbeddedBroker
from schemas.clock import Clock
from schemas.patient import LentScale
from schemas.settings import BrokerUrl, Settings
from simulator import cohort, live
from simulator.life import local_instant
from simulator.protocol import Word
from simulator.scale import Fleet, NoBrokerError
from simulator.weighing import Weighing
from tests.simulator.receipt_giver import ReceiptGiver

SCALE = LentScale(site="auvergne", device_id="S0001")
MORNING = datetime(2026, 11, 22, 6, 12, 5, tzinfo=UTC)


def weighings(count: int) -> list[Weighing]:
    return [
        Weighing(seq=number, measured_at=MORNING + timedelta(days=number), weight_kg=Decimal("80.4"))
        for number in range(count)
    ]


def settings_for(broker: EmbeddedBroker) -> Settings:
    return Settings(broker_url=BrokerUrl(broker.url))


def fleet_on(broker: EmbeddedBroker, **more: Callable[[LentScale, Word], None]) -> Fleet:
    return Fleet(settings_for(broker), client_id="scale", now=lambda: MORNING, **more)


def until(condition: Callable[[], bool], *, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def test_a_reading_is_sent_and_forgotten_once_it_is_receipted(broker: EmbeddedBroker) -> None:
    with ReceiptGiver(broker.port) as receipts, fleet_on(broker) as fleet:
        fleet.join(SCALE)
        fleet.weigh(SCALE, weighings(1))
        until(lambda: fleet.pending == 0)
    topic, body = next((topic, body) for topic, body in receipts.heard if topic.endswith("/reading"))
    assert topic == "vigie/1/auvergne/S0001/reading"
    assert body == {
        "seq": 0,
        "measured_at": "2026-11-22T06:12:05+00:00",
        "weight_kg": 80.4,
        "sent_at": "2026-11-22T06:12:05+00:00",
    }


def test_a_reading_is_sent_again_until_somebody_receipts_it(broker: EmbeddedBroker) -> None:
    with ReceiptGiver(broker.port, deaf=True) as receipts, fleet_on(broker) as fleet:
        fleet.join(SCALE)
        until(lambda: fleet.connected)
        fleet.weigh(SCALE, weighings(1))
        until(lambda: len(receipts.seqs()) == 2)
        assert fleet.pending == 1
        receipts.deaf = False
        until(lambda: fleet.pending == 0)
    assert set(receipts.seqs()) == {0}


def test_readings_taken_while_the_broker_is_away_arrive_when_it_is_back(broker: EmbeddedBroker) -> None:
    with fleet_on(broker) as fleet:
        fleet.join(SCALE)
        until(lambda: fleet.connected)
        broker.stop()
        until(lambda: not fleet.connected)
        fleet.weigh(SCALE, weighings(250))
        time.sleep(1)
        assert fleet.pending == 250
        broker.start()
        with ReceiptGiver(broker.port) as receipts:
            until(lambda: fleet.pending == 0)
    assert set(receipts.seqs()) == set(range(250))
    assert max(len(body.get("readings", [])) for _, body in receipts.heard) == 100


def test_a_scale_may_start_before_its_broker(broker: EmbeddedBroker) -> None:
    broker.stop()
    with fleet_on(broker) as fleet:
        fleet.join(SCALE)
        fleet.weigh(SCALE, weighings(3))
        broker.start()
        with ReceiptGiver(broker.port):
            until(lambda: fleet.pending == 0)


def test_every_word_is_told_once(broker: EmbeddedBroker) -> None:
    told: list[tuple[int, str, str | None]] = []

    def remember(scale: LentScale, word: Word) -> None:
        told.append((word.seq, word.word, word.reason))

    with (
        ReceiptGiver(broker.port, quarantine=frozenset({1})),
        fleet_on(broker, on_receipt=remember) as fleet,
    ):
        fleet.join(SCALE)
        fleet.weigh(SCALE, weighings(2))
        fleet.weigh(SCALE, weighings(2))
        until(lambda: len(told) >= 2)
        time.sleep(0.2)
    assert sorted(told) == [(0, "stored", None), (1, "quarantined", "implausible_jump")]


def test_a_clock_that_is_ahead_shows_in_both_times(broker: EmbeddedBroker) -> None:
    with ReceiptGiver(broker.port) as receipts, fleet_on(broker) as fleet:
        fleet.join(SCALE, clock_ahead=timedelta(hours=3))
        fleet.weigh(SCALE, weighings(1))
        until(lambda: fleet.pending == 0)
    body = next(body for topic, body in receipts.heard if topic.endswith("/reading"))
    assert body["measured_at"] == body["sent_at"] == "2026-11-22T09:12:05+00:00"


def test_a_receipt_that_means_nothing_is_survived(broker: EmbeddedBroker) -> None:
    with fleet_on(broker) as fleet:
        fleet.join(SCALE)
        until(lambda: fleet.connected)
        stranger = Client(CallbackAPIVersion.VERSION2)
        stranger.connect("127.0.0.1", broker.port)
        stranger.loop_start()
        for payload in ("nonsense", "[]", '{"stored": [-1, 99]}', '{"stored": "all"}'):
            stranger.publish("vigie/1/auvergne/S0001/receipt", payload, qos=1).wait_for_publish(5)
        stranger.disconnect()
        stranger.loop_stop()
        with ReceiptGiver(broker.port):
            fleet.weigh(SCALE, weighings(1))
            until(lambda: fleet.pending == 0)


def test_the_status_is_retained_and_says_offline_once_the_scale_leaves(broker: EmbeddedBroker) -> None:
    states: list[bytes] = []
    watcher = Client(CallbackAPIVersion.VERSION2)

    def listen(client: Client, *_: object) -> None:
        client.subscribe("vigie/1/+/+/status", qos=1)

    def hear(_client: Client, _data: object, message: MQTTMessage) -> None:
        states.append(bytes(message.payload))

    watcher.on_connect, watcher.on_message = listen, hear
    with fleet_on(broker) as fleet:
        fleet.join(SCALE)
        until(lambda: fleet.connected)
        time.sleep(0.3)
        watcher.connect("127.0.0.1", broker.port)
        watcher.loop_start()
        until(lambda: len(states) == 1)
        assert b'"online"' in states[0]
    until(lambda: len(states) == 2)
    watcher.disconnect()
    watcher.loop_stop()
    assert b'"offline"' in states[1]


SCALE_ALONE = """
import sys, time
from datetime import UTC, datetime
from schemas.patient import LentScale
from schemas.settings import BrokerUrl, Settings
from simulator.scale import Fleet
NOW = datetime(2026, 1, 1, tzinfo=UTC)
fleet = Fleet(Settings(broker_url=BrokerUrl(sys.argv[1])), client_id="alone", now=lambda: NOW)
fleet.join(LentScale(site="auvergne", device_id="S0001"))
with fleet:
    time.sleep(60)
"""


def test_a_scale_that_dies_is_declared_offline_by_its_last_will(broker: EmbeddedBroker) -> None:
    with (
        ReceiptGiver(broker.port) as listener,
        subprocess.Popen([sys.executable, "-c", SCALE_ALONE, broker.url]) as scale,
    ):
        until(lambda: [body["state"] for _, body in listener.heard] == ["online"])
        scale.kill()
        until(lambda: [body["state"] for _, body in listener.heard] == ["online", "offline"])


def test_without_a_broker_it_says_what_to_set() -> None:
    with pytest.raises(NoBrokerError, match="VIGIE_BROKER_URL"):
        Fleet(Settings(broker_url=None), client_id="scale", now=lambda: MORNING)


def test_the_cohort_weighs_on_at_the_clocks_rate_until_it_is_stopped(broker: EmbeddedBroker) -> None:
    until_ = local_instant(datetime(2026, 11, 22, tzinfo=UTC).date(), hour=5.5)
    people = cohort.cohort(patients=30, days=10, until=until_, seed=1)
    clock, stop = Clock(rate=28800, start=until_), threading.Event()
    with ReceiptGiver(broker.port) as receipts:
        scales = threading.Thread(
            target=live.run, args=(settings_for(broker),), kwargs={"cohort": people, "clock": clock, "stop": stop}
        )
        scales.start()
        until(lambda: clock.now() > until_ + timedelta(days=1))
        stop.set()
        scales.join(10)
        assert not scales.is_alive()
    first = {
        (patient.scale.lent.device_id, weighing.seq)
        for patient in people
        for weighing in patient.weighings_on(cohort.first_live_day(until_))
    }
    heard = {
        (topic.split("/")[3], body["seq"])
        for topic, body in receipts.heard
        if topic.endswith("/reading")
        if "seq" in body
    }
    assert len(first) > 15
    assert first <= heard
