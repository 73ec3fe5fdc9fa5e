-- Version 9: a party's offers are found by when they were made, and say when they last changed; what happened to them
-- is found in its order; and a party has its offers sent again by jobs.

ALTER TABLE offers ADD COLUMN changed_at INTEGER;

-- Filed by party, after they were written and many at once: an index would have every row change a page of its own.
CREATE TABLE party_offers (
  party       TEXT NOT NULL,
  environment INTEGER NOT NULL,
  created_at  INTEGER NOT NULL,
  id          BLOB NOT NULL,
  PRIMARY KEY (party, environment, created_at, id)
) WITHOUT ROWID;
INSERT INTO party_offers (party, environment, created_at, id)
  SELECT party, environment, created_at, id FROM offers ORDER BY party, environment, created_at, id;

-- The journal's rows about a party's offers.
CREATE TABLE party_journal (
  party       TEXT NOT NULL,
  environment INTEGER NOT NULL,
  sequence    INTEGER NOT NULL,
  PRIMARY KEY (party, environment, sequence)
) WITHOUT ROWID;
INSERT INTO party_journal (party, environment, sequence)
  SELECT fact ->> '$.third_party',
    CASE fact ->> '$.environment' WHEN 'prod' THEN 0 WHEN 'test' THEN 1 ELSE 2 END, sequence
  FROM journal WHERE request IS NOT NULL AND fact ->> '$.third_party' IS NOT NULL ORDER BY 1, 2, 3;

-- The last row of the journal that is filed.
CREATE TABLE filed (sequence INTEGER NOT NULL);
INSERT INTO filed (sequence) SELECT coalesce(max(sequence), 0) FROM journal;

-- One job at a time for each party's environment. `document` is JSON.
CREATE TABLE replays (
  id          BLOB PRIMARY KEY,
  party       TEXT NOT NULL,
  environment INTEGER NOT NULL,
  open        INTEGER NOT NULL,
  document    TEXT NOT NULL,
  expires_at  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX replays_open ON replays (party, environment) WHERE open;
CREATE INDEX replays_by_expiry ON replays (expires_at);
