"""A search service whose database and engine are nowhere: enough to be asked odd things."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.kit import Running, launch

__all__ = ["TOKEN", "alone"]

TOKEN = "a token for tests of the server"


@pytest.fixture
def lonely(tmp_path: Path) -> dict[str, str]:
    """What a search service is told that has nobody to ask."""
    return alone(tmp_path)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Such a service, for all tests of a module."""
    folder = tmp_path_factory.mktemp("lonely")
    started = launch("stack.services.search", alone(folder), folder / "search.log")
    started.until_listening()
    yield started
    assert started.end() == 0


def alone(folder: Path) -> dict[str, str]:
    """Settings that lead nowhere."""
    return {
        "DATABASE_URL": "postgresql://forge:a%20password@127.0.0.1:1/forge",
        "SEARCH_ENGINE": "opensearch",
        "SEARCH_ENGINE_URL": "http://127.0.0.1:1",
        "SEARCH_ENGINE_SECONDS": "0.2",
        "SEARCH_GIT_FORM": "local",
        "SEARCH_GIT_LOCATION": str(folder / "git"),
        "SEARCH_FOLDER": str(folder / "search"),
        "SEARCH_TOKEN": TOKEN,
        "SEARCH_PORT": "0",
        "SEARCH_HEAD_SECONDS": "1",
    }
