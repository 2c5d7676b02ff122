-- When was next_at reckoned, by the clock of then? A clock that ran ahead and was set right would otherwise leave an alert
-- waiting for hours or days that are still to come. Null where a person named the date: a follow-up, a snooze.
ALTER TABLE episode ADD COLUMN waits_since timestamptz;
CREATE INDEX episode_waits_since ON episode (waits_since) WHERE waits_since IS NOT NULL;

CREATE OR REPLACE FUNCTION apply_acknowledgement() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    was episode;
BEGIN
    SELECT * INTO was FROM episode WHERE episode_id = NEW.episode_id FOR UPDATE;
    IF was.state = 'closed' THEN
        RAISE EXCEPTION 'episode % is already closed', NEW.episode_id USING ERRCODE = 'VG001';
    END IF;
    CASE NEW.action
    WHEN 'take' THEN
        UPDATE episode SET state = 'taken', owner = NEW.author, taken_at = NEW.at, snoozed_until = NULL,
                           next_at = coalesce(NEW.until, NEW.at + interval '24 hours'),
                           waits_since = CASE WHEN NEW.until IS NULL THEN NEW.at END
        WHERE episode_id = NEW.episode_id;
    WHEN 'follow_up' THEN
        UPDATE episode SET state = 'follow_up', owner = NEW.author, taken_at = coalesce(taken_at, NEW.at),
                           snoozed_until = NULL, next_at = NEW.until, waits_since = NULL
        WHERE episode_id = NEW.episode_id;
    WHEN 'snooze' THEN
        UPDATE episode SET snoozed_until = NEW.until, next_at = NEW.until, waits_since = NULL
        WHERE episode_id = NEW.episode_id;
    WHEN 'close' THEN
        UPDATE episode SET state = 'closed', owner = coalesce(owner, NEW.author), closed_at = NEW.at,
                           outcome = NEW.outcome, snoozed_until = NULL, next_at = NULL, waits_since = NULL
        WHERE episode_id = NEW.episode_id;
    END CASE;
    RETURN NEW;
END $$;
