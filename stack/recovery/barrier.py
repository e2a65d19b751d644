"""The barrier: the moment that a set is of. A restore point, and what the database knew at that place of its WAL."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from typing import LiteralString

import psycopg
from psycopg import sql
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random

from stack.forge.names import git_name, wiki_git_name
from stack.recovery.catalogue import Point
from stack.recovery.errors import BackupError
from stack.recovery.manifests import RefsItem
from stack.recovery.postgresql.archive import Archive
from stack.recovery.postgresql.base import told_of
from stack.recovery.postgresql.contents import Point as Kept
from stack.recovery.postgresql.walfile import lsn
from stack.recovery.source import Source

__all__ = ["Barrier", "Row", "repositories", "set_barrier"]

_ATTEMPTS = 20
_LOCK_TIMEOUT_MS = 300
"""For so long a writer waits for the barrier at most, per attempt; then the barrier steps back and tries again."""
_ROWS = """\
SELECT r.id, o.name, r.name, r.default_branch FROM repository r JOIN owner o ON o.id = r.owner_id
 WHERE r.deleted_at IS NULL ORDER BY r.id"""


@dataclass(frozen=True)
class Row:
    """A repository that the database knows."""

    id: int
    owner: str
    name: str
    head: str

    @property
    def path(self) -> str:
        """Of its git repository, below the git root."""
        return git_name(self.owner, self.name)

    @property
    def wiki(self) -> str:
        """Of its wiki's."""
        return wiki_git_name(self.owner, self.name)


@dataclass(frozen=True)
class Barrier:
    """What was true at the point.

    Attributes:
        point: the restore point.
        rows: repositories.
        refs: what the database knew, by repository id and whether it is the wiki; None when it keeps no refs.
        counts: rows of each table.
        journal: the highest row of `push_journal`.
        schema: the last migration.
        server_version: PostgreSQL's.
        held: seconds for which writers waited.
    """

    point: Point
    rows: tuple[Row, ...]
    refs: dict[tuple[int, bool], dict[str, str]] | None
    counts: dict[str, int]
    journal: int
    schema: int
    server_version: str
    held: float

    def items(self) -> Iterator[RefsItem]:
        """The refs manifest as the database tells it: one item for each repository, one for each wiki that has refs."""
        refs = self.refs or {}
        for row in self.rows:
            mine = refs.get((row.id, False), {})
            head = f"refs/heads/{row.head}"
            yield RefsItem(repository=row.id, owner=row.owner, name=row.name, path=row.path, head=head, refs=mine)
            wiki = refs.get((row.id, True))
            if wiki:
                yield RefsItem(
                    repository=row.id, is_wiki=True, owner=row.owner, name=row.name, path=row.wiki, refs=wiki
                )


def repositories(source: Source) -> list[Row]:
    """The repositories that the database knows now."""
    with psycopg.connect(source.conninfo, autocommit=True) as db:
        return [Row(*found) for found in db.execute(_ROWS).fetchall()]


def set_barrier(archive: Archive, source: Source, name: str) -> Barrier:
    """Write a restore point, and read what the database knew there.

    Writers are kept from committing between the snapshot that is read and the restore point, so that both are of the
    same moment; they wait for some milliseconds, not for the reading.

    Args:
        archive: where the point is told of.
        source: the forge.
        name: of the point.

    Raises:
        BackupError: the database refused, or was never quiet for long enough.
    """
    retrying = Retrying(
        stop=stop_after_attempt(_ATTEMPTS),
        wait=wait_random(0.05, 0.5),
        retry=retry_if_exception_type((psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)),
        reraise=True,
    )
    where = f"{source.server.admin.host}:{source.server.admin.port}"
    try:
        with psycopg.connect(source.conninfo, autocommit=True) as reader:
            point, held = retrying(_set, source, reader, name)
            barrier = _read(reader, point, held)
        with psycopg.connect(source.conninfo, autocommit=True) as db:
            # So that it is archived now, and not when the segment is full.
            db.execute("SELECT pg_switch_wal()")
    except psycopg.Error as error:
        raise BackupError("BACKUP_FAILED", "No barrier could be set", on=where, got=str(error).strip()) from error
    kept = Kept(point.name, point.lsn, point.timeline, point.time)
    if not archive.put_if_absent(f"points/{name}.json", told_of(kept)):
        raise BackupError("BACKUP_FAILED", "There is a point of this name already", on=archive.where, got=name)
    return barrier


