-- only-with: timescaledb
SELECT create_hypertable('reading', by_range('measured_at', INTERVAL '28 days'));
ALTER TABLE reading SET (
    timescaledb.compress, timescaledb.compress_segmentby = 'patient_id', timescaledb.compress_orderby = 'measured_at DESC'
);
SELECT add_compression_policy('reading', INTERVAL '120 days');
SELECT add_retention_policy('reading', INTERVAL '20 years');  -- code de la santé publique R1112-7
