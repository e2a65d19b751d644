"""Addresses: what any module learns of a stack."""

from __future__ import annotations

import psycopg
import pytest
from pydantic import SecretStr, ValidationError

from stack.addresses import Addresses, EngineAddress, GitAddress, HostPort, PostgresAddress, RedisClusterAddress

SECRET = "it's a \\secret\\ with 'quotes'"
WHOLE = Addresses(
    database=PostgresAddress(host="127.0.0.1", port=5432, user="forge", password=SecretStr(SECRET), database="forge"),
    cache=RedisClusterAddress(nodes=(HostPort(host="127.0.0.1", port=1),), password=SecretStr(SECRET)),
    engines=(EngineAddress(kind="meilisearch", url="http://127.0.0.1:2", key=SecretStr(SECRET)),),
    git=GitAddress(form="agent", location="http://127.0.0.1:3", token=SecretStr(SECRET)),
)


def test_secrets_are_written_only_when_asked_for() -> None:
    """Nothing that prints or serialises addresses by accident tells a password."""
    assert "secret" not in WHOLE.to_json(secrets=False)
    assert "secret" not in repr(WHOLE)
    assert "secret" not in WHOLE.model_dump_json()


def test_addresses_come_back_whole() -> None:
    """What one process writes, another reads."""
    assert Addresses.model_validate_json(WHOLE.to_json(secrets=True)) == WHOLE


def test_a_password_with_quotes_survives_the_connection_string() -> None:
    """Libpq reads back what was written."""
    assert WHOLE.database is not None
    assert psycopg.conninfo.conninfo_to_dict(WHOLE.database.conninfo())["password"] == SECRET


def test_an_unknown_field_is_refused() -> None:
    """A misspelt component is not silently absent."""
    with pytest.raises(ValidationError):
        Addresses.model_validate({"databse": None})


def test_an_absent_engine_is_none() -> None:
    """Asking for what a stack lacks is no error."""
    assert WHOLE.engine("opensearch") is None
    assert WHOLE.engine("meilisearch") == WHOLE.engines[0]
