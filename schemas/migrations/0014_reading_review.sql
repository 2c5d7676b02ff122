-- What a person says of a reading joins it, like what its source says of it (0010); no reading is changed.
CREATE TABLE reading_review (  -- written by clinician_api
    review_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id   uuid NOT NULL UNIQUE,  -- of the form that was sent: a double click is one act
    reading_id   bigint NOT NULL,
    site         text NOT NULL,         -- with device_id and measured_at: the reading's, to find it in a hypertable
    device_id    text NOT NULL,
    measured_at  timestamptz NOT NULL,
    action       text NOT NULL CHECK (action IN ('release', 'exclude', 'undo')),  -- undo: of the one before
    reason       text CHECK (reason IN ('other_person', 'clothes', 'scale_moved', 'typing_error', 'other_reason')),
    note         text NOT NULL DEFAULT '' CHECK (length(note) <= 10000),
    author       bigint NOT NULL REFERENCES app_user,
    at           timestamptz NOT NULL,
    CHECK ((reason IS NOT NULL) = (action = 'exclude'))
);
CREATE INDEX reading_review_of_reading ON reading_review (reading_id, review_id DESC);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON reading_review FOR EACH ROW EXECUTE FUNCTION refuse_change();
-- The few that wait for a person; the worklist asks for those of the last days at every look.
CREATE INDEX reading_doubted ON reading (measured_at) WHERE quarantine_reason IS NOT NULL;

-- What its source took back is out, whatever a person thought of it; else the person's last word counts, else ingest's.
CREATE OR REPLACE VIEW standing_reading AS
SELECT reading_id, site, device_id, seq, patient_id, measured_at, received_at, reading.recorded_at, weight_kg,
       CASE WHEN latest.kind IN ('superseded', 'excluded') THEN latest.reason
            WHEN review.action = 'exclude' THEN review.reason
            WHEN review.action = 'release' THEN NULL ELSE quarantine_reason END AS quarantine_reason,
       source, clock_error, raw, time_source, origin,
       CASE WHEN latest.kind IN ('superseded', 'excluded') THEN latest.kind
            WHEN review.action = 'exclude' THEN 'excluded'
            WHEN review.action = 'release' OR quarantine_reason IS NULL THEN 'accepted' ELSE 'quarantined' END AS state
FROM reading LEFT JOIN LATERAL (
    SELECT kind, reason FROM reading_event AS event
    WHERE event.reading_id = reading.reading_id ORDER BY event_id DESC LIMIT 1
) AS latest ON true LEFT JOIN LATERAL (
    SELECT action, reason FROM reading_review AS said
    WHERE said.reading_id = reading.reading_id ORDER BY review_id DESC LIMIT 1
) AS review ON true;

CREATE FUNCTION follow_reading_reviews() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM refresh_latest_reading(ARRAY[patient_id]) FROM reading
    WHERE reading_id = NEW.reading_id AND site = NEW.site AND device_id = NEW.device_id
      AND measured_at = NEW.measured_at AND patient_id IS NOT NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER follow AFTER INSERT ON reading_review FOR EACH ROW EXECUTE FUNCTION follow_reading_reviews();

DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT rolname FROM pg_roles WHERE rolname IN ('vigie_ingest', 'vigie_alerts', 'vigie_api') LOOP
        EXECUTE format('GRANT SELECT ON reading_review TO %I', name);
    END LOOP;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigie_api') THEN
        GRANT INSERT ON reading_review TO vigie_api;
    END IF;
END $$;
