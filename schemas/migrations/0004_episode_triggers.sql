-- A clinician's act becomes the episode's state in the same transaction, though alerts alone may write episodes.
CREATE FUNCTION apply_acknowledgement() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    was episode;
BEGIN
    SELECT * INTO was FROM episode WHERE episode_id = NEW.episode_id FOR UPDATE;
    IF was.state = 'closed' THEN
        RAISE EXCEPTION 'episode % is already closed', NEW.episode_id USING ERRCODE = 'VG001';
    ELSIF NEW.action = 'take' THEN
        UPDATE episode SET state = 'taken', owner = NEW.author, taken_at = NEW.at WHERE episode_id = NEW.episode_id;
    ELSE
        UPDATE episode SET state = 'closed', owner = coalesce(owner, NEW.author), closed_at = NEW.at, outcome = NEW.outcome
        WHERE episode_id = NEW.episode_id;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER apply BEFORE INSERT ON acknowledgement FOR EACH ROW EXECUTE FUNCTION apply_acknowledgement();

CREATE FUNCTION announce_episode() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('vigie_episode', NEW.patient_id);
    RETURN NULL;
END $$;
CREATE TRIGGER announce AFTER INSERT OR UPDATE ON episode FOR EACH ROW EXECUTE FUNCTION announce_episode();

CREATE FUNCTION announce_notification() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('vigie_notification', '');
    RETURN NULL;
END $$;
CREATE TRIGGER announce AFTER INSERT ON notification FOR EACH STATEMENT EXECUTE FUNCTION announce_notification();

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON acknowledgement FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON episode_event FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION refuse_change();
