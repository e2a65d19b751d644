"""Stimuli by sessions on PostgreSQL."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import psycopg
from psycopg.sql import SQL, Identifier

from steps.stimuli.base import Bench, Stimulus, StimulusError
from steps.stimuli.outages import killed

__all__ = ["STIMULI", "replay_held", "sessions", "table"]

_BOTH = ("postgresql-primary", "postgresql-replica")
_HELD_SESSIONS = 8
_ROWS, _ROW_BYTES = 600, 8000  # of one batch: about five megabytes of table and of WAL
_BATCHES = 60
_WAIT = 30.0


@contextmanager
def table(bench: Bench) -> Iterator[Identifier]:
    """A table of one's own."""
    name = Identifier(f"panel_{secrets.token_hex(4)}")
    with bench.database() as db:
        db.execute(SQL("CREATE TABLE {} (n integer PRIMARY KEY, text text)").format(name))
        # As large as it is: nothing of it is compressed.
        db.execute(SQL("ALTER TABLE {} ALTER COLUMN text SET STORAGE EXTERNAL").format(name))
    try:
        yield name
    finally:
        with bench.database() as db:
            db.execute(SQL("DROP TABLE {}").format(name))


@contextmanager
def sessions(bench: Bench, number: int) -> Iterator[None]:
    """Sessions that stay open, every other one inside a transaction."""
    with ExitStack() as held:
        for index in range(number):
            db = held.enter_context(bench.database(autocommit=index % 2 == 0))
            db.execute("SELECT 1")
        yield


@contextmanager
def _held_sessions(bench: Bench) -> Iterator[None]:
    with sessions(bench, _HELD_SESSIONS):
        yield


@contextmanager
def _transaction(bench: Bench) -> Iterator[None]:
    with bench.database(autocommit=False) as db:
        db.execute("SELECT txid_current()")
        yield
        db.rollback()


@contextmanager
def _locks(bench: Bench) -> Iterator[None]:
    with table(bench) as name, bench.database(autocommit=False) as holder, bench.database(autocommit=False) as other:
        holder.execute(SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(name))
        waiter = threading.Thread(target=_wait_for, args=(other, name))
        waiter.start()
        try:
            yield
        finally:
            holder.rollback()
            waiter.join(_WAIT)
            other.rollback()


def _wait_for(db: psycopg.Connection, name: Identifier) -> None:
    # Whatever comes of it: that it waits is what is looked at.
    with suppress(psycopg.Error):
        db.execute(SQL("SELECT count(*) FROM {}").format(name))


@contextmanager
def _traffic(bench: Bench) -> Iterator[None]:
    with table(bench) as name, bench.repeated(lambda number: _work(bench, name, number), every=0.2, most=_BATCHES):
        yield


def _work(bench: Bench, name: Identifier, number: int) -> None:
    first = number * _ROWS
    with bench.database(autocommit=False) as db:
        insert = SQL("INSERT INTO {} SELECT n, repeat('x', %s) FROM generate_series(%s::integer, %s::integer) AS n")
        db.execute(insert.format(name), (_ROW_BYTES, first, first + _ROWS - 1))
        db.commit()
        db.execute(SQL("UPDATE {} SET text = '' WHERE mod(n, 10) = 0 AND n >= %s").format(name), (first,))
        # The oldest as well, which the server no longer has in its own memory.
        db.execute(SQL("SELECT sum(ascii(right(text, 1))) FROM {} WHERE mod(n, 7) = 1").format(name))
        db.commit()
        db.execute(SQL("DELETE FROM {} WHERE mod(n, 10) = 9 AND n >= %s").format(name), (first,))
        db.commit()
        db.execute(SQL("DELETE FROM {} WHERE n = %s").format(name), (first,))
        db.rollback()


@contextmanager
def _deadlock(bench: Bench) -> Iterator[None]:
    with table(bench) as name:
        with bench.database() as db:
            db.execute(SQL("INSERT INTO {} VALUES (1, ''), (2, '')").format(name))
        with bench.repeated(lambda _: _collide(bench, name), every=0.2, most=5):
            yield


def _collide(bench: Bench, name: Identifier) -> None:
    """Two transactions that take two rows in opposite order: the server ends one of them."""
    update = SQL("UPDATE {} SET text = text || 'x' WHERE n = %s").format(name)
    ended: list[psycopg.Error] = []
    with bench.database(autocommit=False) as one, bench.database(autocommit=False) as other:

        def second() -> None:
            try:
                one.execute(update, (2,))
            except psycopg.errors.DeadlockDetected as error:
                ended.append(error)

        one.execute(update, (1,))
        other.execute(update, (2,))
        thread = threading.Thread(target=second)
        thread.start()
        try:
            other.execute(update, (1,))
        except psycopg.errors.DeadlockDetected as error:
            ended.append(error)
            other.rollback()
        thread.join(_WAIT)
        one.rollback()
        other.rollback()
    if len(ended) != 1:
        raise StimulusError("Two transactions did not end in a deadlock", got=str(ended))


@contextmanager
def _sorts(bench: Bench) -> Iterator[None]:
    def sort(_: int) -> None:
        with bench.database() as db:
            db.execute("SET work_mem = '64kB'")
            db.execute(
                "SELECT max(r) FROM (SELECT row_number() OVER (ORDER BY md5(n::text)) AS r"
                " FROM generate_series(1, 200000) AS n) AS sorted"
            )

    with bench.repeated(sort, every=0.5, most=10):
        yield


@contextmanager
def replay_held(bench: Bench) -> Iterator[None]:
    """Replay that can't go on: a session on the replica reads a table that is locked away on the primary.

    The replica waits with the replay of that lock, and of all that comes after it, for as long as
    `max_standby_streaming_delay` (30 s) says; pausing replay itself takes a superuser.
    """
    with table(bench) as name, bench.database(replica=True, autocommit=False) as reader:
        _until_there(bench, name)
        reader.execute(SQL("SELECT count(*) FROM {}").format(name))
        try:
            with bench.database() as db:
                db.execute(SQL("ALTER TABLE {} ADD COLUMN held integer").format(name))
            yield
        finally:
            # The server may have ended it, after the 30 s.
            with suppress(psycopg.Error):
                reader.rollback()


def _until_there(bench: Bench, name: Identifier) -> None:
    stop = threading.Event()
    for _ in range(100):
        try:
            with bench.database(replica=True) as db:
                db.execute(SQL("SELECT FROM {}").format(name))
        except psycopg.errors.UndefinedTable:
            stop.wait(0.1)
        else:
            return
    raise StimulusError("A new table did not come to the replica", on=str(name))


STIMULI: dict[str, Stimulus] = {
    "database-traffic": Stimulus(_traffic, needs=_BOTH),
    "deadlock": Stimulus(_deadlock, needs=_BOTH),
    "held-connections": Stimulus(_held_sessions, needs=_BOTH),
    "held-locks": Stimulus(_locks, needs=_BOTH),
    "held-transaction": Stimulus(_transaction, needs=_BOTH),
    "replica-away": Stimulus(_traffic, killed("postgresql-replica"), needs=_BOTH),
    "replica-paused": Stimulus(_traffic, replay_held, needs=_BOTH),
    "sort-on-disk": Stimulus(_sorts, needs=_BOTH),
}
