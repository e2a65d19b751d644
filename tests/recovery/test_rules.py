"""Rules, what they mean together, and errors that name them."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

import stack.recovery
from stack.errors import UsageError
from stack.recovery.errors import RecoveryError
from stack.recovery.rules import RULES, broken, verdict
from stack.settings import load

_FOLDER = Path(str(stack.recovery.__file__)).parent
_ROOT = Path(__file__).parents[2]


def test_every_rule_that_is_named_is_known() -> None:
    """A finding or an error of a rule that nobody explains helps nobody."""
    text = "".join(path.read_text("utf-8") for path in _FOLDER.rglob("*.py") if path.name != "rules.py")
    named = set(re.findall(r'"([A-Z]+_[A-Z]+(?:_[A-Z]+)*)"', text))
    stages = {"CHECKSUMS_OFF", "STORE_EMPTY", "WAL_MISSING", "BACKUP_WAITING"}
    assert stages <= named & set(RULES)
    assert {name for name in named if name.startswith(("WAL_", "BASE_", "STORE_", "TARGET_", "KEY_"))} <= set(RULES)


@pytest.mark.parametrize("name", RULES)
def test_every_rule_is_raised_and_tried(name: str) -> None:
    """One that nothing raises promises too much, and one that no test or feature names may never have been raised."""
    own = [path for path in _FOLDER.rglob("*.py") if path.name != "rules.py"]
    tried = [path for part in ("tests", "features", "steps") for path in (_ROOT / part).rglob("*.*")]
    assert _names(name, own)
    assert _names(name, [path for path in tried if path.suffix in {".py", ".feature"} and path != Path(__file__)])


def _names(name: str, paths: list[Path]) -> bool:
    return any(re.search(rf"\b{name}\b", _read(path)) for path in paths)


@cache
def _read(path: Path) -> str:
    return path.read_text("utf-8")


def test_nothing_found_is_a_pass_and_the_worst_wins() -> None:
    """A base backup that waits is no pass; a missing segment beside it is a fail."""
    waiting, missing = broken("BACKUP_WAITING", "b"), broken("WAL_MISSING", "w")
    assert verdict([]) == "pass"
    assert verdict([waiting]) == "could_not_verify"
    assert verdict([waiting, missing]) == "fail"
    assert verdict([broken("CHECKSUMS_OFF", "c")]) == "pass"


def test_an_error_names_its_rule_first() -> None:
    """Whoever greps a log finds it."""
    assert str(RecoveryError("KEY_WRONG", "what", on="where")).startswith("KEY_WRONG: what")


def test_an_unknown_key_in_the_table_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt setting must not be taken for a default."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "engineroom.toml").write_text('[recovery]\nbuckett = "backups"\n', "utf-8")
    with pytest.raises(UsageError, match="buckett"):
        load()
    (tmp_path / "engineroom.toml").write_text('[recovery]\nbucket = "backups"\n', "utf-8")
    assert load().recovery.bucket == "backups"
