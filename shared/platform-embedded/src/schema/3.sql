-- Version 3: phone numbers are confirmed of their own, what confirms them expires, and texts are counted.

ALTER TABLE users ADD COLUMN phone_confirmed_at INTEGER;

-- `phone` is the number that the token went to; none when it went to the e-mail address.
ALTER TABLE confirmations ADD COLUMN phone TEXT;
ALTER TABLE confirmations ADD COLUMN expires_at INTEGER NOT NULL DEFAULT 0;
-- Links that are on their way get a day from now.
UPDATE confirmations SET expires_at = (unixepoch() + 86400) * 1000000;
CREATE INDEX confirmations_by_expiry ON confirmations (expires_at);

-- When texts went out lately, JSON: to a number, or for an account.
CREATE TABLE texts (
  counted    TEXT PRIMARY KEY,
  times      TEXT NOT NULL,
  expires_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX texts_by_expiry ON texts (expires_at);
