"""Gateways that hang, refuse, are late, fail for an hour; workers that are killed: nothing is lost."""

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any, LiteralString

import pytest
from psycopg_pool import ConnectionPool

from alerts.delivery import outbox, sender
from alerts.delivery.lanes import PER_GATEWAY
from alerts.delivery.post import Post
from alerts.delivery.sender import Sender
from schemas import database, one_tap
from schemas.clock import Clock
from schemas.database import Connection
from tests.alerts import clinic
from tests.alerts.clinic import NOW
from tests.alerts.gateway import SmsGateway
from tests.alerts.program import Mailbox, eventually, killable, running

PENDING: LiteralString = "SELECT count(*)::int FROM notification WHERE delivered_at IS NULL"
FAILED: LiteralString = "SELECT count(*)::int FROM notification WHERE failed_at IS NOT NULL"
ATTEMPTS: LiteralString = "SELECT count(*)::int FROM delivery_attempt"
LEASED: LiteralString = "SELECT count(*)::int FROM notification WHERE leased_until IS NOT NULL"
WAITING_FOR_LOCK: LiteralString = """
SELECT count(*)::int FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()
"""
AFTER_THE_LEASE = timedelta(seconds=sender.LEASE_SECONDS + 30)
SECOND = timedelta(seconds=1)


class Round:
    """One worker's sending, at the times that a test says."""

    def __init__(self, pool: ConnectionPool[Connection]) -> None:
        stop, clock = threading.Event(), Clock(start=NOW)
        self.sender = Sender(
            pool=pool, clock=clock, stop=stop, screens_url="https://vigie.example", fallback_seconds=120
        )
        self.post = Post(pool=pool, clock=clock, stop=stop, screens_url="https://vigie.example")

    def __call__(self, after: timedelta) -> None:
        """Send all that is due then, and wait until it is sent."""
        for sending in (self.sender, self.post):
            sending.clock = Clock(start=NOW + after)
            sending.send_due()
            sending.lanes.rest()


@pytest.fixture
def send(database_url: str) -> Iterator[Round]:
    with database.open_pool(database_url, service="alerts", max_size=8) as pool:
        yield Round(pool)


def channel_of_sms(conn: Connection, gateway: SmsGateway, *, answer_seconds: int = 15) -> int:
    return clinic.add_user(conn, notify_url=f"{gateway.url}?rto={answer_seconds}")


@pytest.mark.parametrize("mood", ["hangs", "refuses", "is_late", "answers_500", "closes_half_way"])
def test_while_a_sick_gateway_holds_its_first_messages_all_others_pass_and_the_rest_of_its_own_go_by_fallback(
    database_url: str, connection: Connection, mood: Any
) -> None:
    released = threading.Event()
    with (
        Mailbox().open() as mailbox,
        SmsGateway().open() as gateway,
        SmsGateway(host="localhost").open() as spare,
        ExitStack() as sickness,
    ):
        sick = SmsGateway(mood="takes" if mood == "refuses" else mood, late_seconds=0)
        if mood != "refuses":
            sickness.enter_context(sick.open())
        sickness.callback(released.set)
        sick.on_asked = lambda: released.wait(120)
        nurse = channel_of_sms(connection, sick, answer_seconds=100)
        clinic.add_channel(connection, nurse, spare.url)
        others = [clinic.add_user(connection, notify_url=url, language="en") for url in (gateway.url, mailbox.url)]
        for person in (nurse, *others):
            clinic.prefer(connection, person, bundle=False)
        lanes = 0 if mood == "refuses" else PER_GATEWAY
        with running(database_url, start=NOW, fallback_seconds=5):
            clinic.raise_alerts(connection, nurse, count=50)
            eventually(lambda: clinic.count(connection, ATTEMPTS) if mood == "refuses" else len(sick.asked) == lanes)
            for person in others:
                clinic.raise_alerts(connection, person, count=100)
            eventually(lambda: len(gateway.taken) == 100 and len(mailbox.messages) == 100, seconds=60)
            eventually(lambda: len(spare.taken) == 50 - lanes, seconds=60)
            eventually(lambda: clinic.count(connection, PENDING) == lanes)
            assert (released.is_set(), sick.taken, len(sick.asked)) == (False, [], lanes), "its first are still with it"
            sickness.close()
            eventually(lambda: clinic.count(connection, PENDING) == 0, seconds=60)
    assert len(set(spare.taken)) + len(sick.taken) == 50
    assert len(sick.taken) == (lanes if mood == "is_late" else 0)
    assert len(set(gateway.taken)) == len({one["subject"] for one in mailbox.messages}) == 100, "no other was repeated"


