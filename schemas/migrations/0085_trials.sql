-- A change of a threshold, detector or budget is tried on the clinic's own history before it is made: clinician_api asks
-- with a row, alerts answers with a row, people sign, and what was signed becomes the choice (or the patient's plan).
CREATE TABLE trial_request (  -- written by clinician_api
    trial_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id  uuid NOT NULL UNIQUE,  -- of the form that was sent: a double click is one trial
    patient_id  text REFERENCES patient,  -- null: the whole clinic
    detector    text NOT NULL CHECK (length(detector) <= 100),
    threshold   double precision CHECK (threshold >= 0 AND threshold < 'infinity'),  -- null: the detector's own
    budget      double precision CHECK (budget > 0 AND budget <= 50),  -- false alerts per patient-year: solve for it
    plan        jsonb,            -- of one patient: the settings as they would be
    based_on    bigint NOT NULL,  -- the newest choice (of a patient: plan) when it was asked for; 0: none
    author      bigint NOT NULL REFERENCES app_user,
    asked_at    timestamptz NOT NULL,
    CHECK (threshold IS NULL OR budget IS NULL),
    CHECK ((patient_id IS NULL) = (plan IS NULL))
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON trial_request FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE trial_answer (  -- written by alerts: a lease while it is computed, then the answer
    trial_id      bigint PRIMARY KEY REFERENCES trial_request,
    state         text NOT NULL CHECK (state IN ('running', 'done', 'failed')),
    leased_until  timestamptz NOT NULL,  -- the server's time: whoever is killed loses the lease, and it is taken again
    attempts      integer NOT NULL DEFAULT 1,
    progress      real NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 1),
    result        jsonb CHECK ((result IS NOT NULL) = (state = 'done')),  -- schemas.trial.Result
    problem       text CHECK ((problem IS NOT NULL) = (state = 'failed')),
    answered_at   timestamptz
);

CREATE TABLE trial_signature (  -- written by clinician_api: who wants it, and who has looked at the cases it would miss
    signature_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id    uuid NOT NULL UNIQUE,
    trial_id      bigint NOT NULL REFERENCES trial_request,
    author        bigint NOT NULL REFERENCES app_user,
    reason        text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000),
    cases         text[] NOT NULL,  -- the decompensations that would have been missed, as named: pseudonym and day
    signed_at     timestamptz NOT NULL,
    UNIQUE (trial_id, author)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON trial_signature FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE setting_decision (  -- written by clinician_api: what people put in force
    decision_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id   uuid NOT NULL UNIQUE,
    duty         text NOT NULL CHECK (duty IN ('alerting', 'shadow', 'plan')),  -- plan: the row is in plan
    trial_id     bigint UNIQUE REFERENCES trial_request,
    detector     text,
    threshold    double precision,
    price        jsonb,
    based_on     bigint NOT NULL,
    author       bigint NOT NULL REFERENCES app_user,
    second       bigint REFERENCES app_user CHECK (second <> author),
    reason       text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000),
    decided_at   timestamptz NOT NULL,
    CHECK (duty = 'shadow' OR trial_id IS NOT NULL)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON setting_decision FOR EACH ROW EXECUTE FUNCTION refuse_change();

ALTER TABLE detector_choice
    ADD COLUMN author bigint REFERENCES app_user,  -- null: an operator, by a command
    ADD COLUMN second bigint REFERENCES app_user,
    ADD COLUMN reason text;

-- A decision becomes the choice in the same transaction, though alerts alone may write choices; refused (VG002) if
-- somebody chose meanwhile: the trial that was signed compared with what is no longer in force.
CREATE FUNCTION apply_decision() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    newest bigint;
BEGIN
    IF NEW.duty = 'plan' THEN
        RETURN NEW;
    END IF;
    LOCK TABLE detector_choice IN SHARE ROW EXCLUSIVE MODE;  -- so that of two decisions one sees the other's
    SELECT coalesce(max(choice_id), 0) INTO newest FROM detector_choice WHERE duty = NEW.duty;
    IF newest <> NEW.based_on THEN
        RAISE EXCEPTION 'the choice is % by now, not %', newest, NEW.based_on USING ERRCODE = 'VG002';
    END IF;
    INSERT INTO detector_choice (duty, detector, threshold, price, recorded_at, author, second, reason)
    VALUES (NEW.duty, NEW.detector, NEW.threshold, NEW.price, NEW.decided_at, NEW.author, NEW.second, NEW.reason);
    RETURN NEW;
END $$;
CREATE TRIGGER apply BEFORE INSERT ON setting_decision FOR EACH ROW EXECUTE FUNCTION apply_decision();

DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT rolname FROM pg_roles WHERE rolname IN ('vigie_alerts', 'vigie_api') LOOP
        EXECUTE format('GRANT SELECT ON trial_request, trial_answer, trial_signature, setting_decision TO %I', name);
    END LOOP;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigie_alerts') THEN
        GRANT INSERT, UPDATE ON trial_answer TO vigie_alerts;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigie_api') THEN
        GRANT INSERT ON trial_request, trial_signature, setting_decision TO vigie_api;
    END IF;
END $$;
