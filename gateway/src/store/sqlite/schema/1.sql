-- One row a job. `record` is everything that changes, as JSON with its own version; the columns
-- beside it are what queries need. `request` is written once.
CREATE TABLE jobs (
    id       TEXT PRIMARY KEY,
    owner    TEXT NOT NULL,
    status   TEXT NOT NULL,
    provider TEXT,
    rev      INTEGER NOT NULL,
    created  INTEGER NOT NULL,
    -- What tells two requests apart, whatever their encoding.
    fingerprint TEXT NOT NULL,
    request  TEXT NOT NULL,
    record   TEXT NOT NULL
) WITHOUT ROWID;
-- Ids sort by time, so this is also the order of a list.
CREATE INDEX jobs_by_owner ON jobs (owner, id);
CREATE INDEX jobs_by_fingerprint ON jobs (owner, fingerprint, id);
CREATE INDEX jobs_unfinished ON jobs (id) WHERE status IN ('queued', 'running');

-- Idempotency keys and the job each stands for.
CREATE TABLE keys (
    owner TEXT NOT NULL,
    key   TEXT NOT NULL,
    job   TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    at    INTEGER NOT NULL,
    PRIMARY KEY (owner, key)
) WITHOUT ROWID;

CREATE TABLE exchanges (
    job  TEXT NOT NULL,
    seq  INTEGER PRIMARY KEY,
    note TEXT NOT NULL
);
CREATE INDEX exchanges_by_job ON exchanges (job, seq);
