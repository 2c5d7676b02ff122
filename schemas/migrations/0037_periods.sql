-- Pages and reports about a month look at that month alone.
CREATE INDEX episode_by_opening ON episode (opened_at);
CREATE INDEX acknowledgement_by_time ON acknowledgement (at);
CREATE INDEX audit_by_time ON audit (at);
CREATE INDEX reading_review_by_time ON reading_review (at);
