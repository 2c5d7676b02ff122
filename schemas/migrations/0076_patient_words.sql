-- Patients are found as one types: the beginnings of words of their name, their pseudonym, their INS. Letters are folded, so
-- that "lefevre" finds Lefèvre and "ΠΑΠΑΔΌ" finds Παπαδόπουλος. Plain btree: pg_trgm is not on every server.
-- Whose lower() knows all scripts differs between servers; the words stored and the words asked for go through one function.
DO $$
DECLARE
    rules text := coalesce(
        (SELECT ' COLLATE ' || quote_ident(collname) FROM pg_collation
         WHERE collname IN ('und-x-icu', 'pg_c_utf8') ORDER BY collname DESC LIMIT 1), '');
BEGIN
    EXECUTE format($function$
        CREATE FUNCTION folded(given text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $body$
            SELECT replace(replace(replace(translate(
                lower(regexp_replace(normalize(given, NFKD), '[\u0300-\u036f\u064b-\u065f\u0670\u05b0-\u05c7]', '', 'g') %s),
                'øđłıς', 'odliσ'), 'œ', 'oe'), 'æ', 'ae'), 'ß', 'ss')
        $body$ $function$, rules);
END $$;

CREATE FUNCTION folded_words(given text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(DISTINCT left(word, 64)), '{}')
    FROM regexp_split_to_table(folded(given), '[[:space:][:punct:]’‘ʼ‐‑–—·]+') AS word WHERE word <> ''
$$;

CREATE TABLE patient_word (  -- follows patient and patient_identity by trigger; nobody else writes it
    word        text COLLATE "C" NOT NULL,
    patient_id  text NOT NULL,
    PRIMARY KEY (word, patient_id)
);
CREATE INDEX patient_word_of_patient ON patient_word (patient_id, word);

CREATE FUNCTION list_patient_words() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    DELETE FROM patient_word WHERE patient_id IN (SELECT patient_id FROM changed);
    INSERT INTO patient_word (word, patient_id)
    SELECT word, patient_id FROM changed JOIN patient USING (patient_id) LEFT JOIN patient_identity AS i USING (patient_id),
    LATERAL (
        SELECT folded(patient_id) AS word
        UNION SELECT unnest(folded_words(concat_ws(' ', patient_id, i.family_name, i.given_name)))
        UNION SELECT folded(replace(i.ins, ' ', '')) WHERE i.ins <> ''
    ) AS words;
    RETURN NULL;
END $$;
CREATE TRIGGER words_of_new AFTER INSERT ON patient
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION list_patient_words();
CREATE TRIGGER words_of_new AFTER INSERT ON patient_identity
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION list_patient_words();
CREATE TRIGGER words_of_changed AFTER UPDATE ON patient_identity
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION list_patient_words();
CREATE TRIGGER words_of_gone AFTER DELETE ON patient_identity
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION list_patient_words();

INSERT INTO patient_word (word, patient_id)
SELECT word, patient_id FROM patient LEFT JOIN patient_identity AS i USING (patient_id),
LATERAL (
    SELECT folded(patient_id) AS word
    UNION SELECT unnest(folded_words(concat_ws(' ', patient_id, i.family_name, i.given_name)))
    UNION SELECT folded(replace(i.ins, ' ', '')) WHERE i.ins <> ''
) AS words;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigie_api') THEN
        GRANT SELECT ON patient_word TO vigie_api;  -- names: neither ingest nor alerts may read them
    END IF;
END $$;
CREATE INDEX patient_identity_by_name ON patient_identity (family_name, given_name, patient_id);
