-- What was agreed when a patient joined, and how and when they left. Both are append-only; clinician_api writes them.
CREATE TABLE enrolment_record (
    patient_id   text PRIMARY KEY REFERENCES patient,
    request_id   uuid NOT NULL UNIQUE,  -- of the form that was sent: a double click is one patient
    consent_on   date NOT NULL,
    prescriber   text NOT NULL CHECK (length(prescriber) <= 200),
    author       bigint NOT NULL REFERENCES app_user,
    recorded_at  timestamptz NOT NULL
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON enrolment_record FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE patient_status (  -- the newest row holds; without one a patient is watched
    status_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id   uuid NOT NULL UNIQUE,
    patient_id   text NOT NULL REFERENCES patient,
    status       text NOT NULL CHECK (status IN ('active', 'discharged', 'deceased')),
    reason       text NOT NULL CHECK (length(reason) <= 1000),
    author       bigint NOT NULL REFERENCES app_user,
    recorded_at  timestamptz NOT NULL
);
CREATE INDEX ON patient_status (patient_id, status_id DESC);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON patient_status FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- Who is watched no longer: alerts assesses them no more, the screens say so.
CREATE VIEW departed AS
SELECT * FROM (
    SELECT DISTINCT ON (patient_id) patient_id, status, reason, author, recorded_at
    FROM patient_status ORDER BY patient_id, status_id DESC
) AS newest WHERE status <> 'active';

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigie_ingest') THEN
        GRANT SELECT ON departed TO vigie_ingest;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigie_alerts') THEN
        GRANT SELECT ON departed, patient_status TO vigie_alerts;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigie_api') THEN
        GRANT SELECT ON departed TO vigie_api;
        GRANT SELECT, INSERT ON enrolment_record, patient_status TO vigie_api;
    END IF;
END $$;
