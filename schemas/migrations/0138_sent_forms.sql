-- Which forms were recorded, and what they said: a form sent again with other words (a second tab, the Back button) is told apart
-- from a double click. Written by clinician_api, which forgets them once no session can send them again.
CREATE TABLE sent_form (
    request_id uuid PRIMARY KEY,
    digest     bytea NOT NULL,
    at         timestamptz NOT NULL DEFAULT now()
);
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigie_api') THEN
        GRANT SELECT, INSERT, DELETE ON sent_form TO vigie_api;
    END IF;
END $$;
