-- A message whose episode was closed before it could be sent is not sent any more, and says so. Written by alerts.
ALTER TABLE notification ADD COLUMN withdrawn_at timestamptz;

DROP INDEX notification_due_at_idx, notification_by_channel, notification_by_user;
CREATE INDEX notification_due ON notification (due_at) WHERE delivered_at IS NULL AND withdrawn_at IS NULL;
CREATE INDEX notification_by_channel ON notification (channel_id, due_at)
    WHERE delivered_at IS NULL AND withdrawn_at IS NULL;
CREATE INDEX notification_by_user ON notification (user_id) WHERE delivered_at IS NULL AND withdrawn_at IS NULL;
