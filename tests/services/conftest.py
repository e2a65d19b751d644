"""Real servers for the services: a stack of database, engine and objects, and a small forge on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from stack.addresses import Addresses, PostgresAddress
from stack.forge.hosting import Hosting
from stack.forge.migrate import migrate
from stack.forge.repositories import Person, Repositories
from stack.forge.smsly import SmslyForge
from stack.runtimes import start
from stack.runtimes.base import Stack
from stack.search.state import MIGRATIONS
from stack.settings import Settings
from stack.toolchain import Toolchain
from tests.runtimes.conftest import settings, state_folder
from tests.services.kit import Running, launch

__all__ = ["settings", "state_folder"]

PERSON = Person("Ada Lovelace", "ada@example.org")
DAY = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def stack(settings: Settings) -> Iterator[Stack]:
    """A database, an engine and an object store."""
    running = start(settings, components=["postgresql-primary", "opensearch", "objects"])
    yield running
    running.stop()


@pytest.fixture
def whole(stack: Stack) -> Iterator[Stack]:
    """The stack, to be disturbed: whatever was killed or paused is mended afterwards."""
    yield stack
    stack.forgive()


@pytest.fixture(scope="session")
def addresses(stack: Stack) -> Addresses:
    """Where its components answer."""
    return stack.addresses


@pytest.fixture
def database(addresses: Addresses) -> PostgresAddress:
    """The stack's database with the forge's schema and the search's, and nothing in them."""
    assert addresses.database is not None
    with psycopg.connect(addresses.database.conninfo(), autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS search CASCADE")
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    migrate(addresses.database.conninfo())
    migrate(addresses.database.conninfo(), MIGRATIONS, table="search_migration")
    return addresses.database


@pytest.fixture
def forge(database: PostgresAddress) -> Iterator[SmslyForge]:
    """A forge without anybody in it."""
    with SmslyForge(database.conninfo()) as made:
        yield made


@pytest.fixture
def hosting(forge: SmslyForge, tmp_path: Path) -> Hosting:
    """The forge and a folder of git repositories."""
    root = tmp_path / "git"
    root.mkdir()
    return Hosting(forge, Repositories(root))


@pytest.fixture(scope="session")
def ctags(settings: Settings) -> Path:
    """The universal-ctags program."""
    return Toolchain(settings).require("ctags").program("ctags")


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Start a service; it is ended after the test, and its log must hold no stack trace by then."""
    started: list[Running] = []

    def begin(module: str, variables: dict[str, str], *, wait: bool = True) -> Running:
        log = tmp_path / f"{module.rpartition('.')[2]}-{len(started)}.log"
        one = launch(module, variables, log)
        started.append(one)
        if wait:
            one.until_listening()
        return one

    yield begin
    for one in started:
        one.end()
