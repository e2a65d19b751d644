"""What an engine is known to hold, while the database that keeps it goes away."""

from __future__ import annotations

import psycopg
import pytest

from stack.forge.migrate import migrate
from stack.search.state import MIGRATIONS, State, StateError, translated


@pytest.fixture
def searched(conninfo: str) -> str:
    """A database with the search's schema."""
    migrate(conninfo, MIGRATIONS, table="search_migration")
    return conninfo


def end_sessions(conninfo: str) -> None:
    """As a server that is shut down does."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def fail_holding_the_lock(state: State, conninfo: str) -> None:
    with state.lock("index"):
        end_sessions(conninfo)
        raise ValueError("the engine is away")


def test_what_went_wrong_under_a_lock_is_told_when_the_database_went_too(searched: str) -> None:
    """The lock is gone with its connection; giving it back must not hide the reason."""
    with State(searched, "one") as state, pytest.raises(ValueError, match="the engine is away"):
        fail_holding_the_lock(state, searched)


def test_a_lock_whose_database_went_away_can_be_taken_again(searched: str) -> None:
    """Nobody has to free it."""
    with State(searched, "one") as state:
        with state.lock("index"):
            end_sessions(searched)
        with State(searched, "one") as other, other.lock("index"):
            assert other.counts() == {}


def use_after_the_end(state: State, conninfo: str) -> None:
    end_sessions(conninfo)
    with translated(state.place):
        state.counts()


def test_a_database_that_went_away_is_named(searched: str) -> None:
    """Which one, what it said, and what to look at."""
    with State(searched, "one") as state, pytest.raises(StateError) as failed:
        use_after_the_end(state, searched)
    assert failed.value.on.endswith(f"/{psycopg.conninfo.conninfo_to_dict(searched)['dbname']}")
    assert "terminating connection" in failed.value.got
    assert "engineroom status" in failed.value.fix
