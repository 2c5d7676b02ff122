-- Who gave a patient a tag, and who took it away? Every change is a row; `patient_tag` is what holds now, for the filter.
CREATE TABLE tag_change (  -- written by clinician_api
    request_id   uuid NOT NULL,  -- of the form that was sent; an import's names several tags
    patient_id   text NOT NULL REFERENCES patient,
    tag          text NOT NULL CHECK (tag ~ '^[^[:cntrl:]]{1,40}$'),
    is_removal   boolean NOT NULL,
    author       bigint NOT NULL REFERENCES app_user,
    recorded_at  timestamptz NOT NULL,
    PRIMARY KEY (request_id, patient_id, tag)
);
CREATE INDEX ON tag_change (patient_id, recorded_at DESC);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON tag_change FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE FUNCTION apply_tag_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.is_removal THEN
        DELETE FROM patient_tag WHERE patient_id = NEW.patient_id AND tag = NEW.tag;
    ELSE
        INSERT INTO patient_tag (patient_id, tag) VALUES (NEW.patient_id, NEW.tag) ON CONFLICT DO NOTHING;
    END IF;
    PERFORM pg_notify('vigie_episode', NEW.patient_id);  -- open screens show it
    RETURN NULL;
END $$;
CREATE TRIGGER apply AFTER INSERT ON tag_change FOR EACH ROW EXECUTE FUNCTION apply_tag_change();

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigie_api') THEN
        REVOKE INSERT, DELETE ON patient_tag FROM vigie_api;
        GRANT SELECT, INSERT ON tag_change TO vigie_api;
    END IF;
END $$;
