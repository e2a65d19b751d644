"""What each engine is known to hold, kept in PostgreSQL: the other side of every comparison the indexer makes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import class_row
from psycopg.sql import SQL, Identifier

from stack.errors import EngineRoomError
from stack.search.extract.status import FileStatus

__all__ = [
    "MIGRATIONS",
    "REFUSED",
    "BusyError",
    "IndexedFile",
    "IndexedRepository",
    "State",
    "StateError",
    "translated",
]

MIGRATIONS = Path(__file__).parent / "migrations"

CODE = "code"

REFUSED = "refused"
"""Status of a file that the engine would not take or turned out not to have: put again by every run."""

_FETCH = 2000
_LOCK_CLASS = 0x454E52  # "ENR": keeps these advisory locks apart from anyone else's


class StateError(EngineRoomError):
    """The database that keeps what is indexed does not answer, or refuses."""


@contextmanager
def translated(place: str = "") -> Iterator[None]:
    """Say what is wrong with the state's database as everything else here does; `place` says which one it is."""
    try:
        yield
    except psycopg.Error as error:
        raise StateError(
            "The database that keeps what is indexed failed",
            on=place,
            got=str(error).strip(),
            fix="is PostgreSQL running? `engineroom status` tells",
        ) from error


class BusyError(EngineRoomError):
    """Another indexer is at work on the same repository and engine."""


@dataclass(frozen=True, slots=True)
class IndexedRepository:
    """One repository as an engine holds it; `complete` is false while some files are still to do."""

    repository_id: int
    name: str
    head: str
    branch: str
    facts: str
    visibility: str
    fork: bool
    archived: bool
    stars: int
    settings: str
    complete: bool


@dataclass(frozen=True, slots=True)
class IndexedFile:
    """One path as an engine holds it, in `parts` documents.

    `display` is the path as text; `date` (the author's) and `committed` are in seconds since 1970.
    """

    path: bytes
    display: str
    file_id: str
    mode: str
    blob: str
    status: str
    parts: int
    size: int
    language: str | None
    author: str
    commit: str
    date: int
    committed: int
    is_test: bool
    is_vendored: bool
    is_generated: bool


_FILE_COLUMNS = tuple(field.name for field in fields(IndexedFile))
_REPOSITORY_COLUMNS = tuple(field.name for field in fields(IndexedRepository))


def _columns(names: Sequence[str], table: str = "") -> SQL | object:
    parts = [Identifier(table, name) if table else Identifier(name) for name in names]
    return SQL(", ").join(parts)


