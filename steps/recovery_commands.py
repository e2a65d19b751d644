"""Steps about the commands that bring a forge back."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

import pytest
import requests
from pytest_bdd import given, parsers, then, when

from reports.verdict import ExitCode
from stack.forge.gitenv import git
from stack.recovery.catalogue import Catalogue
from stack.recovery.manifests import read_refs
from stack.recovery.postgresql.restore import end_server
from stack.recovery.sealing import new_key
from stack.recovery.sets import list_sets, newest
from stack.recovery.whole import DONE
from stack.runtimes import running
from steps.recovery_desk import Desk, Said
from steps.recovery_sets_site import SetSite

__all__: list[str] = []

_RESTORE, _UP = 120.0, 300.0  # seconds, before they are multiplied for slow machines
_NOWHERE = "http://127.0.0.1:9"  # the port of `discard`: nobody listens


@dataclass
class Operator:
    """Types commands about one site, each time from a desk with settings of its own."""

    site: SetSite
    folder: Path
    into: Path
    said: Said = field(default_factory=lambda: Said(-1, "nothing was typed yet"))
    before: list[str] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    was_newest: str = ""

    def restore(self, target: str = "set", **changed: object) -> None:
        """Restore into the folder."""
        desk = self._desk(**changed)
        self.before = self.listing()
        self.said = desk.run("restore", "--to", target, "--into", self.into, within=_RESTORE * self.site.settings.slow)

    def up(self) -> None:
        """Start a stack from the folder."""
        settings = self.site.settings
        known = {each.name for each in running(settings)}
        self.said = self._desk().run("up", "--detach", "--from", self.into, within=_UP * settings.slow, of_run=False)
        self.started = [each.name for each in running(settings) if each.name not in known]

    def take(self, name: str) -> None:
        """Take a set of a name."""
        self.was_newest = self.newest.id
        self.said = self._desk().run("backup", "run", "--name", name, within=_RESTORE * self.site.settings.slow)

    @property
    def newest(self) -> Catalogue:
        """The set that is restored."""
        found = newest(list_sets(self.site.bucket, self.site.signer.verifier))
        assert found is not None, "there is no set"
        return found

    def restore_before_first(self) -> None:
        """Restore a moment that the database can be restored to, and no set holds."""
        # PostgreSQL knows by a later transaction that it got there.
        self.site.push("r4", {"later.txt": b"later\n"})
        self.site.take()
        first = self.site.first.catalogue
        self.restore((first.base.ended + (first.point.time - first.base.ended) / 2).isoformat())

    def listing(self) -> list[str]:
        """All that is in the folder."""
        return sorted(str(path.relative_to(self.into)) for path in self.into.rglob("*"))

    def _desk(self, **changed: object) -> Desk:
        site = self.site
        recovery = site.recovery.model_copy(update=changed)
        return Desk(self.folder / f"desk{len(list(self.folder.iterdir()))}", site.settings, recovery, site.stack)

    def end(self) -> None:
        """End what was started, and remove what came back."""
        for each in running(self.site.settings):
            if each.name in self.started:
                each.stop()
        end_server(self.site.archive, self.into / "database" / "data")
        shutil.rmtree(self.into, ignore_errors=True)


@pytest.fixture
def operator(set_site: SetSite, tmp_path: Path) -> Iterator[Operator]:
    """The controller of these steps."""
    # The database's own user has to get there as well, which it does not where pytest keeps its folders.
    control = Operator(set_site, tmp_path, set_site.stack.folder / "came-back")
    yield control
    control.end()


@given("an operator restored the newest set into an empty folder")
def restored(operator: Operator) -> None:
    operator.restore()
    assert operator.said.code == 0, operator.said.text
    assert f"git repositories: {operator.into / 'git'}" in operator.said.text
    assert "the database runs: psql" in operator.said.text
    assert f"engineroom up --from {operator.into}" in operator.said.text


@given("a folder in which a restore was interrupted")
def interrupted(operator: Operator) -> None:
    for part in ("database", "git"):
        (operator.into / part).mkdir(parents=True)


@when("a stack is started from that folder")
def started(operator: Operator) -> None:
    operator.before = operator.listing()
    operator.up()


@when(parsers.parse("an operator restores {what}"))
def restores(operator: Operator, what: str) -> None:
    ways: dict[str, Callable[[], None]] = {
        "a moment after the first base backup and before the first set": operator.restore_before_first,
        "into a folder that holds something": lambda: _into_full(operator),
        "a set that nobody took": lambda: operator.restore("nobody-took-this"),
        "a time without its zone": lambda: operator.restore("2026-01-01T00:00:00"),
        "with another key": lambda: operator.restore(key_file=_another_key(operator.folder)),
        "from a bucket that is not there": lambda: operator.restore(bucket="nobody-has-this"),
        "from a store that does not answer": lambda: operator.restore(endpoint=_NOWHERE),
    }
    ways[what]()


def _into_full(operator: Operator) -> None:
    operator.into.mkdir()
    (operator.into / "mine.txt").write_text("mine", "utf-8")
    operator.restore()


def _another_key(folder: Path) -> Path:
    path = folder / "another.key"
    path.write_text(new_key().text(), "utf-8")
    return path


@then("its api and its git hand out what was in the set")
def hands_out(operator: Operator, tmp_path: Path) -> None:
    assert operator.said.code == 0, operator.said.text
    (stack,) = [each for each in running(operator.site.settings) if each.name in operator.started]
    api = stack.addresses.services.api
    assert api is not None, operator.said.text
    found = requests.get(f"{api.url}/api/v1/repos/ada/r2", timeout=30)
    assert found.status_code == HTTPStatus.OK, found.text
    clone = tmp_path / "clone"
    git(["clone", "--quiet", f"{api.url}/ada/r2.git", clone])
    tip = git(["-C", clone, "rev-parse", "HEAD"]).text.strip()
    saved = {item.path: item.refs for item in read_refs(operator.site.sealed, operator.newest)}
    assert saved["ada/r2.git"]["refs/heads/main"] == tip


@then("the folder is still what was restored")
def kept(operator: Operator) -> None:
    there = set(operator.listing())
    # The database was stopped, and what runs belongs to the copy.
    gone = {name for name in operator.before if name not in there and not name.startswith("database/")}
    assert gone == set()
    assert {"restored.json", "git/ada/r2.git/HEAD", "database/data/PG_VERSION"} <= there
    assert not (operator.into / "database" / "data" / "postmaster.pid").exists()


@when(parsers.parse("an operator takes a set named {name}"))
def takes(operator: Operator, name: str) -> None:
    operator.take(name)


@then("there is no set more than before")
def no_more(operator: Operator) -> None:
    assert operator.newest.id == operator.was_newest


@then(parsers.parse("it ends with {code:d} and names {why}"))
def refused(operator: Operator, code: int, why: str) -> None:
    assert operator.said.code == code, operator.said.text
    assert why in operator.said.text
    assert "Traceback" not in operator.said.text


@then(parsers.parse("it is no pass and names {why}"))
def no_pass(operator: Operator, why: str) -> None:
    assert operator.said.code in {ExitCode.FAIL, ExitCode.COULD_NOT_VERIFY}, operator.said.text
    assert f"{why}: " in operator.said.text
    assert DONE in operator.listing()


@then("nothing was written")
def untouched(operator: Operator) -> None:
    assert operator.listing() == operator.before
    assert operator.before or not operator.into.exists()
