-- What is told apart from alerts: an outage of ours to the team. Leased rows like notification's (0001); written by alerts.
ALTER TABLE service_outage ADD COLUMN announced_at timestamptz;  -- when it had lasted long enough to be an incident

CREATE TABLE plain_notice (
    notice_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind          text NOT NULL CHECK (kind IN ('outage_began', 'outage_ended')),
    outage_id     bigint NOT NULL REFERENCES service_outage,
    user_id       bigint NOT NULL REFERENCES app_user,
    created_at    timestamptz NOT NULL,
    due_at        timestamptz NOT NULL,  -- not before; a lease is a due_at in the near future
    attempts      integer NOT NULL DEFAULT 0,
    delivered_at  timestamptz,
    UNIQUE (outage_id, kind, user_id)
);
CREATE INDEX ON plain_notice (due_at) WHERE delivered_at IS NULL;

DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT rolname FROM pg_roles WHERE rolname IN ('vigie_ingest', 'vigie_alerts', 'vigie_api') LOOP
        EXECUTE format('GRANT SELECT ON plain_notice TO %I', name);
    END LOOP;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigie_alerts') THEN
        GRANT INSERT, UPDATE ON plain_notice TO vigie_alerts;
    END IF;
END $$;
