-- Retention and late attempts: what has something left to do, when jobs ended, which images they need.

-- With row numbers: rows of some kilobytes have no place within a tree's own pages, and every commit
-- would write them anew.
ALTER TABLE jobs RENAME TO jobs_1;
CREATE TABLE jobs (
    id       TEXT NOT NULL PRIMARY KEY,
    owner    TEXT NOT NULL,
    status   TEXT NOT NULL,
    provider TEXT,
    rev      INTEGER NOT NULL,
    created  INTEGER NOT NULL,
    -- 1: not at its end, or an attempt goes on without it.
    loose    INTEGER NOT NULL,
    -- Since when nothing is left to do for it; null until then.
    finished INTEGER,
    -- What tells two requests apart, whatever their encoding.
    fingerprint TEXT NOT NULL,
    request  TEXT NOT NULL,
    record   TEXT NOT NULL
);
INSERT INTO jobs
SELECT id, owner, status, provider, rev, created,
    status IN ('queued', 'running'),
    CASE WHEN status NOT IN ('queued', 'running') THEN max(
        coalesce(json_extract(CASE WHEN json_valid(record) THEN record END, '$.finished'), created),
        coalesce((SELECT max(json_extract(attempt.value, '$.finished'))
                  FROM json_each(CASE WHEN json_valid(record) THEN record ELSE '{}' END,
                                 '$.attempts') AS attempt
                  WHERE attempt.type = 'object'), 0))
    END,
    fingerprint, request, record
FROM jobs_1 ORDER BY id;
DROP TABLE jobs_1;
-- Ids sort by time, so these are also the order of a list.
CREATE INDEX jobs_by_owner ON jobs (owner, id);
CREATE INDEX jobs_by_status ON jobs (owner, status, id);
CREATE INDEX jobs_by_provider ON jobs (owner, provider, id);
CREATE INDEX jobs_by_fingerprint ON jobs (owner, fingerprint, id);
CREATE INDEX jobs_loose ON jobs (id) WHERE loose = 1;
CREATE INDEX jobs_by_end ON jobs (finished, id) WHERE loose = 0;

-- Which images a job needs. `ended`: since when nothing is left to do for it; null until then.
CREATE TABLE images (
    job   TEXT NOT NULL,
    name  TEXT NOT NULL,
    kind  TEXT NOT NULL,
    ended INTEGER,
    PRIMARY KEY (job, name, kind)
) WITHOUT ROWID;
CREATE INDEX images_by_name ON images (name);
CREATE INDEX images_by_end ON images (kind, ended) WHERE ended IS NOT NULL;
INSERT OR IGNORE INTO images (job, name, kind, ended)
WITH
readable AS MATERIALIZED (
    SELECT id AS job, request, record, CASE WHEN loose = 0 THEN finished END AS ended
    FROM jobs WHERE json_valid(request) AND json_valid(record)
),
named AS (
    SELECT job, ended, 'input' AS kind, json_extract(request, i.fullkey || '.name') AS name
    FROM readable, json_each(request, '$.images') AS i
    UNION ALL
    SELECT job, ended, 'input', json_extract(request, '$.mask.name') FROM readable
    UNION ALL
    SELECT job, ended, 'input', json_extract(record, i.fullkey || '.name')
    FROM readable, json_each(record, '$.attempts') AS a, json_each(record, a.fullkey || '.inputs') AS i
    UNION ALL
    SELECT job, ended, 'result', json_extract(record, b.fullkey || '.name')
    FROM readable, json_each(record, '$.attempts') AS a, json_each(record, a.fullkey || '.blobs') AS b
    UNION ALL
    SELECT job, ended, 'result', json_extract(record, r.fullkey || '.Ok.name')
    FROM readable, json_each(record, '$.attempts') AS a,
         json_each(record, a.fullkey || '.state.stored') AS r
    UNION ALL
    SELECT job, ended, 'result', json_extract(record, d.fullkey || '.name')
    FROM readable, json_each(record, '$.slots') AS s, json_each(record, s.fullkey || '.done') AS d
)
SELECT job, name, kind, ended FROM named WHERE typeof(name) = 'text';

ALTER TABLE exchanges ADD COLUMN at INTEGER NOT NULL DEFAULT 0;
UPDATE exchanges SET
    at = coalesce(json_extract(CASE WHEN json_valid(note) THEN note END, '$.at'), 0);
CREATE INDEX exchanges_by_age ON exchanges (at);

CREATE INDEX keys_by_age ON keys (at);
CREATE INDEX keys_by_job ON keys (job);

-- Providers as they were when attempts were submitted to them. `at`: when last kept.
CREATE TABLE pins (
    id      TEXT PRIMARY KEY,
    content TEXT NOT NULL,
    at      INTEGER NOT NULL
) WITHOUT ROWID;
