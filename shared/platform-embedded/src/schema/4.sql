-- Version 4: requests of the past are found by environment. Nearly all are `prod` (0): those are in the order of the
-- table itself, and creating one costs nothing more.

CREATE INDEX requests_by_environment ON requests (environment, id) WHERE environment > 0;
