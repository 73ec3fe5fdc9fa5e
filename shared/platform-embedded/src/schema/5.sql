-- Version 5: a request is offered again, in rounds.

ALTER TABLE requests ADD COLUMN round INTEGER NOT NULL DEFAULT 1;
ALTER TABLE requests ADD COLUMN closed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE offers ADD COLUMN vacant INTEGER NOT NULL DEFAULT 0;
