"""The toolchain file: what is accepted, and how what is not is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.errors import UsageError
from stack.toolchain import load_manifest

from .kit import manifest, wheel_tool


def test_the_projects_own_file_names_every_tool() -> None:
    """The shipped file is valid and names what the stack asks for."""
    names = {entry.name for entry in load_manifest().tools}
    assert names >= {
        "postgresql",
        "redis",
        "seaweedfs",
        "versitygw",
        "java",
        "opensearch",
        "meilisearch",
        "ctags",
        "maven",
        "cargo",
        "npm",
        "zoekt",
        "go",
    }


def test_every_locked_tool_of_the_projects_own_file_has_a_lock_with_checksums() -> None:
    """A lock that the file names exists and is not empty."""
    shipped = load_manifest()
    locks = [shipped.folder / entry.lock for entry in shipped.tools if entry.lock]
    assert locks
    assert all(lock.read_text("utf-8").strip() for lock in locks)


def test_no_registry_is_named_in_the_projects_own_files() -> None:
    """Registries are reached through their clients' own configuration, so no file gives their address."""
    folder = load_manifest().folder
    texts = [path.read_text("utf-8") for pattern in ("*.toml", "locks/*", "**/*.py") for path in folder.glob(pattern)]
    for host in ("pypi" + ".org", "repo" + ".maven", "maven2", "proxy.golang", "deb.debian", "pythonhosted"):
        assert not any(host in text for text in texts)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (wheel_tool(licens='"MIT"'), "hello.licens"),
        (wheel_tool(source='{ kind = "wheel", projekt = "x" }'), "hello.source.wheel.projekt"),
        (wheel_tool(source='{ kind = "flatpak" }'), "flatpak"),
        (wheel_tool(role='"printer"'), "hello.role"),
        (wheel_tool(costs="[]"), "hello.costs"),
        (wheel_tool(disk='"much"'), "hello.disk"),
        (wheel_tool() + wheel_tool(), "hello is named twice"),
        (wheel_tool(needs='["world"]'), "hello needs world"),
        (wheel_tool(needs='["hello"]'), "tools need each other"),
        (wheel_tool().replace('lock = "hello.sha256"\n', ""), "a wheel source needs a lock file"),
        (wheel_tool(source='{ kind = "machine" }'), "nothing says where its program is"),
        ("[[tool]\n", "toolchain.toml"),
        ('colour = "red"\n' + wheel_tool(), "colour"),
    ],
)
def test_a_wrong_file_is_refused_naming_the_place(tmp_path: Path, text: str, names: str) -> None:
    """An unknown key, a wrong value or a broken reference is an error that names it."""
    path = manifest(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        load_manifest(path)
    assert names in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    """The missing file is named."""
    with pytest.raises(UsageError, match=r"nowhere\.toml"):
        load_manifest(tmp_path / "nowhere.toml")


def test_an_unknown_tool_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    """A misspelt name gets the list of names."""
    with pytest.raises(UsageError, match="it names: hello"):
        load_manifest(manifest(tmp_path, wheel_tool())).entry("helo")


def test_an_archive_is_fetched_over_https_only(tmp_path: Path) -> None:
    """A plain http address is refused when the file is read."""
    source = '{ kind = "archive", format = "tar", files = [{ machine = "x86_64", address = "http://example.test/x" }] }'
    with pytest.raises(UsageError, match="address"):
        load_manifest(manifest(tmp_path, wheel_tool(source=source)))
