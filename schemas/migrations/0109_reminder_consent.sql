-- Who noted that the patient wishes to be reminded, on which day they agreed, and as much of the number as a page may show.
ALTER TABLE patient_reminder
    ADD COLUMN author      bigint REFERENCES app_user,  -- null: the operator, by command
    ADD COLUMN agreed_on   date,
    ADD COLUMN number_end  text NOT NULL DEFAULT '' CHECK (length(number_end) <= 2);
