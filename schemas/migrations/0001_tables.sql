-- Who may write what is in 0005_roles.sql: one writer per table. Times of the body, the wire and the database are kept
-- apart: measured_at, received_at, recorded_at. All three come from the program's clock (which may run fast in a demo);
-- only heartbeat and migration use the server's.

-- ── written by clinician_api ────────────────────────────────────────────────────────────────────────────────────────
CREATE TABLE patient (
    patient_id   text PRIMARY KEY CHECK (patient_id ~ '^[^[:space:][:cntrl:]/#+?%&]{1,64}$'),  -- a pseudonym
    time_zone    text NOT NULL DEFAULT 'Europe/Paris',
    enrolled_at  timestamptz NOT NULL
);

CREATE TABLE patient_identity (  -- ingest and alerts may not read it
    patient_id   text PRIMARY KEY REFERENCES patient,
    family_name  text NOT NULL,
    given_name   text NOT NULL,
    birth_date   date NOT NULL,
    sex          text NOT NULL CHECK (sex IN ('F', 'M')),
    ins          text NOT NULL,
    ins_oid      text NOT NULL  -- 1.2.250.1.213.1.4.8 real NIR, .10 test, .11 demonstration
);

CREATE TABLE device_loan (  -- which topic is whose scale, and when
    loan_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site         text NOT NULL,
    device_id    text NOT NULL,
    patient_id   text NOT NULL REFERENCES patient,
    lent_at      timestamptz NOT NULL,
    returned_at  timestamptz CHECK (returned_at > lent_at)
);
CREATE UNIQUE INDEX one_borrower_at_a_time ON device_loan (site, device_id) WHERE returned_at IS NULL;
CREATE INDEX ON device_loan (patient_id);

CREATE TABLE app_user (
    user_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email          text NOT NULL UNIQUE CHECK (email = lower(email)),
    display_name   text NOT NULL,
    role           text NOT NULL CHECK (role IN ('nurse', 'cardiologist')),
    password_hash  text NOT NULL,
    language       text NOT NULL DEFAULT 'fr' CHECK (language IN ('fr', 'en')),
    notify_url     text,  -- an apprise address; a secret
    disabled_at    timestamptz
);

CREATE TABLE web_session (
    token_sha256  bytea PRIMARY KEY,
    user_id       bigint NOT NULL REFERENCES app_user,
    csrf_token    text NOT NULL,
    created_at    timestamptz NOT NULL,  -- the machine's time: a fast clock must not end sessions
    last_seen_at  timestamptz NOT NULL
);

CREATE TABLE sign_in_attempt (
    email  text NOT NULL,
    at     timestamptz NOT NULL,
    ok     boolean NOT NULL
);
CREATE INDEX ON sign_in_attempt (email, at);

CREATE TABLE dry_weight (
    dry_weight_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    patient_id     text NOT NULL REFERENCES patient,
    weight_kg      numeric(6,3) NOT NULL CHECK (weight_kg BETWEEN 20 AND 400),
    valid_from     timestamptz NOT NULL,
    recorded_at    timestamptz NOT NULL,
    author         bigint REFERENCES app_user
);
CREATE INDEX ON dry_weight (patient_id, valid_from DESC, dry_weight_id DESC);

CREATE TABLE plan (
    plan_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    patient_id   text NOT NULL REFERENCES patient,
    settings     jsonb NOT NULL,  -- schemas.plan.Plan
    recorded_at  timestamptz NOT NULL,
    author       bigint REFERENCES app_user
);
CREATE INDEX ON plan (patient_id, plan_id DESC);

CREATE TABLE audit (
    audit_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at        timestamptz NOT NULL,
    user_id   bigint REFERENCES app_user,
    action    text NOT NULL,
    subject   text NOT NULL
);

-- ── written by ingest; reading itself is in 0002 ────────────────────────────────────────────────────────────────────
CREATE TABLE receipt (  -- the word given for each seq: always the same one
    site         text NOT NULL,
    device_id    text NOT NULL,
    seq          bigint NOT NULL CHECK (seq >= 0),
    word         text NOT NULL CHECK (word IN ('stored', 'quarantined', 'rejected')),
    reason       text,
    said_of      text NOT NULL,  -- the reading's own claim, so that a seq used twice for two readings is seen
    recorded_at  timestamptz NOT NULL,
    PRIMARY KEY (site, device_id, seq)
);

CREATE TABLE rejection (  -- what was not a reading, once per distinct message
    fingerprint    bytea PRIMARY KEY,  -- sha256 of topic, 0x00 and payload (or, in a batch, the item)
    topic          text NOT NULL,
    seq            numeric,
    reason         text NOT NULL,
    payload        bytea NOT NULL,  -- at most 64 KiB of it
    payload_bytes  integer NOT NULL,
    times          integer NOT NULL DEFAULT 1,
    received_at    timestamptz NOT NULL,
    recorded_at    timestamptz NOT NULL
);

