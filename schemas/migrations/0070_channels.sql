-- How is a person reached, and what became of it? clinician_api writes what people want, alerts what happened.
CREATE TABLE channel (
    channel_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id      bigint NOT NULL REFERENCES app_user,
    url          text NOT NULL,     -- an apprise address; a secret
    position     integer NOT NULL,  -- the lowest is tried first
    quiet_from   time,              -- by the clocks in Paris; an alarm disturbs all the same
    quiet_until  time,
    created_at   timestamptz NOT NULL,
    verified_at  timestamptz,       -- before that it is sent its code and nothing else
    renewed_at   timestamptz NOT NULL,  -- what was said against it before counts no more
    removed_at   timestamptz,
    CHECK ((quiet_from IS NULL) = (quiet_until IS NULL))
);
CREATE INDEX channel_of_user ON channel (user_id, position) WHERE removed_at IS NULL;

CREATE TABLE channel_state (  -- written by alerts
    channel_id    bigint PRIMARY KEY REFERENCES channel,
    delivered_at  timestamptz,                 -- last
    refusals      integer NOT NULL DEFAULT 0,  -- for good, in a row
    disabled_at   timestamptz,
    problem       text NOT NULL DEFAULT ''
);

CREATE TABLE delivery_preference (
    user_id    bigint PRIMARY KEY REFERENCES app_user,
    bundle     boolean NOT NULL DEFAULT true,  -- the first at once, the rest in one after 2 minutes
    digest_at  time                            -- a daily count of what is open, by the clocks in Paris; null: none
);

CREATE TABLE channel_request (  -- a channel's owner asks for a test message, or for the code that verifies it
    request_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel_id  bigint NOT NULL REFERENCES channel,
    code        text,  -- null: a test
    tries       integer NOT NULL DEFAULT 0,
    at          timestamptz NOT NULL
);
CREATE INDEX ON channel_request (channel_id, request_id);

CREATE TABLE contact (  -- who is told though no clinician: of programs that fail, of scales that are silent
    duty      text PRIMARY KEY CHECK (duty IN ('operations', 'technical')),
    url       text NOT NULL,  -- an apprise address; a secret
    language  text NOT NULL DEFAULT 'fr' CHECK (language IN ('fr', 'en'))
);

CREATE VIEW usable_channel AS
SELECT channel.channel_id, channel.user_id, channel.url, channel.position, channel.quiet_from, channel.quiet_until
FROM channel JOIN app_user USING (user_id) LEFT JOIN channel_state AS state USING (channel_id)
WHERE removed_at IS NULL AND verified_at IS NOT NULL AND app_user.disabled_at IS NULL
  AND (state.disabled_at IS NULL OR state.disabled_at < renewed_at);

ALTER TABLE notification
    ADD COLUMN channel_id     bigint REFERENCES channel,  -- being tried, or that delivered
    ADD COLUMN channel_since  timestamptz,
    ADD COLUMN leased_until   timestamptz,
    ADD COLUMN failed_at      timestamptz;  -- every channel of this person had failed by then: the next one's turn
ALTER TABLE delivery_attempt ADD COLUMN channel_id bigint REFERENCES channel;
CREATE INDEX delivery_attempt_of_notification ON delivery_attempt (notification_id);
CREATE INDEX notification_delivered ON notification (user_id, delivered_at DESC) WHERE delivered_at IS NOT NULL;

-- Links in messages are signed with it; two random uuids hold 244 random bits.
CREATE TABLE signing_key (
    only_one  boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    key       bytea NOT NULL
);
INSERT INTO signing_key (key)
SELECT decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex');

-- The address given with an account is its first channel. The operator who gave it vouches for it.
INSERT INTO channel (user_id, url, position, created_at, verified_at, renewed_at)
SELECT user_id, notify_url, 1, now(), now(), now() FROM app_user WHERE notify_url IS NOT NULL;
CREATE FUNCTION channel_of_account() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.notify_url IS NOT DISTINCT FROM OLD.notify_url THEN
            RETURN NULL;
        END IF;
        UPDATE channel SET removed_at = now() WHERE user_id = NEW.user_id AND url = OLD.notify_url AND removed_at IS NULL;
    END IF;
    INSERT INTO channel (user_id, url, position, created_at, verified_at, renewed_at)
    SELECT NEW.user_id, NEW.notify_url, 1, now(), now(), now() WHERE NEW.notify_url IS NOT NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER channel_of_account AFTER INSERT OR UPDATE OF notify_url ON app_user
    FOR EACH ROW EXECUTE FUNCTION channel_of_account();

-- Plain notices may now be about anything, and go to a contact or to one channel.
ALTER TABLE plain_notice DROP CONSTRAINT plain_notice_kind_check;
ALTER TABLE plain_notice DROP CONSTRAINT plain_notice_outage_id_kind_user_id_key;
ALTER TABLE plain_notice ALTER COLUMN outage_id DROP NOT NULL;
ALTER TABLE plain_notice ALTER COLUMN user_id DROP NOT NULL;
ALTER TABLE plain_notice
    ADD COLUMN about       text NOT NULL DEFAULT '',  -- what makes it one: the outage, the request, the day
    ADD COLUMN channel_id  bigint REFERENCES channel, -- this one alone
    ADD COLUMN duty        text REFERENCES contact (duty),
    ADD COLUMN patient_id  text REFERENCES patient,
    ADD COLUMN given_up_at timestamptz;
UPDATE plain_notice SET about = outage_id::text;
ALTER TABLE plain_notice ALTER COLUMN about DROP DEFAULT;
ALTER TABLE plain_notice ADD CONSTRAINT one_notice
    UNIQUE NULLS NOT DISTINCT (kind, about, user_id, channel_id, duty, patient_id);
DROP INDEX plain_notice_due_at_idx;
CREATE INDEX plain_notice_due ON plain_notice (due_at) WHERE delivered_at IS NULL AND given_up_at IS NULL;

DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT rolname FROM pg_roles WHERE rolname IN ('vigie_alerts', 'vigie_api') LOOP
        EXECUTE format('GRANT SELECT ON channel, channel_state, delivery_preference, channel_request, contact, '
                       'usable_channel, signing_key TO %I', name);
    END LOOP;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigie_alerts') THEN
        GRANT INSERT, UPDATE ON channel_state TO vigie_alerts;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigie_api') THEN
        GRANT INSERT, UPDATE ON channel, delivery_preference, channel_request TO vigie_api;
        GRANT INSERT, UPDATE, DELETE ON contact TO vigie_api;
    END IF;
END $$;
