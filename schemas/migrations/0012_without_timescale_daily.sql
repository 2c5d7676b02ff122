-- only-without: timescaledb
CREATE OR REPLACE VIEW reading_daily AS
SELECT patient_id, date_trunc('day', measured_at, 'Europe/Paris') AS day,
       (array_agg(weight_kg ORDER BY measured_at))[1] AS weight_kg, count(*) AS readings
FROM standing_reading
WHERE quarantine_reason IS NULL AND patient_id IS NOT NULL
GROUP BY 1, 2;
