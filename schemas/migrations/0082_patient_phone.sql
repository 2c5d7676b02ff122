-- On which number is the patient, or a relative, reached, and has anybody tried it? The newest row of a patient holds;
-- written by clinician_api, and read by no other program.
CREATE TABLE patient_phone (
    phone_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id   uuid NOT NULL UNIQUE,  -- of the form that was sent
    patient_id   text NOT NULL REFERENCES patient,
    number       text NOT NULL CHECK (number ~ '^\+?[0-9]{6,15}$'),
    whose        text NOT NULL DEFAULT '' CHECK (length(whose) <= 100),
    verified     boolean NOT NULL,  -- the author called it, and the right person answered
    author       bigint NOT NULL REFERENCES app_user,
    recorded_at  timestamptz NOT NULL
);
CREATE INDEX ON patient_phone (patient_id, phone_id DESC);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON patient_phone FOR EACH ROW EXECUTE FUNCTION refuse_change();

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigie_api') THEN
        GRANT SELECT, INSERT ON patient_phone TO vigie_api;
    END IF;
END $$;
