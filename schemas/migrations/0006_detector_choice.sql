-- Which detector alerts, which one runs in its shadow, and at what threshold: append-only, the newest row of each duty
-- holds. Written by alerts (vigie budget, vigie shadow); a threshold comes with the budget it was solved for.
CREATE TABLE detector_choice (
    choice_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    duty         text NOT NULL CHECK (duty IN ('alerting', 'shadow')),
    detector     text CHECK (detector IS NOT NULL OR duty = 'shadow'),  -- null: no shadow from now on
    threshold    double precision,  -- null: as the patient's plan says
    price        jsonb,             -- what the threshold costs, as it was shown when it was chosen
    recorded_at  timestamptz NOT NULL
);
CREATE INDEX ON detector_choice (duty, choice_id DESC);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON detector_choice FOR EACH ROW EXECUTE FUNCTION refuse_change();

ALTER TABLE assessment ADD COLUMN shadow boolean NOT NULL DEFAULT false;  -- true: nobody is paged for it
CREATE INDEX assessment_of_shadow ON assessment (patient_id, at) WHERE shadow;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['vigie_ingest', 'vigie_alerts', 'vigie_api'] LOOP
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('GRANT SELECT ON detector_choice TO %I', name);
        END IF;
    END LOOP;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigie_alerts') THEN
        GRANT INSERT ON detector_choice TO vigie_alerts;
    END IF;
END $$;