@contextmanager
def _snapshot(reader: psycopg.Connection) -> Iterator[None]:
    reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    try:
        reader.execute("SELECT 1 FROM pg_class LIMIT 1").fetchone()  # the snapshot is taken by the first query
        yield
    except BaseException:
        reader.execute("ROLLBACK")
        raise


def _set(source: Source, reader: psycopg.Connection, name: str) -> tuple[Point, float]:
    with psycopg.connect(source.conninfo) as db:
        db.execute(f"SET LOCAL lock_timeout = {_LOCK_TIMEOUT_MS}")
        db.execute("SET LOCAL deadlock_timeout = '100ms'")  # how soon autovacuum gives way
        tables = _tables(db)
        begun = time.monotonic()
        if tables:
            db.execute(sql.SQL("LOCK TABLE {} IN SHARE MODE").format(sql.SQL(", ").join(map(sql.Identifier, tables))))
        with _snapshot(reader):
            row = db.execute(
                "SELECT pg_create_restore_point(%s)::text, clock_timestamp(),"
                " (SELECT timeline_id FROM pg_control_checkpoint()),"
                " (SELECT system_identifier FROM pg_control_system())",
                (name,),
            ).fetchone()
        db.rollback()
        held = time.monotonic() - begun
        assert row is not None, "a query without FROM has a row"  # noqa: S101
        segment = db.execute("SELECT pg_walfile_name(%s::pg_lsn)", (row[0],)).fetchone()
    assert segment is not None, "a query without FROM has a row"  # noqa: S101
    point = Point(
        name=name,
        lsn=lsn(row[0]),
        timeline=int(row[2]),
        time=row[1].astimezone(UTC),
        segment=str(segment[0]),
        system=int(row[3]),
    )
    return point, held


def _tables(db: psycopg.Connection) -> list[str]:
    found = db.execute(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'public' AND c.relkind = 'r' ORDER BY c.relname"
    )
    return [str(row[0]) for row in found.fetchall()]


def _read(reader: psycopg.Connection, point: Point, held: float) -> Barrier:
    """Read at leisure in the snapshot that was taken, and end it."""
    tables = _tables(reader)
    counts = {}
    for table in tables:
        row = reader.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
        counts[table] = int(row[0]) if row is not None else 0
    rows: tuple[Row, ...] = ()
    if {"repository", "owner"} <= set(tables):
        rows = tuple(Row(*found) for found in reader.execute(_ROWS).fetchall())
    refs: dict[tuple[int, bool], dict[str, str]] | None = None
    if "repository_ref" in tables:
        refs = defaultdict(dict)
        known = "SELECT repository_id, is_wiki, ref, oid FROM repository_ref ORDER BY repository_id, is_wiki, ref"
        for repository, is_wiki, ref, oid in reader.execute(known):
            refs[int(repository), bool(is_wiki)][str(ref)] = str(oid)
    journal = _number(reader, "SELECT coalesce(max(id), 0) FROM push_journal") if "push_journal" in tables else 0
    schema = (
        _number(reader, "SELECT coalesce(max(version), 0) FROM schema_migration") if "schema_migration" in tables else 0
    )
    version = reader.execute("SELECT current_setting('server_version')").fetchone()
    reader.execute("COMMIT")
    told = str(version[0]) if version is not None else ""
    return Barrier(point, rows, dict(refs) if refs is not None else None, counts, journal, schema, told, held)


def _number(db: psycopg.Connection, query: LiteralString) -> int:
    row = db.execute(query).fetchone()
    return int(row[0]) if row is not None else 0
