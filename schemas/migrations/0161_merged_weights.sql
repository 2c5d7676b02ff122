-- The weights of a record that ended in another are drawn and counted as the weights of the one that goes on: `latest_reading`
-- is the newest of all of them, and whoever changes an earlier record's weights, or a merge, has the one that goes on read anew.

-- In which records does this one go on? Itself first.
CREATE FUNCTION goes_on_as(record text) RETURNS TABLE (patient_id text)
LANGUAGE sql STABLE AS $$
    WITH RECURSIVE found AS (
        SELECT record AS patient_id
        UNION
        SELECT newest.into_patient FROM found CROSS JOIN LATERAL (
            SELECT into_patient FROM patient_status AS s
            WHERE s.patient_id = found.patient_id ORDER BY status_id DESC LIMIT 1
        ) AS newest WHERE newest.into_patient IS NOT NULL
    )
    SELECT found.patient_id FROM found
$$;

CREATE OR REPLACE FUNCTION refresh_latest_reading(patients text[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO latest_reading AS known (patient_id, arrivals, measured_at, weight_kg)
    SELECT DISTINCT ON (patient_id) patient_id, 1, newest.measured_at, newest.weight_kg
    FROM unnest(patients) AS patient_id LEFT JOIN LATERAL (
        SELECT measured_at, weight_kg
        FROM (SELECT patient_id.patient_id AS record_id
              UNION ALL SELECT record_id FROM merged_records(ARRAY[patient_id.patient_id], 'infinity')) AS record
        CROSS JOIN LATERAL (
            SELECT measured_at, weight_kg FROM standing_reading AS r
            WHERE r.patient_id = record.record_id AND quarantine_reason IS NULL
            ORDER BY measured_at DESC, weight_kg DESC LIMIT 1
        ) AS newest_of_record
        ORDER BY measured_at DESC, weight_kg DESC LIMIT 1
    ) AS newest ON true
    ORDER BY patient_id
    ON CONFLICT (patient_id) DO UPDATE SET arrivals = known.arrivals + 1, measured_at = excluded.measured_at,
                                           weight_kg = excluded.weight_kg;
    SELECT pg_notify('vigie_reading', patient_id) FROM unnest(patients) AS patient_id;
$$;

CREATE OR REPLACE FUNCTION follow_reading_reviews() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM refresh_latest_reading(ARRAY(SELECT g.patient_id FROM goes_on_as(r.patient_id) AS g)) FROM reading AS r
    WHERE reading_id = NEW.reading_id AND site = NEW.site AND device_id = NEW.device_id
      AND measured_at = NEW.measured_at AND r.patient_id IS NOT NULL;
    RETURN NULL;
END $$;

-- As in 0145: whoever has claimed the row of `watch` holds it until it has written when to look again, and this waits for it.
CREATE OR REPLACE FUNCTION announce_merge() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    goes_on text[] := ARRAY(
        SELECT g.patient_id FROM (
            SELECT NEW.into_patient AS record
            UNION
            (SELECT into_patient FROM patient_status
             WHERE patient_id = NEW.patient_id AND status_id < NEW.status_id ORDER BY status_id DESC LIMIT 1)
        ) AS merged CROSS JOIN LATERAL goes_on_as(merged.record) AS g WHERE merged.record IS NOT NULL);
BEGIN
    IF goes_on <> '{}' THEN
        UPDATE watch SET due_at = least(due_at, NEW.recorded_at) WHERE patient_id = ANY(goes_on);
        PERFORM refresh_latest_reading(goes_on);
    END IF;
    RETURN NULL;
END $$;

-- Those merged before this.
SELECT refresh_latest_reading(ARRAY(
    SELECT DISTINCT g.patient_id FROM departed AS d CROSS JOIN LATERAL goes_on_as(d.into_patient) AS g
    WHERE d.into_patient IS NOT NULL));
