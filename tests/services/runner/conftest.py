"""A repository, a git server, a bucket and a queue of jobs."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest
from botocore.config import Config
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import Jsonb

from stack.addresses import Addresses, PostgresAddress
from stack.forge.hosting import Hosting
from tests.services.conftest import DAY, PERSON
from tests.services.kit import database_url, eventually
from tests.services.runner.gitserver import GitServer, git_server

__all__ = ["GIT_TOKEN", "Queue"]

GIT_TOKEN = "a token for tests of the runner"
_buckets = itertools.count(1)


@dataclass
class Queue:
    """Writes jobs as the api does, and reads what became of them."""

    conninfo: str
    commit: str
    storage: Any
    bucket: str

    def add(self, *scripts: str, timeout: float | None = None, attempts: int = 3, **payload: object) -> int:
        """Queue a job on the repository's commit, one step for each script."""
        steps = [
            {"name": f"step {number}", "run": script, **({"timeout_seconds": timeout} if timeout else {})}
            for number, script in enumerate(scripts, 1)
        ]
        return self.put({"ref": "main", "commit": self.commit, "steps": steps, **payload}, attempts=attempts)

    def put(self, payload: object, *, attempts: int = 3, repository: int | None = 1) -> int:
        """Queue a job with any payload."""
        with psycopg.connect(self.conninfo) as db:
            row = db.execute(
                "INSERT INTO job (repository_id, kind, payload, max_attempts) VALUES (%s, 'steps', %s, %s)"
                " RETURNING id",
                [repository, Jsonb(payload), attempts],
            ).fetchone()
        assert row is not None
        return int(row[0])

    def cancel(self, job: int) -> None:
        """Cancel as the api does."""
        with psycopg.connect(self.conninfo) as db:
            db.execute(
                "UPDATE job SET state = 'cancelled', finished_at = now()"
                " WHERE id = %s AND state IN ('queued', 'running')",
                [job],
            )

    def row(self, job: int) -> DictRow:
        """The job's row."""
        found = self.rows("SELECT * FROM job WHERE id = %s", job)
        return found[0]

    def rows(self, query: str, *parameters: object) -> list[DictRow]:
        """Rows of any query."""
        with psycopg.connect(self.conninfo, row_factory=dict_row) as db:
            return db.execute(query.encode(), parameters).fetchall()

    def statuses(self, job: int) -> list[str]:
        """States that were written on the commit about a job, in their order."""
        query = "SELECT state FROM commit_status WHERE description LIKE %s ORDER BY id"
        return [row["state"] for row in self.rows(query, f"job {job} %")]

    def until(self, job: int, *states: str, within: float = 60) -> DictRow:
        """Wait until a job has one of these states."""

        def look() -> DictRow | None:
            row = self.row(job)
            return row if row["state"] in states else None

        found = eventually(look, within=within)
        assert found is not None
        return found

    def log(self, job: int) -> str:
        """The newest attempt's log, as far as its row says that it goes."""
        rows = self.rows("SELECT * FROM job_log WHERE job_id = %s ORDER BY attempt DESC LIMIT 1", job)
        parts = [f"jobs/{job}/{row['attempt']}/{part:06d}.log" for row in rows for part in range(1, row["parts"] + 1)]
        whole = b"".join(self.storage.get_object(Bucket=self.bucket, Key=key)["Body"].read() for key in parts)
        assert sum(row["bytes"] for row in rows) == len(whole)
        return whole.decode()

    def log_row(self, job: int) -> DictRow:
        """What is known of the newest attempt's log."""
        return self.rows("SELECT * FROM job_log WHERE job_id = %s ORDER BY attempt DESC LIMIT 1", job)[0]


@pytest.fixture
def commit(hosting: Hosting) -> str:
    """A commit with two files, and another one after it."""
    hosting.forge.create_user("ada", email="ada@example.org")
    hosting.create_repository("ada", "engine", visibility="private")
    files = {"README.md": b"the first\n", "src/run.sh": b"echo from the repository\n"}
    first = hosting.push("ada", "engine", files, author=PERSON, date=DAY)
    hosting.push("ada", "engine", {"README.md": b"the second\n"}, author=PERSON, date=DAY)
    return first


@pytest.fixture
def git(hosting: Hosting, commit: str) -> Iterator[GitServer]:
    """The repositories over HTTP."""
    assert commit
    with git_server(hosting.repositories.root, GIT_TOKEN) as server:
        yield server


@pytest.fixture
def queue(addresses: Addresses, database: PostgresAddress, commit: str) -> Queue:
    """An empty queue, and a bucket of its own that isn't there yet."""
    assert addresses.objects is not None
    client = boto3.client(
        "s3",
        endpoint_url=addresses.objects.endpoint,
        aws_access_key_id=addresses.objects.access_key,
        aws_secret_access_key=addresses.objects.secret_key.get_secret_value(),
        region_name=addresses.objects.region,
        config=Config(s3={"addressing_style": "path"}),
    )
    return Queue(database.conninfo(), commit, client, f"jobs-{next(_buckets)}")


@pytest.fixture
def variables(addresses: Addresses, database: PostgresAddress, git: GitServer, queue: Queue) -> dict[str, str]:
    """What a runner is told: everything happens soon."""
    assert addresses.objects is not None
    # Not below pytest's own folder, which other users can't pass.
    # Not below pytest's own folder, which other users can't pass.
    work = Path(tempfile.mkdtemp(prefix="engineroom-runner-"))
    return {
        "DATABASE_URL": database_url(database),
        "RUNNER_PORT": "0",
        "RUNNER_NAME": "one",
        "RUNNER_WORK": str(work),
        "RUNNER_LEASE_SECONDS": "3",
        "RUNNER_HEARTBEAT_SECONDS": "0.3",
        "RUNNER_LOOK_SECONDS": "0.2",
        "RUNNER_RETRY_SECONDS": "0.2",
        "RUNNER_LOG_PART_SECONDS": "0.2",
        "GIT_URL": git.url,
        "GIT_TOKEN": GIT_TOKEN,
        "S3_ENDPOINT": addresses.objects.endpoint,
        "S3_ACCESS_KEY": addresses.objects.access_key,
        "S3_SECRET_KEY": addresses.objects.secret_key.get_secret_value(),
        "S3_BUCKET": queue.bucket,
    }
