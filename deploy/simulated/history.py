"""What would a clinic's READINGS and EVENTS hold, were its patients those of a chronicle?"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

import numpy as np

from alerts.judgement.history import Event
from schemas.reading import HistoricReading
from simulator.chronicle import Chronicle

NOON = time(12, tzinfo=UTC)


def readings(people: Chronicle) -> Iterator[HistoricReading]:
    """Each weighing, on the scale of the day: a new one from each replacement on that the service is told of."""
    for patient, kg in enumerate(people.kg):
        stays = {event.treated + event.absent_days for event in people.events[patient]}
        scales = [day for day in people.anchors[patient] if day not in stays]
        for day in np.flatnonzero(~np.isnan(kg)).tolist():
            midnight = datetime.combine(_date(people, patient, day), time(), tzinfo=UTC)
            yield HistoricReading(
                patient_id=_name(patient),
                measured_at=midnight + timedelta(minutes=round(60 * float(people.hour[patient, day]))),
                weight_kg=round(float(kg[day]), 1),
                device_id=f"S{patient + 1}-{sum(scale <= day for scale in scales)}",
            )


def events(people: Chronicle) -> Iterator[Event]:
    """Each decompensation at noon of the day it was treated; each hospital stay that is told of, as a pause."""
    for patient, happened in enumerate(people.events):
        for event in happened:
            at = datetime.combine(_date(people, patient, event.treated), NOON)
            yield Event(patient_id=_name(patient), at=at, kind="decompensation")
            if event.absent_days and event.treated + event.absent_days in people.anchors[patient]:
                until = at + timedelta(days=event.absent_days, hours=-6)
                yield Event(patient_id=_name(patient), at=at, kind="pause", until=until)


def _name(patient: int) -> str:
    return f"P{patient + 1:04d}"


def _date(people: Chronicle, patient: int, day: int) -> date:
    return date.fromordinal(int(people.first_day[patient]) + day)
