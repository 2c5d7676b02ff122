-- Who said so, and when, comes with the reading: a page asked for the same last word a second time, for each of 140 weights.
CREATE OR REPLACE VIEW standing_reading AS
SELECT reading_id, site, device_id, seq, patient_id, measured_at, received_at, reading.recorded_at, weight_kg,
       CASE WHEN latest.kind IN ('superseded', 'excluded') THEN latest.reason
            WHEN review.action = 'exclude' THEN review.reason
            WHEN review.action = 'release' THEN NULL ELSE quarantine_reason END AS quarantine_reason,
       source, clock_error, raw, time_source, origin,
       CASE WHEN latest.kind IN ('superseded', 'excluded') THEN latest.kind
            WHEN review.action = 'exclude' THEN 'excluded'
            WHEN review.action = 'release' OR quarantine_reason IS NULL THEN 'accepted' ELSE 'quarantined' END AS state,
       review.review_id, review.action AS review_action, review.author AS reviewed_by, review.at AS reviewed_at
FROM reading LEFT JOIN LATERAL (
    SELECT kind, reason FROM reading_event AS event
    WHERE event.reading_id = reading.reading_id ORDER BY event_id DESC LIMIT 1
) AS latest ON true LEFT JOIN LATERAL (
    SELECT review_id, action, reason, author, at FROM reading_review AS said
    WHERE said.reading_id = reading.reading_id ORDER BY review_id DESC LIMIT 1
) AS review ON true;
