"""Settings come from the environment, secrets from files as well, and what can't be understood stops the start."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from stack.errors import UsageError
from stack.services.common.settings import from_environment, patient
from stack.services.search.settings import SearchSettings
from tests.services.kit import Running


def test_a_secret_from_a_file(lonely: dict[str, str], tmp_path: Path) -> None:
    """Its last line break isn't part of it."""
    path = tmp_path / "token"
    path.write_text("a token that is in a file\n")
    del lonely["SEARCH_TOKEN"]
    settings = from_environment(SearchSettings, lonely | {"SEARCH_TOKEN_FILE": str(path)})
    assert settings.token.get_secret_value() == "a token that is in a file"


def test_both_are_too_many(lonely: dict[str, str]) -> None:
    """A secret that is given twice is refused."""
    with pytest.raises(UsageError, match="not valid") as caught:
        from_environment(SearchSettings, lonely | {"SEARCH_TOKEN_FILE": "/nowhere"})
    assert "SEARCH_TOKEN" in caught.value.got


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SEARCH_PORT", "tcp://10.0.0.1:8082"),
        ("SEARCH_PORT", "70000"),
        ("SEARCH_ENGINE", "grep"),
        ("SEARCH_TOKEN", "short"),
        ("SEARCH_ENGINE_URL", "opensearch:9200"),
        ("DATABASE_URL", "postgresql://forge:geheim@[::/forge"),
        ("LOG_LEVEL", "loud"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "-3"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector"),
    ],
)
def test_nonsense_stops_the_start(run: Callable[..., Running], lonely: dict[str, str], name: str, value: str) -> None:
    """Exit code 78 and one line that names the variable, and not what a secret was."""
    started = run("stack.services.search", lonely | {name: value}, wait=False)
    assert started.process.wait(30) == 78
    said = started.log.read_text()
    assert name in said
    assert len(said.splitlines()) == 1
    assert "geheim" not in said
    assert "short" not in said


def test_a_port_that_is_taken(run: Callable[..., Running], lonely: dict[str, str]) -> None:
    """The second says so."""
    first = run("stack.services.search", lonely)
    second = run("stack.services.search", lonely | {"SEARCH_PORT": str(first.port)}, wait=False)
    assert second.process.wait(30) == 78
    assert str(first.port) in second.log.read_text()


def test_what_a_connection_string_says_itself_stays() -> None:
    """Only what is missing is added."""
    made = conninfo_to_dict(patient(SecretStr("host=a connect_timeout=9 password='x y'"), application="b"))
    assert made["connect_timeout"] == "9"
    assert made["application_name"] == "b"
    assert made["password"] == "x y"
