-- What a job's runs left behind. The text is in the object store, one object for each part:
-- `jobs/<job>/<attempt>/<part>.log`, parts numbered 000001, 000002, ... without a gap. A row says how far it goes, so
-- that a log can be read while it grows; what lies in the store beyond `parts` does not count.

CREATE TABLE job_log (
    job_id bigint NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    attempt integer NOT NULL CHECK (attempt > 0), -- the newest attempt's log is the job's
    parts integer NOT NULL DEFAULT 0 CHECK (parts BETWEEN 0 AND 999999),
    bytes bigint NOT NULL DEFAULT 0 CHECK (bytes >= 0), -- in those parts
    is_cut boolean NOT NULL DEFAULT false, -- output beyond the runner's limit was left out
    is_complete boolean NOT NULL DEFAULT false, -- nothing will follow
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (job_id, attempt)
);

-- Of the newest attempt.
ALTER TABLE job ADD COLUMN started_at timestamptz;
-- Of the newest attempt, in their order: [{"name", "state": succeeded|failed|timed_out|cancelled|skipped, "exit_code", "seconds"}]
ALTER TABLE job ADD COLUMN steps jsonb NOT NULL DEFAULT '[]';

-- `attempts` and `locked_by` fence: whoever writes about a running job names both, so a runner that lost its lease
-- changes nothing. Cancelling is one statement, whoever has the job:
--     UPDATE job SET state = 'cancelled', finished_at = now() WHERE id = $1 AND state IN ('queued', 'running')
CREATE INDEX job_lease ON job (locked_until) WHERE state = 'running';
CREATE INDEX job_repository ON job (repository_id, id DESC);
