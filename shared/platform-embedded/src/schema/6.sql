-- Version 6: keys have scopes and names, may expire, and say when they were used. Keys of before may do everything.

ALTER TABLE api_keys ADD COLUMN scope INTEGER NOT NULL DEFAULT 1;
ALTER TABLE api_keys ADD COLUMN name TEXT;
ALTER TABLE api_keys ADD COLUMN prefix TEXT NOT NULL DEFAULT '';
UPDATE api_keys SET prefix = CASE environment WHEN 0 THEN 'mk_prod_' WHEN 1 THEN 'mk_test_' ELSE 'mk_dev_' END;
ALTER TABLE api_keys ADD COLUMN expires_at INTEGER;
ALTER TABLE api_keys ADD COLUMN last_used_at INTEGER;
CREATE INDEX api_keys_by_party ON api_keys (party);