def test_one_gateway_takes_no_more_than_its_own_lanes(database_url: str, connection: Connection) -> None:
    with SmsGateway(mood="hangs").open() as hung, Mailbox().open() as mailbox:
        for number in range(40):
            clinic.raise_alerts(connection, clinic.add_user(connection, notify_url=f"{hung.url}?rto=2&u={number}"))
        with running(database_url, start=NOW):
            eventually(lambda: len(hung.asked) == 4)
            clinic.raise_alerts(connection, clinic.add_user(connection, notify_url=mailbox.url))
            eventually(lambda: mailbox.messages)
            assert len(hung.asked) == 4


def test_an_answer_that_comes_too_late_costs_one_repeat_that_says_so(send: Round, connection: Connection) -> None:
    with SmsGateway(mood="is_late", late_seconds=3).open() as gateway:
        (number,) = clinic.raise_alerts(connection, channel_of_sms(connection, gateway, answer_seconds=1))
        send(0 * SECOND)
        assert clinic.count(connection, PENDING) == 1, "the gateway took it and did not say so in time"
        gateway.mood = "takes"
        send(10 * SECOND)
    assert clinic.count(connection, PENDING) == 0
    first, again = gateway.taken
    assert f"alerte {number} (alerte)" in first
    assert f"alerte {number} (alerte, répétition)" in again


def test_an_hour_of_500_is_told_to_escalation_after_two_minutes_and_loses_nothing(
    send: Round, connection: Connection
) -> None:
    with SmsGateway(mood="answers_500").open() as gateway:
        nurse = channel_of_sms(connection, gateway)
        clinic.raise_alerts(connection, nurse)
        for seconds in range(0, 3600, 20):
            if seconds == 100:
                assert clinic.count(connection, FAILED) == 0
            if seconds == 160:
                assert clinic.count(connection, FAILED) == 1
            if seconds == 1800:
                clinic.raise_alerts(connection, nurse, at=NOW + 1800 * SECOND)
            send(seconds * SECOND)
        assert clinic.count(connection, PENDING) == 2
        assert 10 < clinic.count(connection, ATTEMPTS) < 40, "patient, but not idle"
        gateway.mood = "takes"
        send(timedelta(hours=1, minutes=20))
        send(timedelta(hours=1, minutes=40))
    assert clinic.count(connection, PENDING) == 0
    assert all("répétition" in text for text in gateway.taken)
    assert clinic.count(connection, "SELECT count(*)::int FROM channel_state WHERE disabled_at IS NOT NULL") == 0


def test_a_clock_that_jumps_ahead_and_is_set_back_loses_nothing_and_doubles_nothing(
    send: Round, connection: Connection
) -> None:
    hour = 3600 * SECOND
    with SmsGateway().open() as gateway:
        nurse = channel_of_sms(connection, gateway)
        clinic.prefer(connection, nurse, bundle=False)
        told = [*clinic.raise_alerts(connection, nurse)]
        send(0 * SECOND)
        told += clinic.raise_alerts(connection, nurse, at=NOW + 3 * hour)
        send(3 * hour)
        send(60 * SECOND)  # set right again
        told += clinic.raise_alerts(connection, nurse, at=NOW + 70 * SECOND)
        send(70 * SECOND)
        gateway.mood = "answers_500"
        (late,) = clinic.raise_alerts(connection, nurse, at=NOW + 80 * SECOND)
        send(80 * SECOND)
        gateway.mood = "takes"
        told += clinic.raise_alerts(connection, nurse, at=NOW - hour)
        send(-hour)
        assert clinic.count(connection, PENDING) == 0, "what was to be tried at 9:01 does not wait for that again"
    numbers = [int(words.split()[2]) for words in gateway.taken]
    assert sorted(numbers) == sorted([*told, late])
    assert [f"alerte {late}" in words for words in gateway.taken if "répétition" in words] == [True]


def test_a_channel_that_refuses_for_good_is_disabled_and_told_by_another_one_and_to_operations(
    send: Round, connection: Connection
) -> None:
    with SmsGateway(mood="answers_401").open() as gateway, Mailbox().open() as mailbox, SmsGateway().open() as ops:
        nurse = channel_of_sms(connection, gateway)
        clinic.add_channel(connection, nurse, mailbox.url)
        admin = clinic.add_user(connection, notify_url=ops.url, language="en", role="cardiologist")
        connection.execute(
            "INSERT INTO user_duty (duty, user_id, entered_at) VALUES ('operations', %s, now())", (admin,)
        )
        for number in range(3):
            clinic.raise_alerts(connection, nurse, severity="alarm", at=NOW + number * 60 * SECOND)
            for seconds in (0, 5, 10):
                send(number * 60 * SECOND + seconds * SECOND)
        clinic.raise_alerts(connection, nurse, severity="alarm", at=NOW + 300 * SECOND)
        send(300 * SECOND)
    assert len(gateway.asked) == 3, "the fourth alert is not even tried there"
    subjects = [message["subject"] for message in mailbox.messages]
    assert len([subject for subject in subjects if "alerte n°" in subject]) == 4
    assert len([subject for subject in subjects if "n'est plus utilisé" in subject]) == 1
    assert [text for text in ops.taken if "no longer used" in text]


