"""Latency of small pushes over HTTP: without the journal, with it, and while every push is shipped to a bucket."""

from __future__ import annotations

import base64
import secrets
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

from stack.errors import NeedMissingError
from stack.forge.gitenv import git
from stack.place import Place, key_of, place
from stack.recovery.git import ledger
from stack.recovery.git.shipper import Shipper
from stack.recovery.settings import RecoverySettings
from stack.runtimes.base import Stack
from stack.settings import Settings
from steps.people import People

__all__ = ["measure"]

_ROUNDS, _BLOCK = 6, 10
_SIZE = 4096  # bytes of the file that each push changes
_WITHOUT, _JOURNAL, _SHIPPED = "without journal", "journal", "journal and shipper"


def measure(settings: Settings, stack: Stack) -> Iterator[str]:
    """Lines of Markdown: the median and the 99th percentile of a push, in milliseconds.

    Args:
        settings: of the run.
        stack: with api, git-http and an object store in it.
    """
    people = People(stack, settings.slow)
    name = f"bench{secrets.token_hex(3)}"
    credentials = base64.b64encode(f"{name}:{people.token(name)}".encode()).decode()
    header = f"http.extraHeader=Authorization: Basic {credentials}"
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        recovery = RecoverySettings(bucket=f"engineroom-{name}", key_file=folder / "key")
        key_of(settings, recovery, make=True)
        try:
            here = place(settings, stack, recovery=recovery)
        except NeedMissingError as error:
            yield f"Not measured: {error}"
            return
        here.archive.bucket.create()
        people.must(name, "POST", "/api/v1/repos", json={"name": "latency"})
        url = f"{people.url}/{name}/latency.git"
        source, commits = _source(folder)
        git(["-c", header, "push", "--quiet", url, f"{commits[0]}:refs/heads/main"], git_dir=source)
        waiting = iter(commits[1:])
        times: dict[str, list[float]] = {_WITHOUT: [], _JOURNAL: [], _SHIPPED: []}
        lags: list[float] = []
        for turn in range(_ROUNDS):
            order = list(times)[turn % 3 :] + list(times)[: turn % 3]
            for way in order:
                with _Way(here, way, lags):
                    for _ in range(_BLOCK):
                        words = ["-c", header, "push", "--quiet", url, f"{next(waiting)}:refs/heads/main"]
                        begun = time.perf_counter()
                        git(words, git_dir=source)
                        times[way].append(time.perf_counter() - begun)
    base = statistics.median(times[_WITHOUT])
    yield f"{_ROUNDS * _BLOCK} pushes of one commit each, one after another, as a client of git sees them.\n"
    yield "| | p50, ms | p99, ms | p50 more than without, ms |"
    yield "|---|---|---|---|"
    for way, taken in times.items():
        p50, p99 = statistics.median(taken), statistics.quantiles(taken, n=100, method="inclusive")[98]
        yield f"| {way} | {p50 * 1e3:.0f} | {p99 * 1e3:.0f} | {(p50 - base) * 1e3:+.1f} |"
    yield f"\nAfter a block of pushes the last was in the bucket {statistics.median(lags):.2f} s later (median)."


class _Way:
    """One way of keeping pushes, while it is measured."""

    def __init__(self, here: Place, way: str, lags: list[float]) -> None:
        self._here = here
        self._way = way
        self._lags = lags
        self._shipper = Shipper(here.archive, here.database.conninfo(), here.git_root)

    def __enter__(self) -> None:
        """Switch the trigger off, or begin to ship."""
        if self._way == _WITHOUT:
            self._execute("ALTER TABLE search_outbox DISABLE TRIGGER journal_push")
        if self._way == _SHIPPED:
            self._shipper.ship_once()  # what the other ways have left is not its burden
            self._shipper.start()

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """Leave everything as it was."""
        if self._way == _WITHOUT:
            self._execute("ALTER TABLE search_outbox ENABLE TRIGGER journal_push")
            ledger.sync(self._here.database.conninfo(), self._here.git_root)
        if self._way == _SHIPPED:
            begun = time.monotonic()
            while self._waiting() and time.monotonic() < begun + 60:
                time.sleep(0.01)
            self._lags.append(time.monotonic() - begun)
            self._shipper.kill()

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self._here.database.conninfo(), autocommit=True) as db:
            db.execute(statement.encode())

    def _waiting(self) -> int:
        with psycopg.connect(self._here.database.conninfo(), autocommit=True) as db:
            return ledger.backlog(db).rows


def _source(folder: Path) -> tuple[Path, list[str]]:
    """A bare repository with enough commits in a row, and their ids, the first first."""
    repo = folder / "source.git"
    git(["init", "--quiet", "--bare", "--initial-branch=main", repo])
    lines = []
    for number in range(3 * _ROUNDS * _BLOCK + 1):
        lines.append(
            b"commit refs/heads/main\ncommitter A <a@example.org> %d +0000\ndata 1\nx\n" % (1700000000 + number)
        )
        data = secrets.token_bytes(_SIZE)
        lines.append(b"M 644 inline f%d\ndata %d\n%s\n" % (number % 20, len(data), data))
    git(["fast-import", "--quiet"], git_dir=repo, stdin=b"".join(lines))
    return repo, git(["rev-list", "--reverse", "main"], git_dir=repo).text.split()