class State:
    """The state of one engine. Not for use by several threads at once; `place` is where it is kept, for people."""

    def __init__(self, conninfo: str, engine: str) -> None:
        """Connect; `engine` is the engine's name, `conninfo` a libpq connection string."""
        self.engine = engine
        self._conninfo = conninfo
        known = conninfo_to_dict(conninfo)
        self.place = f"{known.get('host', '')}:{known.get('port', '')}/{known.get('dbname', '')}"
        with translated(self.place):
            self._db = psycopg.connect(conninfo, autocommit=True, application_name=f"engineroom-index-{engine}")

    def __enter__(self) -> Self:
        """Usable as a context manager."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection; locks held by it are released."""
        self.close()

    def close(self) -> None:
        """Close the connection; locks held by it are released."""
        self._db.close()

    def generation(self) -> str | None:
        """The generation of the indexes this state is about."""
        row = self._db.execute("SELECT generation FROM search.engine WHERE engine = %s", (self.engine,)).fetchone()
        return str(row[0]) if row else None

    def adopt(self, generation: str) -> bool:
        """Make this state about the given generation.

        Returns:
            True if what was known was about another one and has been forgotten.
        """
        known = self.generation()
        if known == generation:
            return False
        with self._db.transaction():
            self._db.execute("DELETE FROM search.engine WHERE engine = %s", (self.engine,))
            self._db.execute("INSERT INTO search.engine VALUES (%s, %s)", (self.engine, generation))
        return known is not None

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Hold the right to change what `name` stands for.

        Raises:
            BusyError: somebody else holds it.
        """
        key = f"{self.engine}:{name}"
        row = self._db.execute("SELECT pg_try_advisory_lock(%s, hashtext(%s))", (_LOCK_CLASS, key)).fetchone()
        if not row or not row[0]:
            raise BusyError(
                "Another indexer is at work here", on=key, fix="wait for it to end; its result is as good as this one's"
            )
        try:
            yield
        finally:
            # Where the connection broke the lock is gone with it, and whatever came of that is told by others.
            with suppress(psycopg.OperationalError):
                self._db.execute("SELECT pg_advisory_unlock(%s, hashtext(%s))", (_LOCK_CLASS, key))

    def repositories(self) -> dict[int, IndexedRepository]:
        """Every repository the engine holds, by id."""
        query = SQL("SELECT {} FROM search.repository WHERE engine = %s").format(_columns(_REPOSITORY_COLUMNS))
        with self._db.cursor(row_factory=class_row(IndexedRepository)) as cursor:
            return {row.repository_id: row for row in cursor.execute(query, (self.engine,))}

    def save_repository(self, row: IndexedRepository) -> None:
        """Insert or replace one repository's row."""
        names = ("engine", *_REPOSITORY_COLUMNS)
        changes = SQL(", ").join(
            SQL("{0} = excluded.{0}").format(Identifier(name)) for name in (*_REPOSITORY_COLUMNS[1:], "indexed_at")
        )
        query = SQL(
            "INSERT INTO search.repository ({}, indexed_at) VALUES ({}, now())"
            " ON CONFLICT (engine, repository_id) DO UPDATE SET {}"
        ).format(_columns(names), SQL(", ").join([SQL("%s")] * len(names)), changes)
        self._db.execute(query, (self.engine, *astuple(row)))

    def forget(self, repository_id: int) -> None:
        """Forget a repository with its files and records."""
        with self._db.transaction():
            for table in ("record", "repository"):
                self._db.execute(
                    SQL("DELETE FROM search.{} WHERE engine = %s AND repository_id = %s").format(Identifier(table)),
                    (self.engine, repository_id),
                )
            self._db.execute(
                "DELETE FROM search.held WHERE engine = %s AND scope LIKE %s", (self.engine, f"%:{repository_id}")
            )
            # Its door stays closed for good, which is nothing a search has to be reminded of.
            self._db.execute(
                "INSERT INTO search.held SELECT %s, scope, version FROM search.scope WHERE scope = %s",
                (self.engine, f"closed:{repository_id}"),
            )

    def send(self, collection: str, sent: Iterable[tuple[str, int | None, int]]) -> None:
        """Record, before it is sent, what an engine may hold from now on: id, repository and number of documents."""
        with self._db.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO search.sent VALUES (%s, %s, %s, %s, %s) ON CONFLICT (engine, collection, id)"
                " DO UPDATE SET parts = greatest(search.sent.parts, excluded.parts)",
                [(self.engine, collection, *row) for row in sent],
            )

    def sent(self) -> list[tuple[str, str, int | None, int]]:
        """What a run that died had sent: collection, id, repository and number of documents."""
        rows = self._db.execute(
            "SELECT collection, id, repository_id, parts FROM search.sent WHERE engine = %s", (self.engine,)
        )
        return [(str(c), str(i), None if r is None else int(r), int(p)) for c, i, r, p in rows]

    def undo(self, collection: str, ids: Sequence[str]) -> None:
        """Forget that an engine holds, or was sent, these files or records."""
        with self._db.transaction():
            if collection == CODE:
                self._db.execute(
                    "DELETE FROM search.file WHERE engine = %s AND file_id = ANY(%s)", (self.engine, list(ids))
                )
            else:
                self._db.execute(
                    "DELETE FROM search.record WHERE engine = %s AND collection = %s AND id = ANY(%s)",
                    (self.engine, collection, list(ids)),
                )
            self._arrived(collection, ids)

    def _arrived(self, collection: str, ids: Sequence[str]) -> None:
        self._db.execute(
            "DELETE FROM search.sent WHERE engine = %s AND collection = %s AND id = ANY(%s)",
            (self.engine, collection, list(ids)),
        )

    def release(self, scope: str) -> None:
        """The engine does not hold this scope any more: the next run looks again."""
        self._db.execute("DELETE FROM search.held WHERE engine = %s AND scope = %s", (self.engine, scope))

    def incomplete(self, repository_id: int) -> None:
        """Some files of a repository are to do again."""
        self._db.execute(
            "UPDATE search.repository SET complete = false WHERE engine = %s AND repository_id = %s",
            (self.engine, repository_id),
        )

    def files(self, repository_id: int) -> Iterator[IndexedFile]:
        """The files of a repository in the byte order of their paths, streamed over a connection of its own."""
        query = SQL("SELECT {} FROM search.file WHERE engine = %s AND repository_id = %s ORDER BY path").format(
            _columns(_FILE_COLUMNS)
        )
        with (
            psycopg.connect(self._conninfo) as db,
            db.cursor(name="indexed_files", row_factory=class_row(IndexedFile)) as cursor,
        ):
            cursor.itersize = _FETCH
            yield from cursor.execute(query, (self.engine, repository_id))

    def change_files(
        self, repository_id: int, put: Iterable[IndexedFile], delete: Sequence[bytes] = (), arrived: Sequence[str] = ()
    ) -> None:
        """Record in one transaction that the engine now holds `put` and no longer `delete`.

        Args:
            repository_id: whose files.
            put: rows.
            delete: paths.
            arrived: ids of the files that are not under way any more.
        """
        with self._db.transaction(), self._db.cursor() as cursor:
            rows = list(put)
            gone = [*delete, *(row.path for row in rows)]
            if gone:
                cursor.execute(
                    "DELETE FROM search.file WHERE engine = %s AND repository_id = %s AND path = ANY(%s)",
                    (self.engine, repository_id, gone),
                )
            names = ("engine", "repository_id", *_FILE_COLUMNS)
            with cursor.copy(SQL("COPY search.file ({}) FROM STDIN").format(_columns(names))) as copy:
                for row in rows:
                    copy.write_row((self.engine, repository_id, *astuple(row)))
            self._arrived(CODE, arrived)

    def files_by_id(self, file_ids: Sequence[str]) -> dict[str, tuple[int, IndexedFile]]:
        """The known files among these ids, with the id of their repository."""
        query = SQL("SELECT repository_id, {} FROM search.file WHERE engine = %s AND file_id = ANY(%s)").format(
            _columns(_FILE_COLUMNS)
        )
        found: dict[str, tuple[int, IndexedFile]] = {}
        with self._db.cursor() as cursor:
            for repository_id, *values in cursor.execute(query, (self.engine, list(file_ids))):
                row = IndexedFile(*values)
                found[row.file_id] = (int(repository_id), row)
        return found

    def paths(self, repositories: Collection[int]) -> Iterator[tuple[str, str]]:
        """Every file id of these repositories with its path as text, streamed."""
        with psycopg.connect(self._conninfo) as db, db.cursor(name="indexed_paths") as cursor:
            cursor.itersize = _FETCH * 5
            query = "SELECT file_id, display FROM search.file WHERE engine = %s AND repository_id = ANY(%s)"
            yield from cursor.execute(query, (self.engine, list(repositories)))

    def file_ids(self) -> Iterator[tuple[str, int, bool]]:
        """Every file id with its number of parts and whether it has text, streamed."""
        with psycopg.connect(self._conninfo) as db, db.cursor(name="indexed_ids") as cursor:
            cursor.itersize = _FETCH * 5
            query = "SELECT file_id, parts, status = ANY(%s) FROM search.file WHERE engine = %s"
            textual = [status.value for status in FileStatus if status.has_content]
            for file_id, parts, has_text in cursor.execute(query, (textual, self.engine)):
                yield str(file_id), int(parts), bool(has_text)

    def authors(self, repositories: Collection[int]) -> list[str]:
        """Everybody who changed some file of these repositories last."""
        query = "SELECT DISTINCT author FROM search.file WHERE engine = %s AND repository_id = ANY(%s) ORDER BY author"
        return [str(row[0]) for row in self._db.execute(query, (self.engine, list(repositories)))]

    def doubt(self, file_ids: Sequence[str]) -> None:
        """Treat these files as refused, so that the next comparison puts them again."""
        self._db.execute(
            "UPDATE search.file SET status = %s WHERE engine = %s AND file_id = ANY(%s)",
            (REFUSED, self.engine, list(file_ids)),
        )

    def counts(self) -> dict[str, int]:
        """Files by status."""
        rows = self._db.execute(
            "SELECT status, count(*) FROM search.file WHERE engine = %s GROUP BY status ORDER BY status", (self.engine,)
        )
        return {str(status): int(count) for status, count in rows}

    def records(self, collection: str, repository_id: int | None) -> dict[str, str]:
        """Digests of the records of one repository (or of none) in one collection, by id."""
        rows = self._db.execute(
            "SELECT id, digest FROM search.record"
            " WHERE engine = %s AND collection = %s AND repository_id IS NOT DISTINCT FROM %s",
            (self.engine, collection, repository_id),
        )
        return {str(key): str(digest) for key, digest in rows}

    def change_records(
        self, collection: str, put: Sequence[tuple[str, int | None, str]], delete: Sequence[str]
    ) -> None:
        """Record in one transaction that the engine now holds these records and no longer those.

        Args:
            collection: the engine's index.
            put: id, repository and digest of each record.
            delete: ids.
        """
        with self._db.transaction(), self._db.cursor() as cursor:
            cursor.execute(
                "DELETE FROM search.record WHERE engine = %s AND collection = %s AND id = ANY(%s)",
                (self.engine, collection, [*(key for key, _, _ in put), *delete]),
            )
            cursor.executemany(
                "INSERT INTO search.record VALUES (%s, %s, %s, %s, %s)",
                [(self.engine, collection, *row) for row in put],
            )
            self._arrived(collection, [*(key for key, _, _ in put), *delete])

    def raise_scopes(self, scopes: Iterable[str]) -> None:
        """Say that something in these scopes changed; every engine has to look again."""
        for scope in sorted(set(scopes)):
            self._db.execute(
                "INSERT INTO search.scope VALUES (%s, 1)"
                " ON CONFLICT (scope) DO UPDATE SET version = search.scope.version + 1",
                (scope,),
            )

    def scopes(self) -> dict[str, int]:
        """The version of every scope that ever changed."""
        return {str(scope): int(version) for scope, version in self._db.execute("SELECT * FROM search.scope")}

    def held(self) -> dict[str, int]:
        """The version of each scope that the engine holds."""
        rows = self._db.execute("SELECT scope, version FROM search.held WHERE engine = %s", (self.engine,))
        return {str(scope): int(version) for scope, version in rows}

    def hold(self, scope: str, version: int) -> None:
        """Record that the engine holds this version of a scope."""
        self._db.execute(
            "INSERT INTO search.held VALUES (%s, %s, %s)"
            " ON CONFLICT (engine, scope) DO UPDATE SET version = excluded.version",
            (self.engine, scope, version),
        )

    def behind(self, prefix: str) -> frozenset[int]:
        """The numbers N of scopes `prefix:N` whose newest version the engine does not hold."""
        rows = self._db.execute(
            "SELECT s.scope FROM search.scope s LEFT JOIN search.held h ON h.scope = s.scope AND h.engine = %s"
            " WHERE s.scope LIKE %s AND s.version <> coalesce(h.version, 0)",
            (self.engine, f"{prefix}:%"),
        )
        return frozenset(int(str(scope).rpartition(":")[2]) for (scope,) in rows)
