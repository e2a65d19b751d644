"""The table of jobs: taken by one runner at a time, written to only by whoever holds the lease."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from stack.forge.database import Connection, Database
from stack.services.runner.model import Job, Lease, StepResult

__all__ = ["Jobs", "Swept", "Waiting"]

_ERROR_LENGTH = 2000
_DESCRIPTION_LENGTH = 140
# One that nobody has, or that somebody had who was not heard of any more.
_TAKE = """
WITH next AS (
    SELECT j.id, j.state AS was, j.locked_by AS had FROM job j
    WHERE j.kind = ANY(%(kinds)s) AND j.run_after <= now() AND j.attempts < j.max_attempts
        AND (j.state = 'queued' OR j.state = 'running' AND j.locked_until < now())
    ORDER BY j.run_after, j.id
    FOR UPDATE SKIP LOCKED LIMIT 1
), taken AS (
    UPDATE job j SET state = 'running', attempts = j.attempts + 1, locked_by = %(holder)s, steps = '[]',
        locked_until = now() + make_interval(secs => %(lease)s), started_at = now(),
        last_error = CASE WHEN next.was = 'running' THEN 'runner ' || next.had || ' was not heard of any more'
            ELSE j.last_error END
    FROM next WHERE j.id = next.id
    RETURNING j.*, next.was
)
SELECT taken.*, o.name AS owner, r.name AS repository,
    extract(epoch FROM now() - greatest(taken.created_at, taken.run_after))::float8 AS waited
FROM taken LEFT JOIN repository r ON r.id = taken.repository_id AND r.deleted_at IS NULL
LEFT JOIN owner o ON o.id = r.owner_id
"""
_HELD = "id = %(job)s AND state = 'running' AND locked_by = %(holder)s AND attempts = %(attempt)s"
_EXTEND = f"""
UPDATE job SET locked_until = now() + make_interval(secs => %(lease)s) WHERE {_HELD} RETURNING id
"""  # noqa: S608 - both parts are constants, here and below
_PROGRESS = f"UPDATE job SET steps = %(steps)s WHERE {_HELD} RETURNING id"  # noqa: S608
# The log of a job that was cancelled while it ran is still this runner's to end: nobody else takes such a job.
_LOGGED = """
UPDATE job_log SET parts = %(parts)s, bytes = %(size)s, is_cut = %(cut)s, is_complete = %(complete)s, updated_at = now()
WHERE job_id = %(job)s AND attempt = %(attempt)s AND EXISTS (
    SELECT FROM job WHERE id = %(job)s AND state IN ('running', 'cancelled') AND locked_by = %(holder)s
        AND attempts = %(attempt)s FOR SHARE
)
RETURNING job_id
"""
_END = "finished_at = now(), locked_by = NULL, locked_until = NULL, last_error = %(error)s"
_FINISH = f"UPDATE job SET state = %(state)s, steps = %(steps)s, {_END} WHERE {_HELD} RETURNING *"  # noqa: S608
_FAIL = f"UPDATE job SET state = 'failed', {_END} WHERE id = %(job)s"  # noqa: S608
_GIVE_BACK = f"""
UPDATE job SET state = 'queued', locked_by = NULL, locked_until = NULL, last_error = %(error)s,
    max_attempts = max_attempts + %(free)s, run_after = now() + make_interval(secs => %(after)s)
WHERE {_HELD} AND attempts < max_attempts + %(free)s RETURNING id
"""  # noqa: S608
_LOST = """
SELECT id, kind, payload, repository_id, locked_by, attempts FROM job
WHERE state = 'running' AND locked_until < now() AND attempts >= max_attempts AND kind = ANY(%(kinds)s)
ORDER BY locked_until FOR UPDATE SKIP LOCKED LIMIT 50
"""
# Whoever cancels a job writes its row and nothing else.
_CANCELLED = """
SELECT j.id, j.kind, j.payload, j.repository_id FROM job j CROSS JOIN LATERAL (
    SELECT s.state, s.description FROM commit_status s
    WHERE s.repository_id = j.repository_id AND s.commit = j.payload ->> 'commit'
        AND s.context = coalesce(j.payload ->> 'context', 'jobs/' || j.kind)
    ORDER BY s.id DESC LIMIT 1
) newest
WHERE j.state = 'cancelled' AND j.finished_at > now() - interval '1 hour' AND j.kind = ANY(%(kinds)s)
    AND newest.state = 'pending' AND newest.description LIKE 'job ' || j.id || ' %%'
