-- A watch pages nobody at any hour, so that a team's "everything, at any hour" means alarms and alerts.
INSERT INTO team_settings (team_id, settings, recorded_at)
SELECT team_id, jsonb_set(settings, '{at_any_hour}', '"alert"'), now()
FROM (SELECT DISTINCT ON (team_id) team_id, settings FROM team_settings
      ORDER BY team_id, team_settings_id DESC) AS newest
WHERE settings ->> 'at_any_hour' = 'watch';

-- What the head of the worklist counts, from an index alone: watches apart.
DROP INDEX episode_open_count;
CREATE INDEX episode_open_count ON episode (cause, severity, state, snoozed_until) WHERE closed_at IS NULL;

-- A digest that waits to be sent says how many are watched, too.
UPDATE plain_notice SET facts = facts || '{"watch": 0}' WHERE kind = 'digest';

-- A watch that is back within the usual range asks whether it may end; that somebody has looked at the patient is the
-- answer. What has become an alert meanwhile is none: the lock waits for whoever raises it, and looks again.
CREATE FUNCTION end_passed_watches() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO acknowledgement (request_id, episode_id, action, outcome, note, author, at)
    SELECT gen_random_uuid(), passed.episode_id, 'close', 'other', '', passed.author, passed.at
    FROM (SELECT episode.episode_id, added.author, added.at FROM added JOIN episode USING (patient_id)
          WHERE NOT is_undo AND severity = 'watch' AND back_in_band_at IS NOT NULL AND closed_at IS NULL
          ORDER BY episode_id FOR UPDATE OF episode) AS passed;
    RETURN NULL;
END $$;
CREATE TRIGGER end_passed_watches AFTER INSERT ON patient_review
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION end_passed_watches();
