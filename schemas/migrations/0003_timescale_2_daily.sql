-- only-with: timescaledb
-- no-transaction
CREATE MATERIALIZED VIEW reading_daily WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT patient_id, time_bucket(INTERVAL '1 day', measured_at, 'Europe/Paris') AS day,
       first(weight_kg, measured_at) AS weight_kg, count(*) AS readings
FROM reading
WHERE quarantine_reason IS NULL AND patient_id IS NOT NULL
GROUP BY 1, 2
WITH NO DATA;
