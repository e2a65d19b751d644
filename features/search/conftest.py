"""Every scenario of the search runs once for each engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stack.addresses import EngineKind
from stack.reference import Reference
from stack.settings import Settings
from steps.world import World

__all__ = ["engine", "filled_world", "world"]


@pytest.fixture(autouse=True, scope="session")
def engine(request: pytest.FixtureRequest) -> EngineKind:
    """The engine that a scenario is about."""
    kind: EngineKind = request.param
    return kind


@pytest.fixture
def world(filled_world: World, reference: Reference, engine: EngineKind, settings: Settings) -> Iterator[World]:
    """A fresh controller on the filled forge."""
    assert filled_world.engine == engine
    world = World(reference, engine, settings.slow)
    yield world
    world.tidy()


@pytest.fixture(scope="session")
def filled_world(filled: Reference, engine: EngineKind, settings: Settings) -> World:
    """The forge filled with real code, indexed once."""
    world = World(filled, engine, settings.slow)
    world.index(600)
    return world
