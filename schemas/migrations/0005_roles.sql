-- One writer per table. Roles belong to the whole server, so another Vigie database may have made them already; a login
-- that may not create roles works without them (`vigie doctor` says so).
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['vigie_ingest', 'vigie_alerts', 'vigie_api'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            IF NOT (SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = current_user) THEN
                CONTINUE;
            END IF;
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', name);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;  -- another database's migration was faster
            END;
        END IF;
        BEGIN
            EXECUTE format('GRANT %I TO CURRENT_USER', name);
        EXCEPTION WHEN insufficient_privilege OR invalid_grant_operation OR unique_violation THEN
            NULL;  -- somebody else's role; if we are a member already, all is well
        END;
        EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', name);
        EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA public TO %I', name);
        EXECUTE format('GRANT INSERT, UPDATE ON heartbeat TO %I', name);
    END LOOP;

    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigie_ingest') THEN
        GRANT INSERT ON reading, receipt TO vigie_ingest;
        GRANT INSERT, UPDATE ON rejection, device_sighting, latest_reading TO vigie_ingest;
        REVOKE SELECT ON patient_identity, app_user, web_session FROM vigie_ingest;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigie_alerts') THEN
        GRANT INSERT ON assessment, episode_event, delivery_attempt TO vigie_alerts;
        GRANT INSERT, UPDATE ON watch, episode, notification TO vigie_alerts;
        REVOKE SELECT ON patient_identity, web_session FROM vigie_alerts;
        REVOKE SELECT ON app_user FROM vigie_alerts;
        GRANT SELECT (user_id, role, language, notify_url, disabled_at) ON app_user TO vigie_alerts;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigie_api') THEN
        GRANT INSERT ON patient, dry_weight, plan, audit, acknowledgement, sign_in_attempt TO vigie_api;
        GRANT INSERT, UPDATE ON patient_identity, device_loan, app_user TO vigie_api;
        GRANT INSERT, UPDATE, DELETE ON web_session TO vigie_api;
    END IF;
END $$;
