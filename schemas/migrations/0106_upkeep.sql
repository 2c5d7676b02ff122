-- Who looks after the installation: operations is told of programs and channels that fail, technical of scales that are
-- silent. Somebody with an account holds it, and is told by their own channels; whoever has none stands in contact (0070).
CREATE TABLE user_duty (  -- written by clinician_api; ended, never deleted
    user_duty_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    duty          text NOT NULL CHECK (duty IN ('operations', 'technical')),
    user_id       bigint NOT NULL REFERENCES app_user,
    entered_at    timestamptz NOT NULL,
    entered_by    bigint REFERENCES app_user,
    ended_at      timestamptz,
    ended_by      bigint REFERENCES app_user
);
CREATE UNIQUE INDEX held_once ON user_duty (duty, user_id) WHERE ended_at IS NULL;

CREATE VIEW told_of AS  -- one row for each address: a person's channels, or a contact
SELECT duty AS of, user_id, NULL::text AS duty FROM user_duty JOIN app_user USING (user_id)
WHERE ended_at IS NULL AND disabled_at IS NULL
UNION ALL
SELECT duty, NULL, duty FROM contact;

DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT rolname FROM pg_roles WHERE rolname IN ('vigie_alerts', 'vigie_api') LOOP
        EXECUTE format('GRANT SELECT ON user_duty, told_of TO %I', name);
    END LOOP;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigie_api') THEN
        GRANT INSERT, UPDATE ON user_duty TO vigie_api;
    END IF;
END $$;
