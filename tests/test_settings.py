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


def test_a_file_that_is_no_toml_is_refused() -> None:
    """No traceback, but the place."""
    Path("engineroom.toml").write_text("slow = \n")
    with pytest.raises(UsageError, match="no TOML"):
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


@pytest.mark.parametrize("given", ["", "/elsewhere"])
def test_folders_of_an_ordinary_user_are_below_home_unless_told(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    """An empty variable is none, as the standard that defines it says."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", "/home/ada")
    for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, given)
    for name in ("ENGINEROOM_CACHE_DIR", "ENGINEROOM_STATE_DIR"):
        monkeypatch.delenv(name, raising=False)
    settings = load()
    assert settings.cache_dir == Path(given or "/home/ada/.cache") / "engineroom"
    assert settings.state_dir == Path(given or "/home/ada/.local/state") / "engineroom"


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that runs as a number that no account has."""

    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr(Path, "home", staticmethod(no_home))
    for name in ("XDG_CACHE_HOME", "ENGINEROOM_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UsageError, match="no home folder") as caught:
        load()
    assert "ENGINEROOM_CACHE_DIR" in caught.value.fix


def test_a_file_that_is_not_utf_8_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A usage error, and what to do."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "engineroom.toml").write_bytes(b'runtime = "lo\xff\xfecal"\n')
    with pytest.raises(UsageError, match="is not UTF-8") as refused:
        load()
    assert refused.value.on == str(tmp_path / "engineroom.toml")


def test_a_folder_of_that_name_is_not_taken_for_no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever made it meant something by it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "engineroom.toml").mkdir()
    with pytest.raises(UsageError, match="is no file") as refused:
        load()
    assert refused.value.on == str(tmp_path / "engineroom.toml")
