"""A clinic of any size with a year of weights, written by the database itself; rows lie day by day, as in real life."""

from datetime import timedelta
from typing import LiteralString

from psycopg import sql
from psycopg.types.json import Jsonb

from schemas import clock
from schemas.alert import Evidence, UsedReading
from schemas.database import Connection

DAYS = 365
OPEN_SHARE = 0.03
"""Of the patients have an open episode: 24 of 800."""
FAMILY = "ma,be,du,le,mo,ro,ga,si,fa,bo,per,lan,vi,che,gi,cha,dé,né,fé,rou"
GIVEN = "Jeanne,Pierre,Odette,Marcel,Simone,René,Yvette,André,Colette,Jean-Claude,Louise,Émile,Zoé,Hervé"

PEOPLE: LiteralString = """
INSERT INTO patient (patient_id, enrolled_at)
SELECT 'p-' || lpad(n::text, 6, '0'), %(now)s - interval '400 days' FROM generate_series(1, %(patients)s) AS n;
INSERT INTO patient_identity (patient_id, family_name, given_name, birth_date, sex, ins, ins_oid)
SELECT 'p-' || lpad(n::text, 6, '0'),
       initcap(s[1 + n %% 20] || s[1 + n / 20 %% 20] || s[1 + n / 400 %% 20])
           || CASE WHEN n %% 7 = 0 THEN 'in' ELSE '' END,
       g[1 + n %% 14], date '1930-01-01' + n %% 12000, CASE WHEN n %% 2 = 0 THEN 'M' ELSE 'F' END,
       '1' || lpad((n * 7919::bigint %% 1000000000000)::text, 14, '0'), '1.2.250.1.213.1.4.10'
FROM generate_series(1, %(patients)s) AS n,
     (SELECT string_to_array(%(family)s, ',') AS s, string_to_array(%(given)s, ',') AS g) AS names;
INSERT INTO device_loan (site, device_id, patient_id, lent_at)
SELECT 'bench', patient_id, patient_id, enrolled_at FROM patient;
INSERT INTO device_sighting (site, device_id, first_seen_at, last_seen_at)
SELECT 'bench', patient_id, enrolled_at, %(now)s FROM patient;
INSERT INTO dry_weight (patient_id, weight_kg, valid_from, recorded_at)
SELECT patient_id, 60 + hashtext(patient_id) %% 20, enrolled_at, enrolled_at FROM patient
"""
INDEXES: LiteralString = """
SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = 'reading'
"""
# In the transaction of the TRUNCATE and with `wal_level=minimal` nothing of it goes through the log.
READINGS: LiteralString = """
TRUNCATE reading;
INSERT INTO reading (site, device_id, seq, patient_id, measured_at, received_at, recorded_at, weight_kg,
                     quarantine_reason, source, raw)
SELECT 'bench', patient_id, day, patient_id, at, at, at,
       60 + hashtext(patient_id) %% 20 + round((random() - 0.5)::numeric, 1),
       CASE WHEN random() < 0.01 THEN 'implausible_jump' END, 'native-1', '{}'
FROM generate_series(%(days)s - 1, 0, -1) AS day,
     (SELECT patient_id, hashtext(patient_id) & 16383 AS minute FROM patient ORDER BY patient_id) AS p,
     LATERAL (SELECT %(now)s - day * interval '1 day' - minute * interval '1 second' AS at) AS moment
WHERE random() < 0.93
"""
LATEST: LiteralString = """
INSERT INTO latest_reading (patient_id, arrivals, measured_at, weight_kg)
SELECT patient_id, %(days)s, newest.measured_at, newest.weight_kg
FROM patient CROSS JOIN LATERAL (
    SELECT measured_at, weight_kg FROM reading AS r
    WHERE r.patient_id = patient.patient_id AND quarantine_reason IS NULL ORDER BY measured_at DESC LIMIT 1
) AS newest
"""
EPISODES: LiteralString = """
WITH opened AS (
    INSERT INTO episode (patient_id, cause, severity, opened_at, last_raised_at, evidence)
    SELECT patient_id,
           (ARRAY['decompensation', 'decompensation', 'weight_loss', 'no_transmission', 'no_transmission', 'device'])
               [1 + n %% 6],
           (ARRAY['alarm', 'alert', 'alert', 'watch', 'watch'])[1 + n / 6 %% 5],
           %(now)s - (n %% 72) * interval '1 hour', %(now)s - (n %% 24) * interval '1 hour', %(evidence)s
    FROM (SELECT patient_id, row_number() OVER (ORDER BY hashtext(patient_id)) AS n FROM patient) AS p
    WHERE n <= greatest(1, (SELECT count(*) FROM patient) * %(share)s)
    RETURNING episode_id, opened_at, severity, evidence
)
INSERT INTO episode_event (episode_id, at, kind, severity, evidence)
SELECT episode_id, opened_at, 'raised', severity, evidence FROM opened
"""


def seed(conn: Connection, *, patients: int) -> None:
    """Fill an empty, migrated database; commits."""
    now = clock.real_now()
    given = {"now": now, "patients": patients, "days": DAYS, "family": FAMILY, "given": GIVEN, "share": OPEN_SHARE}
    for statement in PEOPLE.split(";\n"):
        conn.execute(statement.encode(), given)
    conn.commit()
    indexes = conn.execute(INDEXES).fetchall()
    for name, _ in indexes:
        conn.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(str(name))))
    truncate, insert = READINGS.split(";\n")
    conn.execute(truncate.encode())
    conn.execute(insert.encode(), given)
    for _, definition in indexes:
        conn.execute(str(definition).encode())
    conn.execute(LATEST, given)
    conn.execute(EPISODES, given | {"evidence": Jsonb(_evidence().model_dump(mode="json"))})
    conn.commit()
    conn.autocommit = True
    conn.execute("VACUUM ANALYZE")


def _evidence() -> Evidence:
    """As large as real evidence: every daily weight of 60 days."""
    now = clock.real_now()
    return Evidence(
        detector="guideline-gain", version="1", parameters={"gain_kg": 2.0, "gain_days": 3}, score=2.4, threshold=2.0,
        sentence={"fr": "+2,4 kg en 3 jours (seuil 2,0 kg) ; habituellement ±0,5 kg d'un jour à l'autre",
                  "en": "+2.4 kg in 3 days (threshold 2.0 kg); usually ±0.5 kg from day to day"},
        readings=[UsedReading(measured_at=now - timedelta(days=60 - n), weight_kg=70 + n / 25) for n in range(60)],
        baseline_kg=70.0, noise_kg=0.5, dry_weight_kg=70.0, weight_kg=72.4, gain_kg=2.4,
        would_not_have_fired_at_kg=72.0,
    )  # fmt: skip
