-- What people add to a patient's course; all of it append-only, written by clinician_api. Days and times are the clinic's.

-- A weight that no scale of ours sent (told by telephone, taken at a visit), or that another patient's scale did. The
-- trigger makes it a reading, so that detectors, days and screens need not know of it: it is read like any other.
CREATE TABLE given_weight (
    given_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id   uuid NOT NULL UNIQUE,  -- of the form that was sent: a double click is one weight
    patient_id   text NOT NULL REFERENCES patient,
    measured_at  timestamptz NOT NULL,
    weight_kg    numeric(6,3) NOT NULL CHECK (weight_kg BETWEEN 20 AND 400),
    source       text NOT NULL CHECK (source IN ('manual', 'reassigned')),
    of_reading   bigint,  -- the reading of another patient that this one was
    note         text NOT NULL DEFAULT '' CHECK (length(note) <= 10000),
    author       bigint NOT NULL REFERENCES app_user,
    at           timestamptz NOT NULL,
    CHECK ((of_reading IS NOT NULL) = (source = 'reassigned'))
);
CREATE INDEX given_weight_of_patient ON given_weight (patient_id);
CREATE INDEX given_weight_of_reading ON given_weight (of_reading) WHERE of_reading IS NOT NULL;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON given_weight FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- The device is called like the patient, as an import does: no scale, so no change of scale either.
CREATE FUNCTION read_given_weight() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO reading (site, device_id, patient_id, measured_at, received_at, recorded_at, weight_kg, source, raw)
    VALUES ('manual', NEW.patient_id, NEW.patient_id, NEW.measured_at, NEW.at, NEW.at, NEW.weight_kg, NEW.source,
            json_build_object('given_id', NEW.given_id)::text)
    ON CONFLICT DO NOTHING;
    PERFORM refresh_latest_reading(ARRAY[NEW.patient_id]);
    RETURN NULL;
END $$;
CREATE TRIGGER read AFTER INSERT ON given_weight FOR EACH ROW EXECUTE FUNCTION read_given_weight();

-- "Was it you?" may stay without an answer: asked says so, and the weight waits on. other_patient: reassigned.
ALTER TABLE reading_review
    DROP CONSTRAINT reading_review_action_check,
    ADD CONSTRAINT reading_review_action_check CHECK (action IN ('release', 'exclude', 'undo', 'asked')),
    DROP CONSTRAINT reading_review_reason_check,
    ADD CONSTRAINT reading_review_reason_check CHECK (
        reason IN ('other_person', 'other_patient', 'clothes', 'scale_moved', 'typing_error', 'other_reason'));

CREATE TABLE journal_entry (
    entry_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id   uuid NOT NULL UNIQUE,
    patient_id   text NOT NULL REFERENCES patient,
    kind         text NOT NULL CHECK (kind IN ('note', 'contact', 'treatment')),
    happened_at  timestamptz NOT NULL,
    result       text CHECK (result IN ('reached', 'relative', 'voicemail', 'no_answer', 'wrong_number')),
    drug_class   text CHECK (drug_class IN ('loop_diuretic', 'thiazide', 'mra', 'raas', 'beta_blocker', 'sglt2', 'other')),
    direction    text CHECK (direction IN ('started', 'up', 'down', 'stopped')),
    dose         text NOT NULL DEFAULT '' CHECK (length(dose) <= 200),
    note         text NOT NULL DEFAULT '' CHECK (length(note) <= 10000),
    author       bigint NOT NULL REFERENCES app_user,
    recorded_at  timestamptz NOT NULL,
    CHECK ((kind = 'contact') = (result IS NOT NULL)),
    CHECK ((kind = 'treatment') = (drug_class IS NOT NULL AND direction IS NOT NULL))
);
CREATE INDEX journal_of_patient ON journal_entry (patient_id, happened_at DESC);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON journal_entry FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE journal_seen (
    entry_id  bigint NOT NULL REFERENCES journal_entry,
    user_id   bigint NOT NULL REFERENCES app_user,
    at        timestamptz NOT NULL,
    PRIMARY KEY (entry_id, user_id)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON journal_seen FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE reminder (  -- the one thing here that changes: it is done once
    entry_id    bigint PRIMARY KEY REFERENCES journal_entry,
    patient_id  text NOT NULL REFERENCES patient,
    remind_on   date NOT NULL,
    done_at     timestamptz,
    done_by     bigint REFERENCES app_user,
    CHECK ((done_at IS NULL) = (done_by IS NULL))
);
CREATE INDEX reminder_due ON reminder (remind_on) WHERE done_at IS NULL;

-- Why the dry weight was set, which is why detectors begin afresh the day after. Rows from before have no reason.
ALTER TABLE dry_weight
    ADD COLUMN request_id uuid UNIQUE,
    ADD COLUMN note text NOT NULL DEFAULT '' CHECK (length(note) <= 1000),
    ADD COLUMN reason text CHECK (reason IN (
        'first', 'clinical_assessment', 'hospital_stay', 'diuretic_change', 'new_scale', 'body_change', 'correction'));

DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT rolname FROM pg_roles WHERE rolname IN ('vigie_ingest', 'vigie_alerts', 'vigie_api') LOOP
        EXECUTE format('GRANT SELECT ON given_weight TO %I', name);
    END LOOP;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigie_api') THEN
        GRANT SELECT, INSERT ON given_weight, journal_entry, journal_seen TO vigie_api;
        GRANT SELECT, INSERT, UPDATE (done_at, done_by) ON reminder TO vigie_api;
    END IF;
END $$;
