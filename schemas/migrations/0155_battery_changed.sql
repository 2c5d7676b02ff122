-- When a scale's battery was last changed: the weight after it may be a moved scale's, so a smaller jump waits for a second.
ALTER TABLE device_sighting ADD COLUMN battery_changed_at timestamptz;
