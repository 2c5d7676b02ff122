from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy.servers.embedded_broker import EmbeddedBroker
from schemas.clock import Clock
from schemas.history_csv import BadCsvError
from schemas.settings import BrokerUrl, Settings
from simulator import replay, weight_log
from simulator.life import PARIS
from simulator.replay import ReplayError
from tests.simulator.receipt_giver import ReceiptGiver

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LOG = "t,kg\n2001-01-02,70\n2001-01-01,69.4\n2001-01-03T21:30:00,71.65\n2001-01-03T21:30:00,71.65\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "home log.csv"
    path.write_text(LOG)
    return path


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def on(broker: EmbeddedBroker, settings: Settings) -> Settings:
    return settings.model_copy(update={"broker_url": BrokerUrl(broker.url)})


def local_times(plan: replay.Plan) -> list[str]:
    return [f"{one.measured_at.astimezone(PARIS):%Y-%m-%d %H:%M}" for one in plan.logs[0].weighings]


def test_a_log_is_moved_by_whole_days_to_end_today_and_its_hours_stay(log: Path, settings: Settings) -> None:
    evening = datetime(2026, 11, 22, 22, tzinfo=PARIS)
    plan = replay.plan(settings, path=log, now=evening)
    assert local_times(plan) == ["2026-11-20 07:00", "2026-11-21 07:00", "2026-11-22 21:30"]
    assert "it ends on 2026-11-22" in str(plan)


def test_a_log_whose_last_hour_is_still_to_come_ends_yesterday(log: Path, settings: Settings) -> None:
    assert local_times(replay.plan(settings, path=log, now=NOW))[-1] == "2026-11-21 21:30"


def test_hours_stay_through_the_change_to_winter_time(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("t,kg\n2001-01-01,70\n2001-03-01,70\n")
    assert local_times(replay.plan(settings, path=path, now=NOW)) == ["2026-09-24 07:00", "2026-11-22 07:00"]


def test_dates_are_left_alone_when_asked(log: Path, settings: Settings) -> None:
    plan = replay.plan(settings, path=log, now=NOW, as_dated=True)
    assert local_times(plan)[0] == "2001-01-01 07:00"
    assert "dated as in the log" in str(plan)


def test_sent_again_on_another_day_a_log_says_the_same(log: Path, settings: Settings) -> None:
    first = replay.plan(settings, path=log, now=NOW)
    later = replay.plan(settings, path=log, now=NOW + timedelta(days=9))
    assert later.logs == first.logs
    assert "as when it was first sent" in str(later)


def test_rows_added_to_a_log_leave_the_others_numbers_alone(log: Path, settings: Settings) -> None:
    before = replay.plan(settings, path=log, now=NOW).logs[0].weighings
    log.write_text(LOG + "2000-12-31,69\n2001-01-04,70\n")
    after = replay.plan(settings, path=log, now=NOW).logs[0].weighings
    assert after[1:-1] == before
    assert [one.seq for one in after] == sorted({one.seq for one in after})


def test_one_scale_does_not_send_two_logs(log: Path, settings: Settings, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text(LOG)
    replay.plan(settings, path=log, now=NOW, device_id="S1")
    with pytest.raises(ReplayError, match="another --device"):
        replay.plan(settings, path=other, now=NOW, device_id="S1")


def test_a_readings_file_of_several_patients_is_several_scales(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "readings.csv"
    path.write_text(
        "patient_id,measured_at,weight_kg\nP2,2026-01-02T07:00:00+01:00,80\nP1,2026-01-01T07:00:00+01:00,70\n"
    )
    plan = replay.plan(settings, path=path, now=NOW)
    assert [patient.patient_id for patient in plan.new_patients] == ["P1", "P2"]
    assert [patient.scale for patient in plan.new_patients] == [one.scale for one in plan.logs]
    assert all(one.new_patient.enrolled_at < one.weighings[0].measured_at for one in plan.logs)
    with pytest.raises(ReplayError, match="2 patients"):
        replay.plan(settings, path=path, now=NOW, patient_id="P9")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("t,kg\n", "there is no reading in it"),
        ("t,kg\nyesterday,70\n", "row 2, column t"),
        ("t,kg\n2026-01-01,seventy\n", "row 2, column kg"),
        ("t,kg\n2026-01-01,70\n2026-01-02,700\n", "row 3, column kg: must lie between 2 and 400"),
        ("t,kg\n2026-01-01,70,1\n", "row 2: has 3 fields"),
        ("t,kg\n2026-01-01,NaN\n", "row 2, column kg"),
        ("a,b\n1,2\n", "patient_id"),
        ("", "empty"),
    ],
)
def test_a_bad_log_is_refused_with_its_row_and_column(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(text)
    with pytest.raises(BadCsvError, match=said):
        weight_log.read(path)


def test_a_replay_ends_when_every_reading_has_its_receipt(
    broker: EmbeddedBroker, log: Path, settings: Settings
) -> None:
    plan = replay.plan(settings, path=log, now=NOW)
    doubted = frozenset({plan.logs[0].weighings[2].seq})
    with ReceiptGiver(broker.port, quarantine=doubted) as receipts:
        result = replay.replay(on(broker, settings), planned=plan, clock=Clock())
    assert receipts.heard[-1][0] == "vigie/1/replay/home-log/status"
    assert sorted(receipts.seqs()) == [one.seq for one in plan.logs[0].weighings]
    assert (result.sent, result.words["stored"], result.words["quarantined"]) == (3, 2, 1)
    assert "quarantined: implausible_jump (1)" in str(result)


def test_a_long_log_goes_out_in_batches_newest_first(
    broker: EmbeddedBroker, settings: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "long.csv"
    days = [datetime(2020, 1, 1, tzinfo=UTC).date() + timedelta(days=number) for number in range(250)]
    path.write_text("t,kg\n" + "".join(f"{day},70\n" for day in days))
    plan = replay.plan(settings, path=path, now=NOW)
    with ReceiptGiver(broker.port) as receipts:
        result = replay.replay(on(broker, settings), planned=plan, clock=Clock())
    assert result.words["stored"] == 250
    assert receipts.seqs()[0] == plan.logs[0].weighings[150].seq


def test_a_replay_that_nobody_answers_says_so(broker: EmbeddedBroker, log: Path, settings: Settings) -> None:
    plan = replay.plan(settings, path=log, now=NOW)
    with pytest.raises(ReplayError, match="does `vigie ingest` run"):
        replay.replay(on(broker, settings), planned=plan, clock=Clock(), patience_seconds=1)
    broker.stop()
    with pytest.raises(ReplayError, match="VIGIE_BROKER_URL"):
        replay.replay(on(broker, settings), planned=plan, clock=Clock(), patience_seconds=1)
