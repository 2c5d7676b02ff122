-- Who is told of whose alerts, and when. Written by clinician_api; every row is kept: the newest of a team, a patient, a
-- shift holds, and one may see what held before.
CREATE TABLE team (
    team_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY
);
CREATE TABLE team_settings (
    team_settings_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    team_id           bigint NOT NULL REFERENCES team,
    settings          jsonb NOT NULL,  -- schemas.duty.Team
    recorded_at       timestamptz NOT NULL,
    author            bigint REFERENCES app_user
);
CREATE INDEX ON team_settings (team_id, team_settings_id DESC);

CREATE TABLE patient_team (  -- of a patient without one, everybody is told, as of a clinic without teams
    patient_team_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    patient_id       text NOT NULL REFERENCES patient,
    team_id          bigint REFERENCES team,
    recorded_at      timestamptz NOT NULL,
    author           bigint REFERENCES app_user
);
CREATE INDEX ON patient_team (patient_id, patient_team_id DESC);

CREATE TABLE duty_shift (  -- a weekly duty, from when it was entered until it was ended
    shift_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    team_id   bigint NOT NULL REFERENCES team,
    user_id   bigint NOT NULL REFERENCES app_user,
    post      text NOT NULL CHECK (post IN ('nurse', 'cardiologist', 'backup')),
    weekday   smallint NOT NULL CHECK (weekday BETWEEN 0 AND 6),  -- Monday is 0
    starts    time NOT NULL,
    ends      time NOT NULL,  -- at or before starts: on the next day
    entered_at timestamptz NOT NULL,
    entered_by bigint REFERENCES app_user,
    ended_at  timestamptz,
    ended_by  bigint REFERENCES app_user
);
CREATE INDEX ON duty_shift (team_id) WHERE ended_at IS NULL;

CREATE TABLE duty_stand_in (  -- a swap, a replacement, an extra duty
    stand_in_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    team_id      bigint NOT NULL REFERENCES team,
    user_id      bigint NOT NULL REFERENCES app_user,
    post         text NOT NULL CHECK (post IN ('nurse', 'cardiologist', 'backup')),
    since        timestamptz NOT NULL,
    until        timestamptz NOT NULL CHECK (until > since),
    instead_of   bigint REFERENCES app_user CHECK (instead_of <> user_id),
    entered_at   timestamptz NOT NULL,
    entered_by   bigint REFERENCES app_user,
    ended_at     timestamptz,
    ended_by     bigint REFERENCES app_user
);
CREATE INDEX ON duty_stand_in (team_id, until) WHERE ended_at IS NULL;

DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT rolname FROM pg_roles WHERE rolname IN ('vigie_ingest', 'vigie_alerts', 'vigie_api') LOOP
        EXECUTE format(
            'GRANT SELECT ON team, team_settings, patient_team, duty_shift, duty_stand_in TO %I', name
        );
    END LOOP;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigie_api') THEN
        GRANT INSERT ON team, team_settings, patient_team TO vigie_api;
        GRANT INSERT, UPDATE ON duty_shift, duty_stand_in TO vigie_api;
    END IF;
END $$;
