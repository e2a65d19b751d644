"""What a stack is made of: what was asked for, what that needs, and what is left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from stack.components.base import Component, Tool
from stack.components.catalogue import catalogue
from stack.components.git_daemon import GitDaemon
from stack.errors import NeedMissingError, UsageError
from stack.runtimes import choosing
from stack.runtimes.choosing import choose
from stack.settings import Settings
from stack.toolchain import Toolchain
from tests.runtimes.kit import OtherTools


def test_what_cannot_be_had_is_left_out_unless_asked_for(settings: Settings) -> None:
    """Everything without an engine is everything else; that engine by name is a missing need."""
    tools = OtherTools(Toolchain(settings), absent=("meilisearch", "java"))
    names, missing = choose(settings, tools, "seaweedfs", None)
    assert "opensearch" not in names
    assert "postgresql-replica" in names
    assert missing["opensearch"] == "java is not installed"
    assert missing["meilisearch"] == "meilisearch is not installed"
    with pytest.raises(NeedMissingError) as refused:
        choose(settings, tools, "seaweedfs", ["meilisearch"])
    assert refused.value.need == "meilisearch"


def test_an_engine_that_is_not_wanted_is_not_missing(settings: Settings) -> None:
    """Settings decide which engines belong to everything."""
    only = settings.model_copy(update={"engines": ("opensearch",)})
    tools = OtherTools(Toolchain(settings), absent=("meilisearch",))
    names, missing = choose(only, tools, "seaweedfs", None)
    assert "meilisearch" not in names
    assert "meilisearch" not in missing


class Searcher(GitDaemon):
    """It needs an engine, whichever."""

    name = "searcher"
    one_of = ("opensearch", "meilisearch")


class Asker(GitDaemon):
    """It needs the searcher."""

    name = "asker"
    requires = ("searcher",)


@dataclass(frozen=True)
class MadeUp:
    name: str
    root: Path = Path("/tools")
    env: Mapping[str, str] = field(default_factory=dict)

    def program(self, name: str) -> Path:
        return self.root / name


@dataclass
class AllTools:
    """Every tool is here, but for some."""

    absent: set[str] = field(default_factory=set)

    def find(self, name: str) -> Tool | None:
        return None if name in self.absent else MadeUp(name)

    def require(self, name: str) -> Tool:
        if name in self.absent:
            raise NeedMissingError(name, f"{name} is not installed")
        return MadeUp(name)


@pytest.fixture
def _with_searcher(monkeypatch: pytest.MonkeyPatch) -> None:
    def more(store: str) -> dict[str, Component]:
        return {**catalogue(store), "searcher": Searcher(), "asker": Asker()}

    monkeypatch.setattr(choosing, "catalogue", more)


@pytest.mark.usefixtures("_with_searcher")
class TestOneOf:
    """A component that needs one of several."""

    def test_the_first_engine_of_the_settings_comes_along(self, settings: Settings) -> None:
        """Asked for by name, with no engine asked for."""
        only = settings.model_copy(update={"engines": ("meilisearch", "opensearch")})
        names, _ = choose(only, AllTools(), "seaweedfs", ["asker"])
        assert names == ["meilisearch", "searcher", "asker"]

    def test_one_that_cannot_be_had_is_passed_over(self, settings: Settings) -> None:
        """The next that can be had takes its place; none at all is a missing need."""
        names, _ = choose(settings, AllTools({"opensearch"}), "seaweedfs", ["searcher"])
        assert names == ["meilisearch", "searcher"]
        with pytest.raises(NeedMissingError, match="needs one of opensearch, meilisearch"):
            choose(settings, AllTools({"opensearch", "meilisearch"}), "seaweedfs", ["searcher"])

    def test_one_that_is_asked_for_or_there_will_do(self, settings: Settings) -> None:
        """No second engine is started for it."""
        assert choose(settings, AllTools(), "seaweedfs", ["searcher", "meilisearch"])[0] == ["meilisearch", "searcher"]
        assert choose(settings, AllTools(), "seaweedfs", ["searcher"], there=["meilisearch"])[0] == ["searcher"]

    def test_everything_without_an_engine_is_without_what_needs_one(self, settings: Settings) -> None:
        """Neither it nor what requires it is started, and both say why."""
        none = settings.model_copy(update={"engines": ()})
        names, missing = choose(none, AllTools(), "seaweedfs", None)
        assert not {"searcher", "asker"} & set(names)
        assert "opensearch, meilisearch" in missing["searcher"]
        assert "searcher" in missing["asker"]

    def test_everything_can_be_asked_for_without_something(self, settings: Settings) -> None:
        """What was left out on purpose is not missing; groups count; a misspelt name is a usage error."""
        names, missing = choose(settings, AllTools(), "seaweedfs", None, without=["asker", "redis"])
        assert not {"asker", "redis-1", "redis-6"} & set(names)
        assert "searcher" in names
        assert not {"asker", "redis-1"} & set(missing)
        with pytest.raises(UsageError):
            choose(settings, AllTools(), "seaweedfs", None, without=["redi"])
