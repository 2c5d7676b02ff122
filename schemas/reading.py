"""What is a weighing, once it is out of its dialect? Shared by ingest, history files and the simulator."""

from decimal import Decimal
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from schemas.patient import PatientId
from schemas.plausibility import MAX_KG, MIN_KG

WeightKg = Annotated[Decimal, Field(ge=Decimal(str(MIN_KG)), le=Decimal(str(MAX_KG)), decimal_places=3, max_digits=6)]


class HistoricReading(BaseModel):
    """One row of a READINGS file (interface.md): a weight in kg with the time of the body, of a known patient."""

    model_config = ConfigDict(frozen=True)

    patient_id: PatientId
    measured_at: AwareDatetime
    weight_kg: WeightKg
    device_id: str | None = None