ORDER BY j.id FOR UPDATE OF j SKIP LOCKED LIMIT 50
"""
_WAITING = """
SELECT count(*) AS queued, extract(epoch FROM now() - min(greatest(created_at, run_after)))::float8 AS oldest
FROM job WHERE state = 'queued' AND run_after <= now() AND kind = ANY(%(kinds)s)
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many jobs could be taken, and for how many seconds the oldest could have been."""

    queued: int
    oldest: float


@dataclass(frozen=True, slots=True)
class Swept:
    """A job that ended without a runner."""

    id: int
    kind: str


class Jobs:
    """Jobs of some kinds, for one runner; safe for threads."""

    def __init__(self, conninfo: str, *, holder: str, kinds: Sequence[str], lease: float) -> None:
        """Connect to nothing yet.

        Args:
            conninfo: of the forge's database.
            holder: who this is; no two processes ever have the same.
            kinds: of the jobs that are taken.
            lease: seconds for which a job stays taken without a word.
        """
        self._db = Database(conninfo)
        self._holder = holder
        self._kinds = list(kinds)
        self._lease = lease

    def close(self) -> None:
        """Close idle connections."""
        self._db.close()

    def take(self) -> Job | None:
        """Take the next job, and say on its commit that it has begun; `None` when there is none."""
        given = {"kinds": self._kinds, "holder": self._holder, "lease": self._lease}
        with self._db.transaction() as connection:
            row = connection.execute(_TAKE, given).fetchone()
            if row is None:
                return None
            job = _job(row)
            connection.execute(
                "INSERT INTO job_log (job_id, attempt) VALUES (%s, %s)", [job.lease.job_id, job.lease.attempt]
            )
            _status(connection, row, "pending", f"attempt {job.lease.attempt} of {job.max_attempts} has begun")
        return job

    def extend(self, lease: Lease) -> bool:
        """Say that the job is still worked on; false when it is somebody else's, or nobody's, by now."""
        return self._db.row(_EXTEND, {**_of(lease), "lease": self._lease}) is not None

    def is_cancelled(self, lease: Lease) -> bool:
        """Whether somebody cancelled it, as against having taken it."""
        row = self._db.row("SELECT state FROM job WHERE id = %(job)s", {"job": lease.job_id})
        return row is not None and row["state"] == "cancelled"

    def is_ended(self, lease: Lease, state: Literal["succeeded", "failed"]) -> bool:
        """Whether the job has ended so by this attempt: an answer that was lost may have told of it."""
        row = self._db.row("SELECT state, attempts FROM job WHERE id = %(job)s", {"job": lease.job_id})
        return row is not None and (row["state"], row["attempts"]) == (state, lease.attempt)

    def progress(self, lease: Lease, steps: Sequence[StepResult]) -> bool:
        """Record the steps that have ended; false when the lease is gone."""
        return self._db.row(_PROGRESS, {**_of(lease), "steps": _steps(steps)}) is not None

    def logged(self, lease: Lease, *, parts: int, size: int, cut: bool, complete: bool) -> bool:
        """Record how far the log goes; false when the lease is gone."""
        given = {**_of(lease), "parts": parts, "size": size, "cut": cut, "complete": complete}
        return self._db.row(_LOGGED, given) is not None

    def finish(
        self, lease: Lease, state: Literal["succeeded", "failed"], steps: Sequence[StepResult], *, error: str = ""
    ) -> bool:
        """End a job, with its commit status, in one transaction; false (and nothing changed) when the lease is gone.

        Args:
            lease: the right to do so.
            state: how it ended.
            steps: what became of each.
            error: why it failed; one line.
        """
        given = {**_of(lease), "state": state, "error": error[:_ERROR_LENGTH], "steps": _steps(steps)}
        with self._db.transaction() as connection:
            row = connection.execute(_FINISH, given).fetchone()
            if row is None:
                return False
            if state == "succeeded":
                _status(connection, row, "success", f"{len(steps)} steps succeeded")
            else:
                _status(connection, row, "failure", error)
        return True

    def give_back(self, lease: Lease, *, error: str, after: float = 0.0, free: bool = False) -> bool:
        """Let another attempt be made; a job without attempts left fails. False when the lease is gone.

        Args:
            lease: the right to do so.
            error: why; one line.
            after: seconds until then.
            free: this attempt doesn't count: the runner ends, which is no fault of the job's.
        """
        given = {**_of(lease), "error": error[:_ERROR_LENGTH], "after": after, "free": int(free)}
        if self._db.row(_GIVE_BACK, given) is not None:
            return True
        return self.finish(lease, "failed", [], error=f"{error} (no attempt is left)")

    def sweep(self) -> list[Swept]:
        """End the jobs whose last attempt's runner is gone, and say on their commits which jobs were cancelled."""
        given = {"kinds": self._kinds}
        swept = []
        with self._db.transaction() as connection:
            for row in connection.execute(_LOST, given).fetchall():
                error = f"runner {row['locked_by']} was not heard of any more; no attempt is left"
                connection.execute(_FAIL, {"job": row["id"], "error": error})
                _status(connection, row, "error", error)
                swept.append(Swept(row["id"], row["kind"]))
            for row in connection.execute(_CANCELLED, given).fetchall():
                _status(connection, row, "error", "was cancelled")
        return swept

    def waiting(self) -> Waiting:
        """Look at the queue."""
        row = self._db.row(_WAITING, {"kinds": self._kinds})
        assert row is not None  # noqa: S101 - an aggregate is one row
        return Waiting(row["queued"], max(0.0, row["oldest"] or 0.0))


