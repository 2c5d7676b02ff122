-- Ingest judges a new weight by the last accepted one, which latest_reading holds, and by the doubted ones of 90 days:
-- two probes instead of three searches for each reading.
CREATE INDEX reading_doubted_of_patient ON reading (patient_id, measured_at DESC) WHERE quarantine_reason IS NOT NULL;

-- Of two weights of one moment the greater is the later one, as in schemas.plausibility.order.
CREATE OR REPLACE FUNCTION refresh_latest_reading(patients text[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO latest_reading AS known (patient_id, arrivals, measured_at, weight_kg)
    SELECT DISTINCT ON (patient_id) patient_id, 1, newest.measured_at, newest.weight_kg
    FROM unnest(patients) AS patient_id LEFT JOIN LATERAL (
        SELECT measured_at, weight_kg FROM standing_reading AS r
        WHERE r.patient_id = patient_id.patient_id AND quarantine_reason IS NULL
        ORDER BY measured_at DESC, weight_kg DESC LIMIT 1
    ) AS newest ON true
    ORDER BY patient_id
    ON CONFLICT (patient_id) DO UPDATE SET arrivals = known.arrivals + 1, measured_at = excluded.measured_at,
                                           weight_kg = excluded.weight_kg;
    SELECT pg_notify('vigie_reading', patient_id) FROM unnest(patients) AS patient_id;
$$;
