"""Settings: the file, then the environment, then flags."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.errors import UsageError
from stack.settings import load


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("ENGINEROOM_SLOW", "ENGINEROOM_RUNTIME", "MEILISEARCH_BIN"):
        monkeypatch.delenv(name, raising=False)


def test_the_environment_beats_the_file_and_a_flag_beats_both(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order of weakness is the documented one."""
    Path("engineroom.toml").write_text("slow = 2\n")
    assert load().slow == 2
    monkeypatch.setenv("ENGINEROOM_SLOW", "3")
    assert load().slow == 3
    assert load(slow=4).slow == 4


def test_an_unknown_key_in_the_file_is_refused_by_name() -> None:
    """A misspelt key is not silently ignored."""
    Path("engineroom.toml").write_text("slowness = 2\n")
    with pytest.raises(UsageError, match="slowness"):
        load()


def test_a_value_of_the_wrong_kind_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says which key and why."""
    monkeypatch.setenv("ENGINEROOM_SLOW", "0")
    with pytest.raises(UsageError, match="slow"):
        load()


def test_a_program_of_the_users_own_is_named_as_its_makers_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """MEILISEARCH_BIN works without our prefix."""
    monkeypatch.setenv("MEILISEARCH_BIN", "/opt/meilisearch")
    assert load().meilisearch_bin == Path("/opt/meilisearch")


def test_a_flag_that_was_not_given_changes_nothing() -> None:
    """`None` is no value."""
    assert load(runtime=None).runtime == "local"
