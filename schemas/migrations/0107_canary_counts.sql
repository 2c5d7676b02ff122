-- The canary is no patient of the clinic's: the head of the worklist does not count it (0078).
CREATE OR REPLACE FUNCTION count_new_patients() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    more integer := (SELECT count(*) FROM added WHERE patient_id <> 'VIGIE-CANARY');
BEGIN
    UPDATE watched_patients SET patients = patients + more WHERE more > 0;
    RETURN NULL;
END $$;
UPDATE watched_patients SET patients = patients - 1
WHERE EXISTS (SELECT FROM patient WHERE patient_id = 'VIGIE-CANARY');
