"""OpenSearch from Maven artefacts: arranged, described, every jar locked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stack.toolchain import Installed, LockMismatchError, load_manifest
from stack.toolchain.manifest import MavenModule, MavenSource
from stack.toolchain.sources import maven
from stack.toolchain.sources.job import Job

from .kit import job, program, wheel_tool

SOURCE = MavenSource(
    kind="maven",
    plugin="org.example:copier:1",
    lib=("org.example:server:3.9.0", "org.example:extra:2"),
    java=21,
    modules=(
        MavenModule(name="reindex", artefact="org.example:reindex:3.9.0", classname="R", extends=("painless",)),
        MavenModule(name="painless", artefact="org.example:painless:3.9.0", classname="P"),
    ),
)
# Like the real one: each part's folder gets its jars, and what several parts need is copied into each.
MVN = """#!/bin/sh
echo "$@" > {log}
cat .mvn/jvm.config > {log}.jvm 2>/dev/null
for part in lib reindex painless; do mkdir -p $part/jars; echo shared > $part/jars/shared-1.jar; done
for part in reindex painless; do echo own > $part/jars/$part-3.9.0.jar; done
echo server > lib/jars/server-3.9.0.jar
"""
JARS = {
    "lib/server-3.9.0.jar",
    "lib/shared-1.jar",
    "modules/painless/painless-3.9.0.jar",
    "modules/reindex/reindex-3.9.0.jar",
}


def prepared(folder: Path, checksums: dict[str, str] | None = None, *, origin: str = "machine") -> Job:
    """A job with a stand-in for Maven."""
    mvn = program(folder / "mvn-bin" / "mvn", MVN.format(log=folder / "log"))
    tool = Installed("maven", "3.8", mvn.parent, {"mvn": mvn}, origin=origin)  # type: ignore[arg-type]
    java = Installed("java", "25", folder, {}, {"JAVA_HOME": "/java"})
    return job(folder, wheel_tool(), checksums, tool, java)[0]


@pytest.fixture
def checksums(tmp_path: Path) -> dict[str, str]:
    """The lock of what the stand-in brings."""
    return maven.lay(prepared(tmp_path / "first"), SOURCE)


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()


def test_jars_are_laid_once_and_modules_are_described(tmp_path: Path, checksums: dict[str, str]) -> None:
    """A jar of `lib/` is not in a module again, and each module has its descriptor."""
    made = prepared(tmp_path / "second", checksums)
    laid = maven.install(made, SOURCE)
    assert set(laid.artefacts) == set(laid.files) == JARS
    assert laid.checksum == checksums["lib/server-3.9.0.jar"]
    descriptors = {
        path.parent.name: path.read_text("utf-8") for path in made.root.rglob("plugin-descriptor.properties")
    }
    assert set(descriptors) == {"reindex", "painless"}
    assert list(made.downloads.iterdir()) == []


@pytest.mark.parametrize("change", ["changed", "unlocked", "missing"])
def test_a_jar_that_is_not_as_locked_is_named(tmp_path: Path, checksums: dict[str, str], change: str) -> None:
    """Changed, not in the lock, or in the lock and not there: the jar and both checksums are in the error."""
    name = "modules/reindex/reindex-3.9.0.jar"
    if change == "changed":
        checksums[name] = "0" * 64
    elif change == "unlocked":
        del checksums[name]
    else:
        name = "lib/gone-1.jar"
        checksums[name] = "0" * 64
    with pytest.raises(LockMismatchError) as caught:
        maven.install(prepared(tmp_path / "second", checksums), SOURCE)
    assert caught.value.file == name
    assert caught.value.expected == checksums.get(name, "nothing")


def test_the_descriptor_has_what_the_server_reads() -> None:
    """The keys and their order."""
    text = maven.descriptor(SOURCE.modules[0], "3.9.0", 21)
    assert dict(line.split("=", 1) for line in text.splitlines()) == {
        "name": "reindex",
        "description": "The module reindex",
        "version": "3.9.0",
        "opensearch.version": "3.9.0",
        "java.version": "21",
        "classname": "R",
        "extended.plugins": "painless",
    }
    assert "extended.plugins" not in maven.descriptor(SOURCE.modules[1], "3.9.0", 21)


def test_the_project_asks_for_each_coordinate(tmp_path: Path) -> None:
    """One part per folder, with the artefacts of that folder."""
    maven.write_project(tmp_path, SOURCE)
    parent, part = ((tmp_path / name).read_text("utf-8") for name in ("pom.xml", "lib/pom.xml"))
    assert re.findall("<module>(.*?)</module>", parent) == ["lib", "reindex", "painless"]
    tags = "<groupId>(.*?)</groupId><artifactId>(.*?)</artifactId><version>(.*?)</version>"
    assert [":".join(found) for found in re.findall(f"<dependency>{tags}</dependency>", part)] == list(SOURCE.lib)


def test_our_own_java_trusts_what_the_machine_trusts(tmp_path: Path) -> None:
    """With the machine's Maven nothing of Java is changed; with ours, it is handed a trust store."""
    maven.lay(prepared(tmp_path / "first"), SOURCE)
    assert (tmp_path / "first/log.jvm").read_text("utf-8") == ""
    maven.lay(prepared(tmp_path / "second", origin="cache"), SOURCE)
    assert "javax.net.ssl.trustStore" in (tmp_path / "second/log.jvm").read_text("utf-8")


def test_the_committed_lock_covers_every_module_of_the_projects_own_file() -> None:
    """Each artefact that the file names by coordinate is in the lock, in its place."""
    shipped = load_manifest()
    entry = shipped.entry("opensearch")
    assert isinstance(entry.source, MavenSource)
    assert entry.lock is not None
    locked = (shipped.folder / entry.lock).read_text("utf-8")
    for coordinate in entry.source.lib:
        _, name, version = coordinate.split(":")
        assert f"  lib/{name}-{version}.jar\n" in locked
    for module in entry.source.modules:
        _, name, version = module.artefact.split(":")
        assert f"  modules/{module.name}/{name}-{version}.jar\n" in locked