def _of(lease: Lease) -> dict[str, object]:
    """A lease as parameters."""
    return {"job": lease.job_id, "holder": lease.holder, "attempt": lease.attempt}


def _job(row: DictRow) -> Job:
    return Job(
        lease=Lease(row["id"], row["locked_by"], row["attempts"]),
        kind=row["kind"],
        payload=row["payload"] if isinstance(row["payload"], dict) else {},
        repository_id=row["repository_id"],
        owner=row["owner"],
        name=row["repository"],
        max_attempts=row["max_attempts"],
        waited=max(0.0, row["waited"]),
        taken_over=row["was"] == "running",
        created_at=row["created_at"],
    )


def _steps(steps: Sequence[StepResult]) -> Jsonb:
    return Jsonb([{**asdict(step), "seconds": round(step.seconds, 3)} for step in steps])


def _status(connection: Connection, row: DictRow, state: str, what: str) -> None:
    """Write a commit status, if the job is about a commit that could have one."""
    payload = row["payload"] if isinstance(row["payload"], dict) else {}
    connection.execute(
        """
        INSERT INTO commit_status (repository_id, commit, context, state, description, target_url)
        SELECT r.id, %(commit)s, left(coalesce(%(context)s, 'jobs/' || %(kind)s), 100), %(state)s, %(description)s,
            '/' || o.name || '/' || r.name || '/jobs/' || %(job)s
        FROM repository r JOIN owner o ON o.id = r.owner_id
        WHERE r.id = %(repository)s AND %(commit)s ~ '^([0-9a-f]{40}|[0-9a-f]{64})$'
        """,
        {
            "repository": row["repository_id"],
            "commit": str(payload.get("commit", "")),
            "context": payload["context"] if isinstance(payload.get("context"), str) else None,
            "kind": row["kind"],
            "state": state,
            "description": f"job {row['id']} {what}"[:_DESCRIPTION_LENGTH],
            "job": str(row["id"]),
        },
    )
