-- The canary: a synthetic patient whose alert shows every week that alerts arrive. No screen and no number of
-- clinician_api can contain it, whatever its query says; the other programs treat it as anybody.
ALTER TABLE app_user DROP CONSTRAINT app_user_role_check;
ALTER TABLE app_user ADD CHECK (role IN ('nurse', 'cardiologist', 'canary'));  -- who is told of the canary, and of nobody else

ALTER TABLE patient ENABLE ROW LEVEL SECURITY;
ALTER TABLE episode ENABLE ROW LEVEL SECURITY;
ALTER TABLE device_loan ENABLE ROW LEVEL SECURITY;
ALTER TABLE app_user ENABLE ROW LEVEL SECURITY;
CREATE POLICY everybody ON patient USING (current_user <> 'vigie_api' OR patient_id <> 'VIGIE-CANARY');
CREATE POLICY everybody ON episode USING (current_user <> 'vigie_api' OR patient_id <> 'VIGIE-CANARY');
CREATE POLICY everybody ON device_loan USING (current_user <> 'vigie_api' OR patient_id <> 'VIGIE-CANARY');
CREATE POLICY everybody ON app_user USING (current_user <> 'vigie_api' OR role <> 'canary');
ALTER TABLE device_sighting ENABLE ROW LEVEL SECURITY;
CREATE POLICY everybody ON device_sighting
    USING (current_user <> 'vigie_api' OR site <> 'vigie' OR device_id <> 'canary');
