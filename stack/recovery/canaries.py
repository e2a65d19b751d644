"""Canaries in the forge itself: a row and a commit with the same label, and how long the bucket takes to have both."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from stack.forge.errors import AlreadyExistsError
from stack.forge.hosting import Hosting
from stack.forge.names import git_name
from stack.forge.repositories import Person, Repositories
from stack.forge.smsly import SmslyForge
from stack.recovery import canary, layout
from stack.recovery.drill.report import Loss
from stack.recovery.postgresql.archive import Archive
from stack.recovery.postgresql.contents import look
from stack.recovery.postgresql.walfile import SEGMENT_SIZE, Segment, lsn

__all__ = ["OWNER", "REPOSITORY", "Canaries"]

OWNER, _NAME = "engineroom-canary", "canary"
REPOSITORY = git_name(OWNER, _NAME)
"""A private repository of a user without a password; what is in it is for nobody to read."""
_CANARY = Person("Canary", f"{OWNER}@users.invalid")
_POLL = 0.1


class Canaries:
    """Writes canaries into a live forge."""

    def __init__(self, conninfo: str, git_root: Path) -> None:
        """Take the forge.

        Args:
            conninfo: its database, as an administrator.
            git_root: its git repositories.
        """
        self._conninfo, self._root = conninfo, git_root

    def plant(self, label: str) -> None:
        """Commit a row and push a commit, both with this label.

        Raises:
            DatabaseError, GitError: the forge did not take them.
        """
        self._plant_row(label)
        self._push(label)

    def measure(self, archive: Archive, *, within: float) -> Loss:
        """Plant a canary and see how long the bucket takes to have it: that much a loss at this moment would take.

        Args:
            archive: where rows and pushes go.
            within: seconds to wait for each.
        """
        label = f"measured {datetime.now(UTC).isoformat(timespec='milliseconds')}"
        row, position = time.monotonic(), self._plant_row(label)
        rows = self._wait(lambda: _has_row(archive, position), row, within)
        push, entry = time.monotonic(), self._push(label)
        pushes = self._wait(lambda: archive.bucket.head(entry) is not None, push, within)
        late = [name for name, seconds in (("rows", rows), ("pushes", pushes)) if seconds is None]
        why = f"{' and '.join(late)} did not reach the bucket within {within:.0f} s" if late else ""
        return Loss(rows=rows, pushes=pushes, why=why)

    def _plant_row(self, label: str) -> tuple[str, int]:
        """Where in the WAL it is: the segment's name on this timeline, and the position after the row."""
        with psycopg.connect(self._conninfo, autocommit=True) as db:
            canary.prepare(db)
            canary.plant(db, label)
            found = db.execute(
                "SELECT pg_current_wal_flush_lsn()::text, pg_walfile_name(pg_current_wal_flush_lsn())"
            ).fetchone()
            # A record may end in zeros, which the receiver can't tell from what is not written yet: this comes after.
            db.execute("SELECT pg_logical_emit_message(true, 'engineroom', 'canary')")
        assert found is not None, "a query without FROM has a row"  # noqa: S101
        return str(found[1]), lsn(found[0])

    def _push(self, label: str) -> str:
        """The key of the push's entry in the journal."""
        with SmslyForge(self._conninfo) as forge:
            hosting = Hosting(forge, Repositories(self._root))
            with suppress(AlreadyExistsError):
                forge.create_user(OWNER, full_name="Canary of the backups")
            if forge.find_repository(OWNER, _NAME) is None:
                hosting.create_repository(OWNER, _NAME, visibility="private")
            hosting.push(
                OWNER,
                _NAME,
                {"canary.txt": f"{label}\n".encode()},
                branch="main",
                author=_CANARY,
                date=datetime.now(UTC),
                message=label,
            )
        with psycopg.connect(self._conninfo) as db:
            found = db.execute(
                "SELECT j.repository_id, max(j.id) FROM push_journal j JOIN repository r ON r.id = j.repository_id"
                " JOIN owner o ON o.id = r.owner_id WHERE o.name = %s AND r.name = %s GROUP BY 1",
                (OWNER, _NAME),
            ).fetchone()
        assert found is not None, "every push has a row in the journal"  # noqa: S101
        return layout.entry(found[0], found[1])

    @staticmethod
    def _wait(there: Callable[[], bool], begun: float, within: float) -> float | None:
        while not there():
            if time.monotonic() - begun > within:
                return None
            time.sleep(_POLL)
        return round(time.monotonic() - begun, 3)


def _has_row(archive: Archive, position: tuple[str, int]) -> bool:
    segment = Segment.parse(position[0])
    if segment is None:
        return False
    found = look(archive)
    return found.has(segment) or found.reach(segment) >= position[1] - segment.number * SEGMENT_SIZE
