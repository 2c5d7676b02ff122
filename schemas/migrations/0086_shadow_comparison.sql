-- How the shadow compares with the detector in force is asked for, and answered, like the trial of a change.
ALTER TABLE trial_request
    ADD COLUMN kind text NOT NULL DEFAULT 'change' CHECK (kind IN ('change', 'shadow')),  -- shadow: schemas.trial.Beside
    ADD CHECK (kind = 'change' OR patient_id IS NULL);
CREATE INDEX trial_request_by_kind ON trial_request (kind, trial_id DESC);
