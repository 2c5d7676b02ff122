-- When is no weight expected of a patient, and why? Silence is not alerted in a pause, and in no other way can it be kept
-- from being alerted; a weight that comes is judged as ever. Written by clinician_api; nothing of it is overwritten.
CREATE TABLE pause (
    pause_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id   uuid NOT NULL UNIQUE,  -- of the form that was sent: a double click is one pause
    patient_id   text NOT NULL REFERENCES patient,
    kind         text NOT NULL CHECK (kind IN ('holiday', 'hospital', 'other')),
    first_day    date NOT NULL,  -- of the patient's own calendar
    last_day     date NOT NULL CHECK (last_day BETWEEN first_day AND first_day + 183),
    note         text NOT NULL CHECK (length(note) <= 1000 AND (kind <> 'other' OR note <> '')),
    author       bigint NOT NULL REFERENCES app_user,
    recorded_at  timestamptz NOT NULL
);
CREATE INDEX ON pause (patient_id);

CREATE TABLE pause_change (  -- another last day; the day before the first: it does not take place
    change_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id   uuid NOT NULL UNIQUE,
    pause_id     bigint NOT NULL REFERENCES pause,
    last_day     date NOT NULL,
    author       bigint NOT NULL REFERENCES app_user,
    recorded_at  timestamptz NOT NULL
);
CREATE INDEX ON pause_change (pause_id, change_id DESC);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON pause FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON pause_change FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE VIEW standing_pause AS
SELECT pause_id, patient_id, kind, first_day, coalesce(newest.last_day, pause.last_day) AS last_day, note,
       coalesce(newest.author, pause.author) AS author, coalesce(newest.recorded_at, pause.recorded_at) AS changed_at
FROM pause LEFT JOIN LATERAL (
    SELECT last_day, author, recorded_at FROM pause_change AS change
    WHERE change.pause_id = pause.pause_id ORDER BY change_id DESC LIMIT 1
) AS newest ON true;

-- The patient is judged, and the days are explained, anew at once. Whoever claims these rows holds them until it has
-- written when to look again, so this waits for it and no pause is overlooked until tomorrow.
CREATE FUNCTION announce_pause() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    of pause;
BEGIN
    SELECT * INTO of FROM pause WHERE pause_id = NEW.pause_id;
    IF NEW.last_day NOT BETWEEN of.first_day - 1 AND of.first_day + 183 THEN
        RAISE EXCEPTION 'pause % may last 184 days at most', of.pause_id USING ERRCODE = 'check_violation';
    END IF;
    UPDATE watch SET due_at = least(due_at, NEW.recorded_at) WHERE patient_id = of.patient_id;
    UPDATE day_watch SET due_at = least(due_at, NEW.recorded_at) WHERE patient_id = of.patient_id;
    PERFORM pg_notify('vigie_reading', of.patient_id);
    RETURN NULL;
END $$;
CREATE TRIGGER announce AFTER INSERT ON pause FOR EACH ROW EXECUTE FUNCTION announce_pause();
CREATE TRIGGER announce AFTER INSERT ON pause_change FOR EACH ROW EXECUTE FUNCTION announce_pause();

DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT rolname FROM pg_roles WHERE rolname IN ('vigie_alerts', 'vigie_api') LOOP
        EXECUTE format('GRANT SELECT ON pause, pause_change, standing_pause TO %I', name);
    END LOOP;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigie_api') THEN
        GRANT INSERT ON pause, pause_change TO vigie_api;
    END IF;
END $$;