def test_a_useless_address_is_disabled_at_once(send: Round, connection: Connection) -> None:
    nurse = clinic.add_user(connection, notify_url="nosuchservice://token-abc-secret/")
    clinic.raise_alerts(connection, nurse)
    send(0 * SECOND)
    send(6 * SECOND)
    assert clinic.count(connection, FAILED) == 1
    assert connection.execute("SELECT problem FROM channel_state").fetchall() == [
        ("the address nosuchservice://… is not usable: correct it",)
    ]


def test_the_first_alert_goes_now_the_rest_in_one_message_and_an_alarm_at_once(
    send: Round, connection: Connection
) -> None:
    with SmsGateway().open() as gateway:
        nurse = channel_of_sms(connection, gateway)
        first = clinic.raise_alerts(connection, nurse)
        send(0 * SECOND)
        rest = clinic.raise_alerts(connection, nurse, count=3, at=NOW + SECOND)
        send(5 * SECOND)
        send(110 * SECOND)
        assert len(gateway.taken) == 1
        send(121 * SECOND)
        assert len(gateway.taken) == 2
        later = clinic.raise_alerts(connection, nurse, at=NOW + 125 * SECOND)
        alarm = clinic.raise_alerts(connection, nurse, severity="alarm", at=NOW + 126 * SECOND)
        send(126 * SECOND)
    assert f"alerte {first[0]} " in gateway.taken[0]
    assert f"3 alertes: {', '.join(map(str, rest))} https" in gateway.taken[1]
    assert f"2 alertes, dont 1 alarme: {alarm[0]}, {later[0]} https" in gateway.taken[2]
    link = gateway.taken[1].split("https://vigie.example/b/")[1].split()[0]
    ends = one_tap.read_bundle(link, key=outbox.signing_key(connection))
    told = connection.execute("SELECT event_id FROM notification WHERE notification_id BETWEEN %s AND %s", ends)
    assert [number for (number,) in told] == rest, "its one link opens a page with these three"


def test_what_was_closed_before_its_sending_is_not_sent_and_says_so(send: Round, connection: Connection) -> None:
    with SmsGateway(mood="answers_500").open() as gateway, Mailbox().open() as mailbox:
        nurse = channel_of_sms(connection, gateway)
        clinic.add_channel(connection, nurse, mailbox.url)
        clinic.raise_alerts(connection, nurse, severity="alarm")
        send(0 * SECOND)
        clinic.close_all(connection, at=NOW + SECOND)
        (later,) = clinic.raise_alerts(connection, nurse, severity="alarm", at=NOW + 2 * SECOND)
        gateway.mood = "takes"
        for seconds in (3, 30, 150, 600):
            send(seconds * SECOND)
    assert mailbox.messages == []
    assert [f"alerte {later} " in text for text in gateway.taken] == [True]
    rows = connection.execute(
        "SELECT delivered_at IS NULL, withdrawn_at IS NULL FROM notification ORDER BY notification_id"
    ).fetchall()
    assert rows == [(True, False), (False, True)]
    assert clinic.count(connection, ATTEMPTS) == 2, "the failed one is still on record"


def test_a_channel_sleeps_in_its_quiet_hours_for_all_but_an_alarm(send: Round, connection: Connection) -> None:
    with SmsGateway().open() as gateway, Mailbox().open() as mailbox:
        nurse = clinic.add_user(connection, notify_url=None)
        clinic.add_channel(connection, nurse, gateway.url, position=1, quiet=("08:30", "10:00"))  # NOW is 9:00 in Paris
        clinic.raise_alerts(connection, nurse)
        send(0 * SECOND)
        assert (gateway.taken, clinic.count(connection, FAILED)) == ([], 0)
        clinic.raise_alerts(connection, nurse, severity="alarm")
        send(SECOND)
        assert len(gateway.taken) == 1
        send(timedelta(minutes=59))
        assert len(gateway.taken) == 1
        send(timedelta(minutes=61))
        assert len(gateway.taken) == 2
        clinic.add_channel(connection, nurse, mailbox.url, position=2)
        clinic.raise_alerts(connection, nurse, at=NOW + timedelta(hours=24))
        send(timedelta(hours=24))
        assert (len(gateway.taken), len(mailbox.messages)) == (2, 1), "the other channel is awake"


