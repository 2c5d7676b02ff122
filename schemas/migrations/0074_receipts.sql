-- What gateways say later of what they took: clinician_api writes it, alerts sends again what did not arrive.
CREATE TABLE delivery_receipt (
    receipt_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    notification_id  bigint NOT NULL REFERENCES notification,  -- the first of the message's
    status           text NOT NULL CHECK (status IN ('delivered', 'failed')),
    at               timestamptz NOT NULL,
    UNIQUE (notification_id, status, at)
);
CREATE INDEX delivery_receipt_failed ON delivery_receipt (at) WHERE status = 'failed';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON delivery_receipt FOR EACH ROW EXECUTE FUNCTION refuse_change();
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigie_alerts') THEN
        GRANT SELECT ON delivery_receipt TO vigie_alerts;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigie_api') THEN
        GRANT SELECT, INSERT ON delivery_receipt TO vigie_api;
    END IF;
END $$;
