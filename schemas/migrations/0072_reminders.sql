-- The patient's own reminder: whoever asked for it is told once a morning, unless they have weighed. Written by clinician_api.
CREATE TABLE patient_reminder (
    patient_id  text PRIMARY KEY REFERENCES patient,
    url         text NOT NULL,  -- an apprise address that holds a telephone number; a secret
    at          time NOT NULL,  -- by the patient's clock
    language    text NOT NULL DEFAULT 'fr' CHECK (language IN ('fr', 'en')),
    agreed_at   timestamptz NOT NULL
);
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigie_alerts') THEN
        GRANT SELECT ON patient_reminder TO vigie_alerts;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigie_api') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON patient_reminder TO vigie_api;
    END IF;
END $$;
