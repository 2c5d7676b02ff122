-- Ingest stores what is ordinary in one statement (ingest/ordinary.py), by the weights it saw when that began. If another
-- transaction has changed one of these persons' last weight meanwhile, the statement fails, and ingest judges at leisure.
CREATE FUNCTION overtaken() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'somebody else has stored or reviewed one of these persons'' weights' USING ERRCODE = 'VG003';
END $$;
