-- Version 2: the notes on an offer have a bound.

ALTER TABLE offers ADD COLUMN noted_bytes INTEGER NOT NULL DEFAULT 0;
