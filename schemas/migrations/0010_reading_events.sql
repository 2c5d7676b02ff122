-- A reading is never overwritten: what was said of it later is an event that joins it. The one thing about a reading that
-- may become known later is whose it is (0011).
ALTER TABLE reading ADD COLUMN time_source text;  -- whose clock measured_at is from: device, gateway, server
ALTER TABLE reading ADD COLUMN origin text;       -- what the dialect calls this weighing, where it calls it anything

CREATE TABLE retraction (  -- what a source said of earlier weighings, kept whether or not they had come by then
    retraction_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site           text NOT NULL,
    device_id      text NOT NULL,
    kind           text NOT NULL CHECK (kind IN ('superseded', 'excluded')),
    reason         text NOT NULL,
    origin         text,                  -- the weighing with this name, or those measured from since until before until
    since          timestamptz NOT NULL,
    until          timestamptz NOT NULL,
    keeps_at       timestamptz,           -- except this one, which stands in their place
    keeps_kg       numeric(6,3),
    source         text NOT NULL,
    received_at    timestamptz NOT NULL,  -- it speaks of what was received until then, not of what comes after
    recorded_at    timestamptz NOT NULL,
    raw            text NOT NULL
);
CREATE UNIQUE INDEX retraction_once ON retraction (site, device_id, received_at, md5(raw));

CREATE TABLE reading_event (  -- the latest event of a reading says how it stands
    event_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reading_id   bigint NOT NULL,
    site         text NOT NULL,         -- with device_id and measured_at: the reading's, to find it in a hypertable
    device_id    text NOT NULL,
    measured_at  timestamptz NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('superseded', 'excluded', 'restored')),
    reason       text NOT NULL,
    received_at  timestamptz NOT NULL,
    recorded_at  timestamptz NOT NULL
);
CREATE INDEX reading_event_of_reading ON reading_event (reading_id, event_id DESC);
CREATE INDEX reading_event_by_time ON reading_event (measured_at);

CREATE TABLE reading_echo (  -- the same weighing heard again: by another gateway, at the next advertisement
    site           text NOT NULL,
    device_id      text NOT NULL,
    measured_at    timestamptz NOT NULL,  -- with weight_kg: the reading's
    weight_kg      numeric(6,3) NOT NULL,
    times          integer NOT NULL,
    last_heard_at  timestamptz NOT NULL,
    topic          text NOT NULL,         -- and raw: of the last
    raw            text NOT NULL,
    PRIMARY KEY (site, device_id, measured_at, weight_kg)
);

-- The readings as they stand now. quarantine_reason: why this one does not count, for whatever reason; null: it counts.
CREATE VIEW standing_reading AS
SELECT reading_id, site, device_id, seq, patient_id, measured_at, received_at, reading.recorded_at, weight_kg,
       CASE WHEN latest.kind IN ('superseded', 'excluded') THEN latest.reason ELSE quarantine_reason END
           AS quarantine_reason,
       source, clock_error, raw, time_source, origin,
       CASE WHEN latest.kind IN ('superseded', 'excluded') THEN latest.kind
            WHEN quarantine_reason IS NOT NULL THEN 'quarantined' ELSE 'accepted' END AS state
FROM reading LEFT JOIN LATERAL (
    SELECT kind, reason FROM reading_event AS event
    WHERE event.reading_id = reading.reading_id ORDER BY event_id DESC LIMIT 1
) AS latest ON true;

-- latest_reading follows events and late owners; alerts and the screens are told.
CREATE FUNCTION refresh_latest_reading(patients text[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO latest_reading AS known (patient_id, arrivals, measured_at, weight_kg)
    SELECT DISTINCT ON (patient_id) patient_id, 1, newest.measured_at, newest.weight_kg
    FROM unnest(patients) AS patient_id LEFT JOIN LATERAL (
        SELECT measured_at, weight_kg FROM standing_reading AS r
        WHERE r.patient_id = patient_id.patient_id AND quarantine_reason IS NULL ORDER BY measured_at DESC LIMIT 1
    ) AS newest ON true
    ORDER BY patient_id
    ON CONFLICT (patient_id) DO UPDATE SET arrivals = known.arrivals + 1, measured_at = excluded.measured_at,
                                           weight_kg = excluded.weight_kg;
    SELECT pg_notify('vigie_reading', patient_id) FROM unnest(patients) AS patient_id;
$$;
CREATE FUNCTION follow_reading_events() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    patients text[];
BEGIN
    SELECT array_agg(DISTINCT patient_id) INTO patients
    FROM new_events JOIN reading USING (site, device_id, measured_at, reading_id) WHERE patient_id IS NOT NULL;
    PERFORM refresh_latest_reading(patients);
    RETURN NULL;
END $$;
CREATE TRIGGER follow AFTER INSERT ON reading_event
    REFERENCING NEW TABLE AS new_events FOR EACH STATEMENT EXECUTE FUNCTION follow_reading_events();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON reading_event FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON retraction FOR EACH ROW EXECUTE FUNCTION refuse_change();

DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT rolname FROM pg_roles WHERE rolname IN ('vigie_ingest', 'vigie_alerts', 'vigie_api') LOOP
        EXECUTE format('GRANT SELECT ON retraction, reading_event, reading_echo, standing_reading TO %I', name);
    END LOOP;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigie_ingest') THEN
        GRANT INSERT ON retraction, reading_event TO vigie_ingest;
        GRANT INSERT, UPDATE ON reading_echo TO vigie_ingest;
    END IF;
END $$;
