"""A private PostgreSQL and a forge, as the forge's own tests have them."""

from __future__ import annotations

from tests.forge.conftest import conninfo, forge, hosting, new_database, repositories, server, vault

__all__ = ["conninfo", "forge", "hosting", "new_database", "repositories", "server", "vault"]
