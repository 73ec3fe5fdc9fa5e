-- Version 7: what parties' contacts were told of, by its place in the journal; links of who signs up.

CREATE TABLE contacts_told (
  party      TEXT NOT NULL,
  sequence   INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (party, sequence)
) WITHOUT ROWID;
CREATE INDEX contacts_told_by_expiry ON contacts_told (expires_at);

CREATE TABLE sign_up_tokens (
  hash       BLOB PRIMARY KEY,
  party      TEXT NOT NULL,
  expires_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX sign_up_tokens_by_expiry ON sign_up_tokens (expires_at);
