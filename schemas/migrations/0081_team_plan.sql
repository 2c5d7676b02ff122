-- A team's own values of the plan, which its patients have unless their own plan says otherwise. A patient's plan holds what
-- is in force, the team's values included, so that whoever judges reads one row; written by clinician_api, append-only.
CREATE TABLE team_plan (
    team_plan_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id    uuid NOT NULL UNIQUE,  -- of the form that was sent
    team_id       bigint NOT NULL REFERENCES team,
    settings      jsonb NOT NULL,        -- of schemas.plan.Plan, only what was set
    reason        text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000),
    author        bigint NOT NULL REFERENCES app_user,
    recorded_at   timestamptz NOT NULL
);
CREATE INDEX ON team_plan (team_id, team_plan_id DESC);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON team_plan FOR EACH ROW EXECUTE FUNCTION refuse_change();

ALTER TABLE plan
    ADD COLUMN request_id uuid UNIQUE,
    ADD COLUMN reason text NOT NULL DEFAULT '' CHECK (length(reason) <= 1000);

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigie_api') THEN
        GRANT SELECT, INSERT ON team_plan TO vigie_api;
    END IF;
END $$;
