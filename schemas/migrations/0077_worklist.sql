-- The worklist reads open episodes in the order in which it shows them: those that are not shown cost nothing.
ALTER TABLE episode ADD COLUMN back_in_band_at timestamptz;  -- null: not, or raised again since
CREATE FUNCTION severity_rank(severity text) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE severity WHEN 'alarm' THEN 0 WHEN 'alert' THEN 1 ELSE 2 END
$$;
CREATE INDEX episode_by_urgency ON episode
    (cause, (back_in_band_at IS NOT NULL), severity_rank(severity), (state <> 'new' OR snoozed_until IS NOT NULL),
     opened_at, episode_id)
    WHERE closed_at IS NULL;
CREATE INDEX episode_open_count ON episode (cause, state, snoozed_until) WHERE closed_at IS NULL;

CREATE FUNCTION follow_episode_events() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.kind = 'back_in_band' THEN
        UPDATE episode SET back_in_band_at = NEW.at WHERE episode_id = NEW.episode_id;
    ELSIF NEW.kind IN ('raised', 'repeated', 'severity_rose') THEN
        UPDATE episode SET back_in_band_at = NULL WHERE episode_id = NEW.episode_id AND back_in_band_at IS NOT NULL;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER follow AFTER INSERT ON episode_event FOR EACH ROW EXECUTE FUNCTION follow_episode_events();
UPDATE episode SET back_in_band_at = newest.at
FROM (SELECT DISTINCT ON (episode_id) episode_id, kind, at FROM episode_event ORDER BY episode_id, event_id DESC) AS newest
WHERE newest.episode_id = episode.episode_id AND newest.kind = 'back_in_band' AND closed_at IS NULL;

-- "I have looked at this patient today." The newest row of a patient holds; written by clinician_api.
CREATE TABLE patient_review (
    review_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id  uuid NOT NULL,     -- of the form that was sent: a double click is one act; a form may name several patients
    patient_id  text NOT NULL REFERENCES patient,
    is_undo     boolean NOT NULL,  -- of the one before
    author      bigint NOT NULL REFERENCES app_user,
    at          timestamptz NOT NULL,
    UNIQUE (request_id, patient_id)
);
CREATE INDEX patient_review_of_patient ON patient_review (patient_id, review_id DESC);
CREATE INDEX patient_review_by_time ON patient_review (at);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON patient_review FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE FUNCTION announce_patient_review() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('vigie_episode', NEW.patient_id);
    RETURN NULL;
END $$;
CREATE TRIGGER announce AFTER INSERT ON patient_review FOR EACH ROW EXECUTE FUNCTION announce_patient_review();

CREATE TABLE patient_tag (  -- written by clinician_api
    patient_id  text NOT NULL REFERENCES patient,
    tag         text NOT NULL CHECK (tag ~ '^[^[:cntrl:]]{1,40}$'),
    PRIMARY KEY (patient_id, tag)
);
CREATE INDEX ON patient_tag (tag, patient_id);

CREATE TABLE worklist_filter (  -- what each user chose last; written by clinician_api
    user_id  bigint PRIMARY KEY REFERENCES app_user,
    filter   jsonb NOT NULL  -- clinician_api.worklist.filters.Filter
);

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigie_api') THEN
        GRANT SELECT, INSERT ON patient_review TO vigie_api;
        GRANT SELECT, INSERT, DELETE ON patient_tag TO vigie_api;
        GRANT SELECT, INSERT, UPDATE ON worklist_filter TO vigie_api;
    END IF;
END $$;
