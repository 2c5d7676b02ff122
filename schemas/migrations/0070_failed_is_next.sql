-- Once nobody who was told of an event can be reached by any channel, it is the next person's turn at once.
CREATE FUNCTION hasten_episode() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE episode SET next_at = least(next_at, NEW.failed_at)
    WHERE episode_id = NEW.episode_id AND state = 'new' AND snoozed_until IS NULL AND next_at IS NOT NULL
      AND NOT EXISTS (SELECT FROM notification AS n WHERE n.event_id = NEW.event_id AND n.failed_at IS NULL);
    RETURN NULL;
END $$;
CREATE TRIGGER hasten AFTER UPDATE OF failed_at ON notification
    FOR EACH ROW WHEN (NEW.failed_at IS NOT NULL AND OLD.failed_at IS NULL) EXECUTE FUNCTION hasten_episode();
