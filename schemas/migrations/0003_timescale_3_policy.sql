-- only-with: timescaledb
SELECT add_continuous_aggregate_policy('reading_daily', start_offset => INTERVAL '60 days', end_offset => INTERVAL '1 day', schedule_interval => INTERVAL '1 hour');
