-- Which records ended in these ones, as far as was recorded by then: the same person's weights, wherever they lie.
CREATE FUNCTION merged_records(ids text[], known_at timestamptz) RETURNS TABLE (patient_id text, record_id text)
LANGUAGE sql STABLE AS $$
    WITH RECURSIVE found AS (
        SELECT s.into_patient AS goes_on, s.patient_id AS record FROM patient_status AS s
        WHERE s.into_patient = ANY(ids) AND s.recorded_at <= known_at AND NOT EXISTS (
            SELECT FROM patient_status AS later
            WHERE later.patient_id = s.patient_id AND later.status_id > s.status_id AND later.recorded_at <= known_at)
        UNION
        SELECT found.goes_on, s.patient_id FROM found JOIN patient_status AS s ON s.into_patient = found.record
        WHERE s.recorded_at <= known_at AND NOT EXISTS (
            SELECT FROM patient_status AS later
            WHERE later.patient_id = s.patient_id AND later.status_id > s.status_id AND later.recorded_at <= known_at)
    )
    SELECT goes_on, record FROM found WHERE record <> goes_on
$$;
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigie_alerts') THEN
        GRANT SELECT ON patient_status TO vigie_alerts;
    END IF;
END $$;
