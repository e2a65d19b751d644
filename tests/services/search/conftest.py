"""A forge with public and private code, indexed, and the search service on it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stack.addresses import Addresses, PostgresAddress
from stack.forge.git import open_git
from stack.forge.hosting import Hosting
from stack.search.engines import open_engine
from stack.search.exact_store import ExactFolder
from stack.search.extract.symbols import SymbolExtractor
from stack.search.indexer import Indexer, Report
from stack.search.state import State
from stack.services.common.settings import from_environment
from stack.services.search.settings import SearchSettings
from tests.services.conftest import DAY, PERSON
from tests.services.kit import Running, database_url

__all__ = ["TOKEN"]

_numbers = itertools.count(1)
TOKEN = "a token for tests of the search"
PUBLIC = b"""\
/// Starts a task.
pub fn spawn_blocking(work: u32) -> u32 {
    work + 1
}

pub struct SpawnHandle;
"""
PRIVATE = b"""\
pub fn spawn_secret(work: u32) -> u32 {
    work + 42
}
"""


@pytest.fixture
def variables(addresses: Addresses, database: PostgresAddress, hosting: Hosting, tmp_path: Path) -> dict[str, str]:
    """What search service and indexer are told, alike; each test's engine indexes have a prefix of their own."""
    engine = addresses.engine("opensearch")
    assert engine is not None
    return {
        "DATABASE_URL": database_url(database),
        "SEARCH_ENGINE": engine.kind,
        "SEARCH_ENGINE_URL": engine.url,
        "SEARCH_ENGINE_PREFIX": f"services-{next(_numbers)}",
        "SEARCH_GIT_FORM": "local",
        "SEARCH_GIT_LOCATION": str(hosting.repositories.root),
        "SEARCH_FOLDER": str(tmp_path / "search"),
        "SEARCH_TOKEN": TOKEN,
        "SEARCH_HOST": "127.0.0.1",
        "SEARCH_PORT": "0",
        # An engine that was just started, on a machine that does other things: what is right is tested, not how fast.
        "SEARCH_SUGGEST_SECONDS": "5",
    }


@pytest.fixture
def people(hosting: Hosting) -> Hosting:
    """Ada owns a public and a private repository; Bob reads neither more than anybody."""
    for name in ("ada", "bob", "spawner"):
        hosting.forge.create_user(name, email=f"{name}@example.org")
    hosting.forge.create_organization("spawn-works", owners=["ada"])
    hosting.create_repository("ada", "runtime", description="A runtime")
    hosting.create_repository("ada", "spawn-vault", visibility="private")
    hosting.push("ada", "runtime", {"src/task/spawn.rs": PUBLIC}, author=PERSON, date=DAY)
    hosting.push("ada", "spawn-vault", {"src/spawn_secret.rs": PRIVATE}, author=PERSON, date=DAY)
    return hosting


@pytest.fixture
def index(variables: dict[str, str], people: Hosting, ctags: Path) -> Iterator[Callable[[], Report]]:
    """Bring the index up to date once, without a daemon; the indexes go away after the test."""
    settings = from_environment(SearchSettings, variables)
    engine = open_engine(settings.engine_address, prefix=settings.engine_prefix)
    with open_git(settings.git_address, settings.mirrors) as git, SymbolExtractor(ctags) as symbols:

        def once() -> Report:
            with (
                State(variables["DATABASE_URL"], engine.name) as state,
                ExactFolder(settings.exact_folder) as exact,
            ):
                return Indexer(
                    forge=people.forge, git=git, engine=engine, exact=exact, state=state, symbols=symbols
                ).run()

        yield once
    engine.drop()
    engine.close()


@pytest.fixture
def search(run: Callable[..., Running], variables: dict[str, str], index: Callable[[], Report]) -> Running:
    """The search service on an index that is up to date."""
    index()
    service = run("stack.services.search", variables)
    service.headers["Authorization"] = f"Bearer {TOKEN}"
    return service
