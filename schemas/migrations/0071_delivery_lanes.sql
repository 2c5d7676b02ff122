-- Lanes look for what is due on their channels.
CREATE INDEX notification_by_channel ON notification (channel_id, due_at) WHERE delivered_at IS NULL;
CREATE INDEX notification_by_user ON notification (user_id) WHERE delivered_at IS NULL;

ALTER TABLE plain_notice ADD COLUMN facts jsonb NOT NULL DEFAULT '{}';  -- the numbers that its words need
