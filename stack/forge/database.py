"""Connections to the forge's PostgreSQL: few, checked, and with errors that say what was attempted."""

from __future__ import annotations

import select
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
from psycopg.rows import DictRow, dict_row
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from stack.forge.errors import AlreadyExistsError, ForgeError, InvalidError

__all__ = ["Connection", "Database", "DatabaseError"]

Connection = psycopg.Connection[DictRow]

_KEPT_OPEN = 4
_ATTEMPTS = 4


class DatabaseError(ForgeError):
    """The forge's database can't be reached, or refused a statement."""


class Database:
    """A few connections to one database, handed out one transaction at a time; safe for threads."""

    def __init__(self, conninfo: str) -> None:
        """Connect to nothing yet."""
        self._conninfo = conninfo
        self._lock = threading.Lock()
        self._idle: list[Connection] = []
        self._mine = threading.local()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make every transaction of this thread inside the block a part of one: all of it is kept, or nothing."""
        with self.transaction() as connection:
            self._mine.connection = connection
            try:
                yield
            finally:
                self._mine.connection = None

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction: committed when the block ends, rolled back when it raises.

        Raises:
            AlreadyExistsError: a unique index refused a row.
            InvalidError: a check, a foreign key or a type refused a value.
            DatabaseError: anything else, a lost connection included.
        """
        outer: Connection | None = getattr(self._mine, "connection", None)
        connection = outer or self._take()
        try:
            with connection.transaction():
                yield connection
        except psycopg.Error as error:
            raise _translated(error) from error
        finally:
            if outer is None:
                self._give(connection)

    def rows(self, query: LiteralString, parameters: dict[str, Any] | None = None) -> list[DictRow]:
        """All rows of a query that is known to have few."""
        with self.transaction() as connection:
            return connection.execute(query, parameters or {}).fetchall()

    def row(self, query: LiteralString, parameters: dict[str, Any] | None = None) -> DictRow | None:
        """The first row of a query."""
        with self.transaction() as connection:
            return connection.execute(query, parameters or {}).fetchone()

    def pages(self, query: LiteralString, parameters: dict[str, Any], *, after: int, size: int) -> Iterator[DictRow]:
        """All rows of a query, page by page, each in a transaction of its own so that nothing is held in between.

        Args:
            query: uses `%(after)s` and `%(size)s`, is ordered by `id` and selects it.
            parameters: its other parameters.
            after: only rows with an id above this.
            size: rows in one page.
        """
        while True:
            page = self.rows(query, {**parameters, "after": after, "size": size})
            yield from page
            if len(page) < size:
                return
            after = page[-1]["id"]

    def close(self) -> None:
        """Close what is idle."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> Connection:
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                return self._connect()
            if _usable(connection):
                return connection
            connection.close()

    def _give(self, connection: Connection) -> None:
        with self._lock:
            keep = not connection.closed and len(self._idle) < _KEPT_OPEN
            if keep:
                self._idle.append(connection)
        if not keep:
            connection.close()

    def _connect(self) -> Connection:
        retrying = Retrying(
            stop=stop_after_attempt(_ATTEMPTS),
            wait=wait_exponential(multiplier=0.1, max=1),
            retry=retry_if_exception_type(psycopg.OperationalError),
            reraise=True,
        )
        try:
            return retrying(psycopg.Connection[DictRow].connect, self._conninfo, autocommit=True, row_factory=dict_row)
        except psycopg.Error as error:
            raise DatabaseError(
                "The forge's database can't be reached",
                on=_place(self._conninfo),
                got=str(error).strip(),
                fix="is it running, and are host, port, user and password right?",
            ) from error


def _usable(connection: Connection) -> bool:
    """Whether an idle connection is still good: a server that went away leaves something to read on its socket."""
    if connection.closed:
        return False
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN | select.POLLERR | select.POLLHUP)
    return not poll.poll(0)


def _place(conninfo: str) -> str:
    parts = psycopg.conninfo.conninfo_to_dict(conninfo)
    return f"{parts.get('host', '')}:{parts.get('port', '')}/{parts.get('dbname', '')}"


def _translated(error: psycopg.Error) -> ForgeError:
    got = (error.diag.message_primary or str(error)).strip()
    detail = error.diag.message_detail or ""
    if isinstance(error, psycopg.errors.UniqueViolation):
        return AlreadyExistsError("This is taken", on=error.diag.constraint_name or "", got=detail or got)
    if isinstance(error, psycopg.IntegrityError | psycopg.DataError):
        return InvalidError("The forge can't store this", on=error.diag.constraint_name or "", got=got)
    return DatabaseError("The forge's database did not do what it was asked", got=f"{got} {detail}".strip())
