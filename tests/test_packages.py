"""What brings the corpus, and what a setup says when it cannot be had."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

import pytest

from stack import packages
from stack.forge.corpus import Clients, load_manifest
from stack.forge.corpus.clients import BRING, ClientError, Placed, Wanted
from stack.packages import Corpus, package_clients
from stack.settings import Settings
from stack.toolchain import Installed, SetupReport, SilentProgress, Toolchain


class Tools(Toolchain):
    """A toolchain that has what it is told."""

    def __init__(self, folder: Path, *tools: Installed) -> None:
        """Its tools."""
        super().__init__(Settings(cache_dir=folder))
        self._told = {tool.name: tool for tool in tools}

    def find(self, name: str) -> Installed | None:
        return self._told.get(name)


def tool(name: str, *programs: str, origin: Literal["cache", "machine"] = "cache", **env: str) -> Installed:
    root = Path("/tools", name)
    return Installed(name, "1", root, {program: root / program for program in programs}, env, origin=origin)


def test_npm_of_our_own_is_run_by_its_own_node(tmp_path: Path) -> None:
    """It is a script that looks for `node` on PATH, where there is none."""
    client = package_clients(Tools(tmp_path, tool("npm", "node", "npm-cli.js")))["npm"]
    assert (client.program, client.arguments) == (Path("/tools/npm/node"), ("/tools/npm/npm-cli.js",))


def test_maven_of_our_own_has_our_java_and_trusts_what_the_machine_trusts(tmp_path: Path) -> None:
    """It finds no Java by itself, and ours knows no authority of a company's own."""
    clients = package_clients(Tools(tmp_path, tool("maven", "mvn"), tool("java", "java", JAVA_HOME="/java")))
    client = clients["mvn"]
    assert client.env["JAVA_HOME"] == "/java"
    for option in client.arguments:
        name, _, store = option.partition("=")
        assert name == "-Djavax.net.ssl.trustStore"
        assert Path(store).stat().st_size > 0
    assert clients["mvn"] == client


def test_what_is_on_the_machine_is_taken_as_it_is(tmp_path: Path) -> None:
    """The machine's Maven finds its own Java."""
    clients = package_clients(
        Tools(tmp_path, tool("npm", "npm", origin="machine"), tool("maven", "mvn", origin="machine"))
    )
    assert [(clients[name].program.name, clients[name].arguments) for name in ("npm", "mvn")] == [
        ("npm", ()),
        ("mvn", ()),
    ]


def test_a_client_that_is_not_there_is_not_in_it(tmp_path: Path) -> None:
    """Then PATH is asked, as without a toolchain."""
    clients = package_clients(Tools(tmp_path, tool("go", "go")))
    assert "go" in clients
    assert "cargo" not in clients
    assert "pip" not in clients


def test_an_empty_cache_asks_for_every_tool_and_a_full_one_for_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tools that only bring the corpus are not installed once it is there."""
    settings = Settings(cache_dir=tmp_path, corpus="full")
    assert set(Corpus(settings).tools) == {"cargo", "go", "npm", "maven"}
    _one_package(tmp_path, monkeypatch)
    assert Corpus(settings).tools == ["npm"]
    assert Corpus(settings).bring(SilentProgress()) == []
    assert Corpus(settings).tools == []


def test_every_client_has_its_turn_and_what_fails_is_reported_with_its_cost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One client's failure, whatever it is, ends neither the setup nor the other clients; the exit code is 2."""
    asked: list[str] = []

    def refuse(wanted: Wanted, _: Path, __: Clients) -> Placed:
        asked.append(wanted[0][0].client)
        raise ClientError("it is not to be had", got="403")

    def answer_nothing(wanted: Wanted, _: Path, __: Clients) -> Placed:
        asked.append(wanted[0][0].client)
        return {}

    for name in BRING:
        monkeypatch.setitem(BRING, name, answer_nothing if name == "pip" else refuse)
    report = SetupReport(failed=Corpus(Settings(cache_dir=tmp_path, corpus="full")).bring(SilentProgress()))
    assert sorted(asked) == sorted(BRING)
    assert report.exit_code == 2
    assert [failure.name for failure in report.failed] == [f"corpus by {name}" for name in sorted(BRING)]
    assert "403" in str(report.failed[0])
    assert "it costs: everything that searches" in str(report.failed[0])
    assert "not understood" in str(report.failed[-1])


def _one_package(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pinned = hashlib.sha256(b"content").hexdigest()
    path = folder / "corpus.toml"
    versions = ", ".join(f'{{ version = "{n}", date = 2020-01-01, sha256 = "{pinned}" }}' for n in (1, 2, 3))
    path.write_text(
        '[[package]]\nname = "n"\nclient = "npm"\nowner = "a"\nas = "b"\nlanguage = "C"\ndescription = ""\n'
        f'sizes = ["full"]\nversions = [{versions}]\n'
    )

    def place(wanted: Wanted, scratch: Path, _: Clients) -> Placed:
        (scratch / "content").write_bytes(b"content")
        return {(package.name, version.version): scratch / "content" for package, version in wanted}

    monkeypatch.setitem(BRING, "npm", place)
    manifest = load_manifest(path)
    monkeypatch.setattr(packages, "load_manifest", lambda: manifest)
