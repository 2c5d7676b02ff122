-- only-with: timescaledb
-- A continuous aggregate cannot know of events, so the few days that have any are counted from the readings themselves.
ALTER MATERIALIZED VIEW reading_daily RENAME TO reading_daily_stored;
CREATE VIEW reading_daily AS
WITH corrected AS (
    SELECT DISTINCT patient_id, time_bucket(INTERVAL '1 day', measured_at, 'Europe/Paris') AS day
    FROM reading_event JOIN reading USING (site, device_id, measured_at, reading_id)
    WHERE patient_id IS NOT NULL
)
SELECT patient_id, day, weight_kg, readings FROM reading_daily_stored AS stored
WHERE NOT EXISTS (SELECT FROM corrected WHERE corrected.patient_id = stored.patient_id AND corrected.day = stored.day)
UNION ALL
SELECT patient_id, day, (array_agg(weight_kg ORDER BY measured_at))[1], count(*)
FROM corrected JOIN standing_reading USING (patient_id)
WHERE quarantine_reason IS NULL AND measured_at >= day AND measured_at < day + INTERVAL '25 hours'
  AND time_bucket(INTERVAL '1 day', measured_at, 'Europe/Paris') = day
GROUP BY 1, 2;
DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT rolname FROM pg_roles WHERE rolname IN ('vigie_ingest', 'vigie_alerts', 'vigie_api') LOOP
        EXECUTE format('GRANT SELECT ON reading_daily TO %I', name);
    END LOOP;
END $$;
