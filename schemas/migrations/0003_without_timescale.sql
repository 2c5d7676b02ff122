-- only-without: timescaledb
CREATE VIEW reading_daily AS
SELECT patient_id, date_trunc('day', measured_at, 'Europe/Paris') AS day,
       (array_agg(weight_kg ORDER BY measured_at))[1] AS weight_kg, count(*) AS readings
FROM reading
WHERE quarantine_reason IS NULL AND patient_id IS NOT NULL
GROUP BY 1, 2;
