-- Two records of one person: one goes on, the other ends as "merged" and says which one goes on. Both histories stay where they
-- are; "watch again" undoes it.
ALTER TABLE patient_status
    DROP CONSTRAINT patient_status_status_check,
    ADD CONSTRAINT patient_status_status_check CHECK (status IN ('active', 'discharged', 'deceased', 'merged')),
    ADD COLUMN into_patient text REFERENCES patient,
    ADD CONSTRAINT merged_into_another CHECK (
        (status = 'merged') = (into_patient IS NOT NULL) AND into_patient IS DISTINCT FROM patient_id);
CREATE INDEX ON patient_status (into_patient) WHERE into_patient IS NOT NULL;
CREATE OR REPLACE VIEW departed AS
SELECT * FROM (
    SELECT DISTINCT ON (patient_id) patient_id, status, reason, author, recorded_at, into_patient
    FROM patient_status ORDER BY patient_id, status_id DESC
) AS newest WHERE status <> 'active';
CREATE INDEX ON patient_identity (birth_date);  -- whom a page offers as perhaps the same person
