-- only-with: timescaledb
-- The days counted from the readings themselves (0012) are those of which a person said something, too.
CREATE OR REPLACE VIEW reading_daily AS
WITH corrected AS (
    SELECT DISTINCT patient_id, time_bucket(INTERVAL '1 day', measured_at, 'Europe/Paris') AS day
    FROM (SELECT site, device_id, measured_at, reading_id FROM reading_event
          UNION SELECT site, device_id, measured_at, reading_id FROM reading_review) AS said
    JOIN reading USING (site, device_id, measured_at, reading_id)
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
