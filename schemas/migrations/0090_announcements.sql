-- What devices announced to Home Assistant's discovery, if it has a weight in it: the registry by which ingest follows
-- and reads their topics, known before the broker repeats it. Written by ingest; the newest of each topic counts, as at
-- the broker, and an announcement that was taken back is forgotten, as there.
CREATE TABLE announcement (
    topic         text PRIMARY KEY,
    payload       bytea NOT NULL CHECK (length(payload) <= 65536),
    announced_at  timestamptz NOT NULL  -- for the first time: of two with one name the older stands
);
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['vigie_ingest', 'vigie_alerts', 'vigie_api'] LOOP
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('GRANT SELECT ON announcement TO %I', name);
        END IF;
    END LOOP;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigie_ingest') THEN
        GRANT INSERT, UPDATE, DELETE ON announcement TO vigie_ingest;
    END IF;
END $$;
