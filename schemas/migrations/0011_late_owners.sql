-- A scale nobody knew is lent, with a date before its first readings: they are this patient's from then on. It is the one
-- thing that may be learnt about a reading later; everything else of it stays as it was written, whoever asks.
CREATE FUNCTION keep_readings() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.patient_id IS NOT NULL OR NEW.patient_id IS NULL
       OR to_jsonb(NEW) - 'patient_id' <> to_jsonb(OLD) - 'patient_id' THEN
        RAISE EXCEPTION 'reading is append-only: only an unknown patient_id may be filled in';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER keep BEFORE UPDATE ON reading FOR EACH ROW EXECUTE FUNCTION keep_readings();

-- The lock on the scale's sighting makes ingest wait, which takes it before it asks whose the scale is: no reading falls
-- between the two. A scale never sighted has sent nothing, and costs nothing here (an enrolment lends hundreds).
CREATE FUNCTION follow_device_loan() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM FROM device_sighting WHERE site = NEW.site AND device_id = NEW.device_id FOR UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    UPDATE reading SET patient_id = NEW.patient_id
    WHERE site = NEW.site AND device_id = NEW.device_id AND patient_id IS NULL
      AND measured_at >= NEW.lent_at AND (NEW.returned_at IS NULL OR measured_at < NEW.returned_at);
    IF FOUND THEN
        PERFORM refresh_latest_reading(ARRAY[NEW.patient_id]);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER follow AFTER INSERT OR UPDATE OF lent_at, returned_at ON device_loan
    FOR EACH ROW EXECUTE FUNCTION follow_device_loan();
