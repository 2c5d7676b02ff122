-- What the head of the worklist counts, counted when it changes instead of at every look.
CREATE TABLE watched_patients (  -- one row; follows patient and patient_status by trigger
    only_one  boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    patients  integer NOT NULL
);
INSERT INTO watched_patients (patients) SELECT (SELECT count(*) FROM patient) - (SELECT count(*) FROM departed);

CREATE FUNCTION count_new_patients() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE watched_patients SET patients = patients + (SELECT count(*) FROM added) WHERE EXISTS (SELECT FROM added);
    RETURN NULL;
END $$;
CREATE TRIGGER count_new AFTER INSERT ON patient
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_new_patients();

CREATE FUNCTION count_departures() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    was text := coalesce((SELECT status FROM patient_status WHERE patient_id = NEW.patient_id AND status_id < NEW.status_id
                          ORDER BY status_id DESC LIMIT 1), 'active');
BEGIN
    IF (was = 'active') <> (NEW.status = 'active') THEN
        UPDATE watched_patients SET patients = patients + CASE WHEN NEW.status = 'active' THEN 1 ELSE -1 END;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER count_departure AFTER INSERT ON patient_status FOR EACH ROW EXECUTE FUNCTION count_departures();

-- A statement's trigger sees only the rows that are really new, so ingest's upsert of sightings pays once for a batch.
CREATE TABLE stranger_scale (  -- heard, and lent to nobody; follows device_sighting and device_loan by trigger
    site       text NOT NULL,
    device_id  text NOT NULL,
    PRIMARY KEY (site, device_id)
);
INSERT INTO stranger_scale SELECT site, device_id FROM device_sighting AS seen WHERE NOT EXISTS (
    SELECT FROM device_loan AS l WHERE l.site = seen.site AND l.device_id = seen.device_id AND returned_at IS NULL);

CREATE FUNCTION meet_strangers() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO stranger_scale SELECT site, device_id FROM met WHERE NOT EXISTS (
        SELECT FROM device_loan AS l WHERE l.site = met.site AND l.device_id = met.device_id AND returned_at IS NULL)
    ORDER BY site, device_id ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER meet AFTER INSERT ON device_sighting
    REFERENCING NEW TABLE AS met FOR EACH STATEMENT EXECUTE FUNCTION meet_strangers();

-- The lock on the sighting, as in 0011: a scale heard for the first time at this moment is met by one of the two.
CREATE FUNCTION follow_loans_of_strangers() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM FROM device_sighting WHERE site = NEW.site AND device_id = NEW.device_id FOR UPDATE;
    IF FOUND AND NOT EXISTS (SELECT FROM device_loan AS l WHERE l.site = NEW.site AND l.device_id = NEW.device_id
                               AND returned_at IS NULL) THEN
        INSERT INTO stranger_scale VALUES (NEW.site, NEW.device_id) ON CONFLICT DO NOTHING;
    ELSE
        DELETE FROM stranger_scale WHERE site = NEW.site AND device_id = NEW.device_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER strangers AFTER INSERT OR UPDATE OF returned_at ON device_loan
    FOR EACH ROW EXECUTE FUNCTION follow_loans_of_strangers();

DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT rolname FROM pg_roles WHERE rolname IN ('vigie_ingest', 'vigie_alerts', 'vigie_api') LOOP
        EXECUTE format('GRANT SELECT ON watched_patients, stranger_scale TO %I', name);
    END LOOP;
END $$;