def test_whoever_has_no_channel_has_failed_at_once_and_is_told_when_given_one(
    send: Round, connection: Connection
) -> None:
    nurse = clinic.add_user(connection, notify_url=None)
    clinic.raise_alerts(connection, nurse)
    send(0 * SECOND)
    assert clinic.count(connection, FAILED) == 1
    with SmsGateway().open() as gateway:
        clinic.add_channel(connection, nurse, gateway.url)
        send(timedelta(minutes=16))
        assert len(gateway.taken) == 1


def test_what_a_gateway_says_did_not_arrive_goes_by_the_next_channel_with_its_whole_message(
    send: Round, connection: Connection
) -> None:
    with SmsGateway().open() as gateway, Mailbox().open() as mailbox:
        nurse = channel_of_sms(connection, gateway)
        clinic.add_channel(connection, nurse, mailbox.url)
        clinic.raise_alerts(connection, nurse, count=3)
        send(0 * SECOND)
        (reference,) = gateway.references
        key = outbox.signing_key(connection)
        told = one_tap.read(reference, key=key, purpose="receipt")
        assert one_tap.read(reference, key=key) is None, "a gateway cannot take an alert with it"
        connection.execute(
            "INSERT INTO delivery_receipt (notification_id, status, at) VALUES (%s, 'failed', %s)", (told, NOW + SECOND)
        )
        connection.commit()
        send(5 * SECOND)
        send(10 * SECOND)
    assert clinic.count(connection, PENDING) == 0
    assert len(gateway.taken) == 1
    assert [str(message["subject"]) for message in mailbox.messages] == ["Vigie : 3 alertes, répétition"]


@pytest.mark.parametrize("moment", ["before_the_claim", "after_the_claim", "after_the_send"])
@pytest.mark.parametrize("by", ["mail", "sms"])
def test_a_killed_worker_loses_nothing_and_its_repeat_is_recognisable(
    database_url: str, connection: Connection, moment: str, by: str
) -> None:
    with Mailbox().open() as mailbox, SmsGateway().open() as gateway:
        nurse = clinic.add_user(connection, notify_url=mailbox.url if by == "mail" else gateway.url)
        with killable(database_url, start=NOW) as process:
            eventually(lambda: clinic.count(connection, "SELECT count(*)::int FROM heartbeat"))
            _kill_at(moment, process, mailbox, gateway)
            if moment == "before_the_claim":
                connection.execute("LOCK TABLE channel_state IN ACCESS EXCLUSIVE MODE")
                with database.connect(database_url, autocommit=True) as other:
                    (number,) = clinic.raise_alerts(other, nurse)
                    eventually(lambda: other.execute(WAITING_FOR_LOCK).fetchone() != (0,))
                process.kill()
            else:
                (number,) = clinic.raise_alerts(connection, nurse)
            process.wait(30)
        connection.rollback()
        mailbox.on_greeting = mailbox.on_message = gateway.on_asked = gateway.on_taken = lambda: None
        gateway.mood = "takes"
        with running(database_url, start=NOW + AFTER_THE_LEASE):
            eventually(lambda: clinic.count(connection, PENDING) == 0)
    told = [str(message["subject"]) for message in mailbox.messages] + gateway.taken
    assert len(told) == (2 if moment == "after_the_send" else 1)
    assert all(str(number) in text for text in told)
    assert ("répétition" in told[-1]) is (moment != "before_the_claim")
    assert "répétition" not in told[0] or moment == "after_the_claim"


def _kill_at(moment: str, process: "subprocess.Popen[bytes]", mailbox: Mailbox, gateway: SmsGateway) -> None:
    if moment == "after_the_claim":
        mailbox.on_greeting = process.kill
        gateway.mood = "answers_500"
        gateway.on_asked = process.kill
    elif moment == "after_the_send":
        mailbox.on_message = gateway.on_taken = process.kill


def test_three_workers_send_nothing_twice(database_url: str, connection: Connection) -> None:
    with Mailbox().open() as mailbox, SmsGateway().open() as gateway, ExitStack() as workers:
        people = [clinic.add_user(connection, notify_url=url) for url in (mailbox.url, gateway.url)]
        for person in people:
            clinic.prefer(connection, person, bundle=False)
        for _ in range(3):
            workers.enter_context(killable(database_url, start=NOW))
        for person in people:
            clinic.raise_alerts(connection, person, count=100)
        eventually(lambda: clinic.count(connection, PENDING) == 0, seconds=40)
        time.sleep(1.5)  # another poll of each
    assert len({message["subject"] for message in mailbox.messages}) == len(mailbox.messages) == 100
    assert len(set(gateway.taken)) == len(gateway.taken) == 100
