-- What became of each day of each patient? One row, one state; written by alerts, again when late facts arrive.
CREATE TABLE patient_day (
    patient_id     text NOT NULL,
    day            date NOT NULL,  -- of the patient's own calendar
    state          text NOT NULL
                   CHECK (state IN ('weighed', 'waiting', 'not_weighed', 'scale_silent', 'our_outage', 'paused')),
    team_id        bigint NOT NULL DEFAULT 0,  -- the patient's team when the day was explained; 0: none
    explained_at   timestamptz NOT NULL,
    PRIMARY KEY (patient_id, day)
);
CREATE INDEX patient_day_by_day ON patient_day (day);
-- The days that a weight which comes late, or a scale that is heard again, may still change.
CREATE INDEX patient_day_unsettled ON patient_day (patient_id, day)
    WHERE state IN ('waiting', 'scale_silent', 'our_outage');

CREATE TABLE day_watch (  -- one row per patient: explained when, and when to explain again at the latest
    patient_id     text PRIMARY KEY,
    arrivals_seen  bigint NOT NULL,
    explained_at   timestamptz,
    due_at         timestamptz NOT NULL
);
CREATE INDEX ON day_watch (due_at);

-- Counted as they change, so that a page about a year of 100,000 patients reads 365 rows per state and team.
CREATE TABLE day_count (
    day      date NOT NULL,
    team_id  bigint NOT NULL,
    state    text NOT NULL,
    days     integer NOT NULL,
    PRIMARY KEY (day, team_id, state)
);

CREATE FUNCTION count_days() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO day_count AS known SELECT day, team_id, state, count(*) FROM after GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        ON CONFLICT (day, team_id, state) DO UPDATE SET days = known.days + excluded.days;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO day_count AS known SELECT day, team_id, state, -count(*) FROM before GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        ON CONFLICT (day, team_id, state) DO UPDATE SET days = known.days + excluded.days;
    ELSE
        INSERT INTO day_count AS known SELECT day, team_id, state, sum(n)
        FROM (SELECT day, team_id, state, 1 AS n FROM after UNION ALL SELECT day, team_id, state, -1 FROM before) AS both_ways
        GROUP BY 1, 2, 3 HAVING sum(n) <> 0 ORDER BY 1, 2, 3
        ON CONFLICT (day, team_id, state) DO UPDATE SET days = known.days + excluded.days;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER count_new AFTER INSERT ON patient_day
    REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION count_days();
CREATE TRIGGER count_changed AFTER UPDATE ON patient_day
    REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION count_days();
CREATE TRIGGER count_gone AFTER DELETE ON patient_day
    REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION count_days();

-- Times at which a weight could not reach us, as far as we know; written by alerts.
CREATE TABLE service_outage (
    outage_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    part        text NOT NULL CHECK (part IN ('ingest', 'alerts', 'arrivals')),  -- arrivals: nothing comes, though all runs
    site        text,  -- null: all sites
    from_at     timestamptz NOT NULL,
    until_at    timestamptz CHECK (until_at >= from_at),  -- null: it lasts
    changed_at  timestamptz NOT NULL,
    patients    integer NOT NULL DEFAULT 0,  -- whose weights could not come
    detail      text NOT NULL
);
CREATE UNIQUE INDEX one_outage_at_a_time ON service_outage (part, coalesce(site, '')) WHERE until_at IS NULL;
CREATE INDEX ON service_outage (from_at);

CREATE TABLE outage_watch (  -- one row: until when alerts has looked; a hole after it is an outage of its own
    only_one    boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    looked_at   timestamptz NOT NULL
);

DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT rolname FROM pg_roles WHERE rolname IN ('vigie_ingest', 'vigie_alerts', 'vigie_api') LOOP
        EXECUTE format('GRANT SELECT ON patient_day, day_watch, day_count, service_outage, outage_watch TO %I', name);
    END LOOP;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigie_alerts') THEN
        GRANT INSERT, UPDATE, DELETE ON patient_day TO vigie_alerts;
        GRANT INSERT, UPDATE ON day_watch, service_outage, outage_watch TO vigie_alerts;
    END IF;
END $$;
