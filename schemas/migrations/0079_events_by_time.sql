-- What fired while the clinic was closed is looked up by its time.
CREATE INDEX episode_event_by_time ON episode_event (at);
