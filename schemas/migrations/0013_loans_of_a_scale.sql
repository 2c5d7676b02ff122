-- Ingest asks at every batch who had its scales, now and before; the unique index knows only the loans that last.
CREATE INDEX device_loan_of_scale ON device_loan (site, device_id, lent_at);
