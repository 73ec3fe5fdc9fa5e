-- Version 9: a party's offers are found by when they were made, and say when they last changed; what happened to them
-- is found in its order; and a party has its offers sent again by jobs.

ALTER TABLE offers ADD COLUMN changed_at INTEGER;
CREATE INDEX offers_by_party ON offers (party, environment, created_at);

-- Whose offer a row is about; none for what is about no offer.
ALTER TABLE journal ADD COLUMN party TEXT;
ALTER TABLE journal ADD COLUMN environment INTEGER;
UPDATE journal SET party = fact ->> '$.third_party',
  environment = CASE fact ->> '$.environment' WHEN 'prod' THEN 0 WHEN 'test' THEN 1 ELSE 2 END
  WHERE request IS NOT NULL AND fact ->> '$.third_party' IS NOT NULL;
CREATE INDEX journal_by_party ON journal (party, environment) WHERE party IS NOT NULL;

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
