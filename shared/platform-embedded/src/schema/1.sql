-- Version 1. Ids are 16 or 26 bytes that begin with a version 7 UUID, so new rows go to the right of each tree.
-- Times are microseconds since 1970.

CREATE TABLE requests (
  id               BLOB PRIMARY KEY,
  user_id          TEXT NOT NULL,
  environment      INTEGER NOT NULL,
  mode             INTEGER NOT NULL,
  category         TEXT,
  created_at       INTEGER NOT NULL,
  routed_at        INTEGER,
  routed_offers    INTEGER,
  registry_version INTEGER,
  winner           BLOB,
  cancelled_at     INTEGER
) WITHOUT ROWID;
CREATE INDEX requests_by_user ON requests (user_id, id);

CREATE TABLE bodies (
  id     BLOB PRIMARY KEY,
  detail TEXT NOT NULL
) WITHOUT ROWID;

-- An offer's id begins with its request's, so a request's offers are one range.
CREATE TABLE offers (
  id               BLOB PRIMARY KEY,
  party            TEXT NOT NULL,
  environment      INTEGER NOT NULL,
  round            INTEGER NOT NULL,
  state            INTEGER NOT NULL,
  created_at       INTEGER NOT NULL,
  told             INTEGER NOT NULL,
  attempts         INTEGER NOT NULL,
  noted            BLOB,
  message          INTEGER,
  message_at       INTEGER,
  message_attempts INTEGER,
  first_attempt_at INTEGER,
  next_attempt_at  INTEGER,
  available_at     INTEGER,
  leased           INTEGER,
  dead_at          INTEGER,
  dead_reason      TEXT
) WITHOUT ROWID;
CREATE INDEX offers_due ON offers (party, environment, next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX offers_inbox ON offers (party, environment, available_at) WHERE available_at IS NOT NULL;
CREATE INDEX offers_dead ON offers (dead_at) WHERE dead_at IS NOT NULL;

CREATE TABLE attempts (
  offer       BLOB NOT NULL,
  number      INTEGER NOT NULL,
  at          INTEGER NOT NULL,
  message     INTEGER NOT NULL,
  outcome     TEXT NOT NULL,
  status_code INTEGER,
  latency_us  INTEGER NOT NULL,
  answer      TEXT,
  PRIMARY KEY (offer, number)
) WITHOUT ROWID;

-- Timeline and bus in one: what a row says has happened, and the consumers below read it in order.
CREATE TABLE journal (
  sequence INTEGER PRIMARY KEY,
  request  BLOB,
  at       INTEGER NOT NULL,
  cause    INTEGER,
  fact     TEXT NOT NULL
);
CREATE INDEX journal_by_request ON journal (request) WHERE request IS NOT NULL;

CREATE TABLE consumers (
  name     TEXT PRIMARY KEY,
  sequence INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE consumer_dead_letters (
  consumer TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  at       INTEGER NOT NULL,
  reason   TEXT NOT NULL,
  PRIMARY KEY (consumer, sequence)
) WITHOUT ROWID;

CREATE TABLE notices (
  request  BLOB NOT NULL,
  sequence INTEGER NOT NULL,
  channel  TEXT NOT NULL,
  PRIMARY KEY (request, sequence, channel)
) WITHOUT ROWID;

CREATE TABLE idempotency (
  key         BLOB PRIMARY KEY,
  fingerprint BLOB NOT NULL,
  status      INTEGER NOT NULL,
  body        TEXT NOT NULL,
  expires_at  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX idempotency_by_expiry ON idempotency (expires_at);

-- `version` is the registry's, at the party's last change. Secrets are encrypted.
CREATE TABLE parties (
  id         TEXT PRIMARY KEY,
  settings   TEXT NOT NULL,
  secrets    BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  version    INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE api_keys (
  key_id      BLOB PRIMARY KEY,
  hash        BLOB NOT NULL UNIQUE,
  party       TEXT NOT NULL,
  environment INTEGER NOT NULL,
  created_at  INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE users (
  id            TEXT PRIMARY KEY,
  email         TEXT NOT NULL UNIQUE,
  password_hash TEXT NOT NULL,
  name          TEXT,
  phone         TEXT,
  confirmed_at  INTEGER,
  by_email      INTEGER NOT NULL,
  by_sms        INTEGER NOT NULL,
  test_account  INTEGER NOT NULL,
  created_at    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE confirmations (
  hash    BLOB PRIMARY KEY,
  user_id TEXT NOT NULL
) WITHOUT ROWID;
