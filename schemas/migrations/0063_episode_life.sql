-- What happens next to an open episode, and when: next_at. Whoever raises, takes, follows up or snoozes sets it, in the same
-- transaction, so no raised alert is ever without an acknowledgement or a next step. Null on a closed episode, and on one
-- that was shown only (an imported past).
ALTER TABLE episode DROP CONSTRAINT episode_state_check;
ALTER TABLE episode ADD CONSTRAINT episode_state_check CHECK (state IN ('new', 'taken', 'follow_up', 'closed'));
ALTER TABLE episode
    ADD COLUMN next_at        timestamptz,
    ADD COLUMN step           integer NOT NULL DEFAULT 0,  -- how many steps of the chain have been told in this round
    ADD COLUMN snoozed_until  timestamptz,
    ADD CONSTRAINT closed_has_no_next CHECK (state <> 'closed' OR next_at IS NULL AND snoozed_until IS NULL);
CREATE INDEX episode_next ON episode (next_at) WHERE next_at IS NOT NULL;

ALTER TABLE episode_event DROP CONSTRAINT episode_event_kind_check;
ALTER TABLE episode_event ADD CONSTRAINT episode_event_kind_check CHECK (kind IN (
    'raised', 'repeated', 'severity_rose', 'back_in_band', 'escalated', 'forgotten', 'follow_up_due', 'snooze_ended'
));

ALTER TABLE acknowledgement DROP CONSTRAINT acknowledgement_action_check;
ALTER TABLE acknowledgement
    ADD COLUMN until timestamptz,  -- of a follow-up, a snooze; of a take: when it counts as forgotten
    ADD CONSTRAINT acknowledgement_action_check CHECK (action IN ('take', 'follow_up', 'snooze', 'close')),
    ADD CONSTRAINT an_end_is_needed CHECK (
        action NOT IN ('follow_up', 'snooze') OR (until IS NOT NULL AND until > at)
    ),
    ADD CONSTRAINT a_snooze_needs_a_reason CHECK (action <> 'snooze' OR note <> '');

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
                           next_at = coalesce(NEW.until, NEW.at + interval '24 hours')
        WHERE episode_id = NEW.episode_id;
    WHEN 'follow_up' THEN
        UPDATE episode SET state = 'follow_up', owner = NEW.author, taken_at = coalesce(taken_at, NEW.at),
                           snoozed_until = NULL, next_at = NEW.until
        WHERE episode_id = NEW.episode_id;
    WHEN 'snooze' THEN
        UPDATE episode SET snoozed_until = NEW.until, next_at = NEW.until WHERE episode_id = NEW.episode_id;
    WHEN 'close' THEN
        UPDATE episode SET state = 'closed', owner = coalesce(owner, NEW.author), closed_at = NEW.at,
                           outcome = NEW.outcome, snoozed_until = NULL, next_at = NULL
        WHERE episode_id = NEW.episode_id;
    END CASE;
    RETURN NEW;
END $$;
