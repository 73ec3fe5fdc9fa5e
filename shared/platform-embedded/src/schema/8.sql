-- Version 8: offers run against a clock. `alarm_at` is when something is due next: a reminder, or the end.

ALTER TABLE offers ADD COLUMN alarm_at INTEGER;
ALTER TABLE offers ADD COLUMN expire_at INTEGER;
CREATE INDEX offers_alarms ON offers (alarm_at) WHERE alarm_at IS NOT NULL;
