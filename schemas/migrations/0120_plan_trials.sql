-- Every field of a plan is tried before it is changed, a patient's and a team's: the request holds the plan as it would be
-- and what it was typed over. Only a signed decision chooses a detector: `vigie budget` and `vigie shadow` show, and write none.
ALTER TABLE trial_request
    ADD COLUMN team_id bigint REFERENCES team,  -- of a patient: the team as it would be; without a patient: whose plan it is
    ADD COLUMN plan_before jsonb,
    ADD COLUMN reason text NOT NULL DEFAULT '' CHECK (length(reason) <= 1000),  -- why it is tried; the signature has its own
    DROP CONSTRAINT trial_request_check1,
    ADD CONSTRAINT of_whom CHECK ((patient_id IS NULL AND team_id IS NULL) = (plan IS NULL));

-- What differs from the team's old values is the patient's own, and stays.
CREATE FUNCTION plan_following_team(own jsonb, before jsonb, after jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT after || coalesce(
        (SELECT jsonb_object_agg(key, value) FROM jsonb_each(own) WHERE value IS DISTINCT FROM before -> key), '{}')
$$;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigie_alerts') THEN
        REVOKE INSERT ON detector_choice FROM vigie_alerts;
    END IF;
END $$;