CREATE TABLE device_sighting (
    site           text NOT NULL,
    device_id      text NOT NULL,
    first_seen_at  timestamptz NOT NULL,
    last_seen_at   timestamptz NOT NULL,
    online         boolean,
    battery_pct    integer,
    firmware       text,
    PRIMARY KEY (site, device_id)
);

CREATE TABLE latest_reading (  -- maintained, so that no screen and no detector searches for it
    patient_id   text PRIMARY KEY,
    arrivals     bigint NOT NULL,  -- grows with every reading stored; alerts compares it with what it has assessed
    measured_at  timestamptz,      -- of the newest accepted reading
    weight_kg    numeric(6,3)
);

-- ── written by alerts ───────────────────────────────────────────────────────────────────────────────────────────────
CREATE TABLE watch (  -- one row per patient: assessed up to where, and when to look again at the latest
    patient_id     text PRIMARY KEY,
    arrivals_seen  bigint NOT NULL DEFAULT -1,
    recorded_seen  timestamptz,  -- recorded_at of the newest reading assessed: what is later has not been judged yet
    due_at         timestamptz NOT NULL
);
CREATE INDEX ON watch (due_at);

CREATE TABLE assessment (
    assessment_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    patient_id     text NOT NULL,
    at             timestamptz NOT NULL,  -- measured_at of the newest reading used
    assessed_at    timestamptz NOT NULL,
    detector       text NOT NULL,
    version        text NOT NULL,
    score          double precision NOT NULL,
    threshold      double precision NOT NULL
);
CREATE INDEX ON assessment (patient_id, assessed_at DESC);

CREATE TABLE episode (
    episode_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    patient_id      text NOT NULL,
    cause           text NOT NULL CHECK (cause IN ('decompensation', 'weight_loss', 'no_transmission', 'device')),
    severity        text NOT NULL CHECK (severity IN ('watch', 'alert', 'alarm')),
    opened_at       timestamptz NOT NULL,
    last_raised_at  timestamptz NOT NULL,
    evidence        jsonb NOT NULL,  -- schemas.alert.Evidence, as of the last raise
    state           text NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'taken', 'closed')),
    owner           bigint REFERENCES app_user,
    taken_at        timestamptz,
    closed_at       timestamptz,
    outcome         text,
    CHECK ((state = 'closed') = (closed_at IS NOT NULL))
);
CREATE UNIQUE INDEX one_open_episode ON episode (patient_id, cause) WHERE closed_at IS NULL;
CREATE INDEX ON episode (patient_id, opened_at DESC);

CREATE TABLE episode_event (  -- what the machine saw, in order; people's acts are in acknowledgement
    event_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    episode_id  bigint NOT NULL REFERENCES episode,
    at          timestamptz NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('raised', 'repeated', 'severity_rose', 'back_in_band')),
    severity    text NOT NULL,
    evidence    jsonb NOT NULL
);
CREATE INDEX ON episode_event (episode_id, event_id);

CREATE TABLE notification (
    notification_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    episode_id       bigint NOT NULL REFERENCES episode,
    event_id         bigint NOT NULL REFERENCES episode_event,
    user_id          bigint NOT NULL REFERENCES app_user,
    created_at       timestamptz NOT NULL,
    due_at           timestamptz NOT NULL,  -- not before; a lease is a due_at in the near future
    attempts         integer NOT NULL DEFAULT 0,
    delivered_at     timestamptz,
    UNIQUE (event_id, user_id)
);
CREATE INDEX ON notification (due_at) WHERE delivered_at IS NULL;

CREATE TABLE delivery_attempt (
    attempt_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    notification_id  bigint NOT NULL REFERENCES notification,
    at               timestamptz NOT NULL,
    ok               boolean NOT NULL,
    detail           text NOT NULL
);

-- ── written by clinician_api, about alerts' rows: the trigger in 0004 carries it over ───────────────────────────────
CREATE TABLE acknowledgement (
    acknowledgement_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id          uuid NOT NULL UNIQUE,  -- of the form that was sent: a double click is one act
    episode_id          bigint NOT NULL REFERENCES episode,
    action              text NOT NULL CHECK (action IN ('take', 'close')),
    outcome             text CHECK ((outcome IS NOT NULL) = (action = 'close')),
    note                text NOT NULL DEFAULT '' CHECK (length(note) <= 10000),
    author              bigint NOT NULL REFERENCES app_user,
    at                  timestamptz NOT NULL
);
CREATE INDEX ON acknowledgement (episode_id);

-- ── each program its own row ────────────────────────────────────────────────────────────────────────────────────────
CREATE TABLE heartbeat (
    service  text PRIMARY KEY,
    at       timestamptz NOT NULL,  -- the server's time
    detail   text NOT NULL          -- 'ok', or what is wrong
);
