-- Withings tells only that there is something: each notice is counted here before it is answered, and fetched from here.
-- Written by ingest. The tokens are a patient's consent: no other program may read them.
CREATE TABLE withings_account (
    user_id        text PRIMARY KEY CHECK (user_id ~ '^[0-9]{1,20}$'),
    since          bigint NOT NULL,  -- by Withings' clock: what changed since then is not here yet
    told           bigint NOT NULL DEFAULT 0,  -- notices
    fetched        bigint NOT NULL DEFAULT 0,  -- of them, those that are dealt with
    due_at         timestamptz NOT NULL,       -- while one fetches, until when the others leave it alone
    attempts       integer NOT NULL DEFAULT 0,
    problem        text,
    refresh_token  text,             -- null: nobody has consented yet
    access_token   text,
    expires_at     timestamptz
);
DO $$
BEGIN
    REVOKE ALL ON withings_account FROM PUBLIC;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigie_ingest') THEN
        GRANT SELECT, INSERT, UPDATE ON withings_account TO vigie_ingest;
    END IF;
END $$;
