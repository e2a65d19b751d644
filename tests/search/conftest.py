"""A private PostgreSQL and a forge, as the forge's own tests have them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.forge.conftest import forge, hosting, new_database, repositories, server, vault

__all__ = ["conninfo", "forge", "hosting", "new_database", "repositories", "server", "vault"]


@pytest.fixture
def conninfo(new_database: Callable[[str | None], str]) -> str:
    """A database of the test's own: the search keeps a schema of its own in it."""
    return new_database("migrated")
