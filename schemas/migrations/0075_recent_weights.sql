-- What a row of the worklist draws, kept so that a page does not search 30 days of readings for each patient it shows.
-- Written by clinician_api when a screen first needs a patient after a change: `arrivals` of latest_reading grows with every
-- reading, correction, review and late loan, so a row with the same number still holds. Ingest pays nothing for it.
CREATE TABLE recent_weights (
    patient_id  text PRIMARY KEY,
    arrivals    bigint NOT NULL,  -- latest_reading's, when the days were read
    days        jsonb NOT NULL    -- [[epoch seconds, kg], …]: the first weight that counts of each day, oldest first
);

DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT rolname FROM pg_roles WHERE rolname IN ('vigie_ingest', 'vigie_alerts', 'vigie_api') LOOP
        EXECUTE format('GRANT SELECT ON recent_weights TO %I', name);
    END LOOP;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigie_api') THEN
        GRANT INSERT, UPDATE ON recent_weights TO vigie_api;
    END IF;
END $$;
