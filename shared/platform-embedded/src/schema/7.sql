-- Version 7: what parties' contacts were told of, by its place in the journal.

CREATE TABLE contacts_told (
  party      TEXT NOT NULL,
  sequence   INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (party, sequence)
) WITHOUT ROWID;
CREATE INDEX contacts_told_by_expiry ON contacts_told (expires_at);
