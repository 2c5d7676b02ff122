"""What was done in a month, patient by patient? What the arrêté of 22 June 2023 wants extracted to prove actual use."""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import LiteralString
from zoneinfo import ZoneInfo

from psycopg.rows import class_row

from clinician_api.language import CLINIC_ZONE, message
from schemas.database import Connection

NOT_A_MONTH = message("Give a month such as 2026-10.")
STILL_AHEAD = message("This month is still to come.")
A_MONTH = re.compile(r"20[0-9]{2}-(0[1-9]|1[0-2])")


class NoSuchMonthError(ValueError):
    """The month cannot be reported; the message is one of this file's, to be translated."""


@dataclass(frozen=True, kw_only=True)
class Month:
    """A month of the clinic's calendar."""

    first: date

    @classmethod
    def parse(cls, text: str, *, now: datetime) -> "Month":
        """`2026-10`, which has begun.

        Raises:
            NoSuchMonthError: it is none, or begins after `now`.
        """
        if not A_MONTH.fullmatch(text):
            raise NoSuchMonthError(NOT_A_MONTH)
        first = date(int(text[:4]), int(text[5:]), 1)
        month = cls(first=first)
        if month.begins_at > now:
            raise NoSuchMonthError(STILL_AHEAD)
        return month

    def __str__(self) -> str:
        return f"{self.first:%Y-%m}"

    @property
    def end(self) -> date:
        """The first day of the next one."""
        return (self.first + timedelta(days=31)).replace(day=1)

    @property
    def begins_at(self) -> datetime:
        return datetime.combine(self.first, time(0), tzinfo=ZoneInfo(CLINIC_ZONE))

    @property
    def ends_at(self) -> datetime:
        return datetime.combine(self.end, time(0), tzinfo=ZoneInfo(CLINIC_ZONE))


@dataclass(frozen=True, kw_only=True)
class Activity:
    """One patient's month, by pseudonym; days of the patient's own calendar."""

    patient_id: str
    days: int
    """With a state: of the watch, and over (or with a weight)."""
    transmitted: int
    """A weight came, also one that waits in quarantine."""
    waiting: int
    not_weighed: int
    scale_silent: int
    our_outage: int
    paused: int
    decompensation: int
    weight_loss: int
    no_transmission: int
    device: int
    """Alerts raised, by cause."""
    acts: int
    """Alerts taken or closed, patients and weights reviewed."""
    looked: int
    """Days on which a clinician opened the record or acted."""


COLUMNS = tuple(Activity.__dataclass_fields__)

ACTIVITY: LiteralString = """
WITH days AS (
    SELECT patient_id, count(*)::int AS days,
           count(*) FILTER (WHERE state IN ('weighed', 'waiting'))::int AS transmitted,
           count(*) FILTER (WHERE state = 'waiting')::int AS waiting,
           count(*) FILTER (WHERE state = 'not_weighed')::int AS not_weighed,
           count(*) FILTER (WHERE state = 'scale_silent')::int AS scale_silent,
           count(*) FILTER (WHERE state = 'our_outage')::int AS our_outage,
           count(*) FILTER (WHERE state = 'paused')::int AS paused
    FROM patient_day WHERE day >= %(first)s AND day < %(end)s GROUP BY patient_id
), alerts AS (
    SELECT patient_id, count(*) FILTER (WHERE cause = 'decompensation')::int AS decompensation,
           count(*) FILTER (WHERE cause = 'weight_loss')::int AS weight_loss,
           count(*) FILTER (WHERE cause = 'no_transmission')::int AS no_transmission,
           count(*) FILTER (WHERE cause = 'device')::int AS device
    FROM episode WHERE severity <> 'watch' AND opened_at >= %(begins_at)s AND opened_at < %(ends_at)s
    GROUP BY patient_id
), done AS (
    SELECT patient_id, at, true AS act FROM acknowledgement JOIN episode USING (episode_id)
    WHERE at >= %(begins_at)s AND at < %(ends_at)s
    UNION ALL
    SELECT patient_id, at, true FROM reading_review JOIN reading USING (site, device_id, measured_at, reading_id)
    WHERE at >= %(begins_at)s AND at < %(ends_at)s AND patient_id IS NOT NULL
    UNION ALL
    SELECT patient_id, at, true FROM patient_review
    WHERE at >= %(begins_at)s AND at < %(ends_at)s AND NOT is_undo
    UNION ALL
    SELECT subject, at, false FROM audit
    WHERE action = 'patient.read' AND at >= %(begins_at)s AND at < %(ends_at)s
), acts AS (
    SELECT patient_id, count(*) FILTER (WHERE act)::int AS acts,
           count(DISTINCT (at AT TIME ZONE %(zone)s)::date)::int AS looked
    FROM done GROUP BY patient_id
)
SELECT patient_id, coalesce(days, 0) AS days, coalesce(transmitted, 0) AS transmitted, coalesce(waiting, 0) AS waiting,
       coalesce(not_weighed, 0) AS not_weighed, coalesce(scale_silent, 0) AS scale_silent,
       coalesce(our_outage, 0) AS our_outage, coalesce(paused, 0) AS paused,
       coalesce(decompensation, 0) AS decompensation, coalesce(weight_loss, 0) AS weight_loss,
       coalesce(no_transmission, 0) AS no_transmission, coalesce(device, 0) AS device,
       coalesce(acts, 0) AS acts, coalesce(looked, 0) AS looked
FROM patient LEFT JOIN days USING (patient_id) LEFT JOIN alerts USING (patient_id) LEFT JOIN acts USING (patient_id)
WHERE (days > 0 OR decompensation + weight_loss + no_transmission + device > 0 OR acts + looked > 0)
  AND (%(team_id)s::bigint IS NULL OR %(team_id)s = (
      SELECT team_id FROM patient_team AS known
      WHERE known.patient_id = patient.patient_id AND recorded_at < %(ends_at)s ORDER BY patient_team_id DESC LIMIT 1))
ORDER BY patient_id
"""


def of_month(conn: Connection, month: Month, *, team_id: int | None = None) -> list[Activity]:
    """Everyone who was watched, alerted or looked at in the month, by pseudonym; of one team as it was at its end."""
    asked = {
        "first": month.first,
        "end": month.end,
        "begins_at": month.begins_at,
        "ends_at": month.ends_at,
        "zone": CLINIC_ZONE,
        "team_id": team_id,
    }
    with conn.cursor(row_factory=class_row(Activity)) as cursor:
        return cursor.execute(ACTIVITY, asked).fetchall()


def total(rows: list[Activity], column: str) -> int:
    return sum(int(getattr(row, column)) for row in rows)
