"""Faults of what the services work with: the database's locks and sessions, damaged repositories, too much work."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import Error as DatabaseError
from psycopg.sql import SQL

from steps.faults.base import Fault
from steps.stimuli.base import OWNER, Bench, Carried
from steps.stimuli.cache import filled
from steps.stimuli.database import replay_held, sessions
from steps.stimuli.git import STIMULI as GIT
from steps.stimuli.git import damaged, held_clones

__all__ = ["FAULTS"]

_LOCK = SQL("LOCK TABLE session IN ACCESS EXCLUSIVE MODE")  # every request of somebody who signed in reads it
_HELD, _FREE = 1.6, 0.1  # seconds for which the table is locked, and not
_SHARE = 84  # of the 100 sessions that may be
_PLACES = 32  # for git processes
_ASKING = 8  # who ask for one more place
_DATABASES = ("api", "postgresql-primary")
_SLOW = frozenset(
    {"ApiAvailabilityBurn", "ApiLatencyBurn", "ApiPoolExhausted", "SearchLatencyBurn", "SearchAvailabilityBurn"}
)


@contextmanager
def _locked(bench: Bench) -> Iterator[None]:
    """A table that nobody can read."""
    with bench.database(autocommit=False) as holder:
        holder.execute(_LOCK)
        yield
        holder.rollback()


@contextmanager
def _slow(bench: Bench) -> Iterator[None]:
    """A table that is locked most of the time, so that who reads it waits."""

    def hold(_: int) -> None:
        with bench.database(autocommit=False) as holder:
            holder.execute(_LOCK)
            time.sleep(_HELD)
            holder.rollback()

    with bench.repeated(hold, every=_HELD + _FREE, most=200):
        yield


@contextmanager
def _many_sessions(bench: Bench) -> Iterator[None]:
    with bench.database() as db:
        row = db.execute("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'").fetchone()
    there = int(row[0]) if row else 0
    with sessions(bench, max(0, _SHARE - there)):
        yield


@contextmanager
def _transaction(bench: Bench) -> Iterator[None]:
    with bench.database(autocommit=False) as db:
        db.execute("SELECT count(*) FROM repository")
        yield
        with contextlib.suppress(DatabaseError):
            db.rollback()


@contextmanager
def _git_full(bench: Bench) -> Iterator[None]:
    """Every place for a git process is taken by a client that does not read; more ask for one."""
    with (
        held_clones(bench, _PLACES),
        bench.repeated(lambda _: bench.git.clone(OWNER, f"{OWNER}/panels"), every=0.2, most=100, workers=_ASKING),
    ):
        yield


def _prepare_held(bench: Bench) -> None:
    GIT["held-clones"].prepare(bench)
    GIT["git-push"].prepare(bench)


def _nothing(bench: Bench) -> Carried:
    return bench.still()


FAULTS: dict[str, Fault] = {
    "corrupt:repository": Fault(
        damaged,
        needs=("api", "git-http"),
        prepare=GIT["broken-clone"].prepare,
        explains=frozenset({"ApiAvailabilityBurn"}),
    ),
    "fail:jobs": Fault(_nothing, needs=("api", "runner"), within=60.0),
    "fill:connections": Fault(
        _many_sessions, needs=_DATABASES, labels={"PostgresqlConnectionsNearLimit": {"instance": "postgresql-primary"}}
    ),
    "fill:git": Fault(
        _git_full,
        needs=("api", "git-http"),
        prepare=_prepare_held,
        carries=frozenset({"held-clones"}),
        explains=frozenset({"ApiAvailabilityBurn", "GitAvailabilityBurn"}),
        within=60.0,
    ),
    "fill:jobs": Fault(_nothing, needs=("api", "runner"), within=60.0),
    "fill:redis": Fault(filled, needs=("redis-1",)),
    "hold:replay": Fault(
        replay_held,
        needs=("postgresql-primary", "postgresql-replica"),
        labels={"PostgresqlReplicationLag": {"instance": "postgresql-replica"}},
    ),
    "hold:transaction": Fault(
        _transaction, needs=_DATABASES, labels={"PostgresqlLongTransaction": {"instance": "postgresql-primary"}}
    ),
    "lock:database": Fault(_locked, needs=_DATABASES, explains=_SLOW),
    "slow:database": Fault(_slow, needs=_DATABASES, explains=_SLOW),
}
