"""The real engines, each started once, and documents in them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stack.addresses import EngineAddress, EngineKind
from stack.runtimes import start
from stack.runtimes.base import Stack
from stack.search.engines import open_engine
from stack.search.engines.base import Engine, Index
from stack.settings import Settings
from stack.toolchain import Toolchain
from tests.runtimes.conftest import settings, state_folder
from tests.search.engines.library import CODE, ISSUES

__all__ = ["settings", "state_folder"]

KINDS: tuple[EngineKind, ...] = ("opensearch", "meilisearch")
SECONDS = 60.0


@pytest.fixture(scope="session", params=KINDS)
def kind(request: pytest.FixtureRequest) -> EngineKind:
    """Which engine; everything that depends on it runs once for each."""
    found: EngineKind = request.param
    return found


@pytest.fixture(scope="session")
def stack(kind: EngineKind, settings: Settings) -> Iterator[Stack]:
    """A stack of one engine."""
    if kind == "meilisearch" and Toolchain(settings).find(kind) is None:
        pytest.skip("no Meilisearch program on this machine: set MEILISEARCH_BIN to one")
    running = start(settings, components=[kind])
    yield running
    running.stop()


@pytest.fixture(scope="session")
def address(stack: Stack, kind: EngineKind) -> EngineAddress:
    """Where it answers."""
    found = stack.addresses.engine(kind)
    assert found is not None
    return found


@pytest.fixture(scope="session")
def library(address: EngineAddress) -> Iterator[Engine]:
    """An engine that holds `tests.search.engines.library`, to be read only."""
    engine = open_engine(address, prefix="library")
    engine.ensure(generation="g")
    # In reverse, so that an order that only follows the order of writing shows.
    engine.submit(Index.CODE, put=CODE[::-1]).wait(SECONDS)
    engine.submit(Index.ISSUES, put=ISSUES[::-1]).wait(SECONDS)
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def writable(address: EngineAddress) -> Iterator[Engine]:
    """An engine whose indexes are made once."""
    engine = open_engine(address, prefix="desk", read_seconds=10)
    engine.ensure(generation="g")
    yield engine
    engine.close()


@pytest.fixture
def desk(writable: Engine) -> Iterator[Engine]:
    """An engine without documents, to be written to."""
    yield writable
    for index in (Index.CODE, Index.ISSUES):
        writable.submit(index, delete=list(writable.ids(index))).wait(SECONDS)
