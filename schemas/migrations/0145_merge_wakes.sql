-- After a merge, and when it is undone, the record that goes on is judged at once by the weights that are now its own. Whoever
-- has claimed its row of `watch` holds it until it has written when to look again; this waits for it, as a pause does (0067).
CREATE FUNCTION announce_merge() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    goes_on text;
BEGIN
    FOR goes_on IN
        SELECT NEW.into_patient WHERE NEW.into_patient IS NOT NULL
        UNION
        SELECT before.into_patient FROM (
            SELECT into_patient FROM patient_status
            WHERE patient_id = NEW.patient_id AND status_id < NEW.status_id ORDER BY status_id DESC LIMIT 1
        ) AS before WHERE before.into_patient IS NOT NULL
    LOOP
        UPDATE watch SET due_at = least(due_at, NEW.recorded_at) WHERE patient_id = goes_on;
        PERFORM pg_notify('vigie_reading', goes_on);
    END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER announce AFTER INSERT ON patient_status FOR EACH ROW EXECUTE FUNCTION announce_merge();
