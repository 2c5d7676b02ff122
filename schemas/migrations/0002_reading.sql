CREATE TABLE reading (
    reading_id         bigint GENERATED ALWAYS AS IDENTITY,
    site               text NOT NULL,
    device_id          text NOT NULL,
    seq                bigint,               -- null where the device has none
    patient_id         text,                 -- who had the scale on loan then; null: a scale nobody knows
    measured_at        timestamptz NOT NULL, -- the body's time, corrected by the scale's clock error
    received_at        timestamptz NOT NULL,
    recorded_at        timestamptz NOT NULL,
    weight_kg          numeric(6,3) NOT NULL CHECK (weight_kg > 0),
    quarantine_reason  text,                 -- null: accepted
    source             text NOT NULL,        -- the payload dialect: native-1, csv, …
    clock_error        interval,             -- subtracted from the scale's claim to give measured_at; null: unknown
    raw                text NOT NULL         -- as it came
);
-- A hypertable's unique key must hold its time. A seq is unique by `receipt`; this key is for sources without one.
CREATE UNIQUE INDEX reading_key ON reading (site, device_id, measured_at, weight_kg, seq) NULLS NOT DISTINCT;
CREATE INDEX reading_of_patient ON reading (patient_id, measured_at DESC);
CREATE INDEX reading_recorded ON reading (recorded_at, reading_id);
