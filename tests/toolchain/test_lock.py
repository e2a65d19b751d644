"""Renewing locks: written from what is really obtained."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.errors import UsageError
from stack.toolchain import ToolchainError
from stack.toolchain.lock import main, renew
from stack.toolchain.locks import read_lock, sha256

from .kit import WHEEL, toolchain, wheel, wheel_tool


def test_a_wheels_lock_is_written_from_what_pip_brings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old lock is replaced by name and checksum of the wheel."""
    index = tmp_path / "index"
    path = wheel(index, script="#!/bin/sh\necho newer\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    tools = toolchain(tmp_path)
    said = renew(tools, "hello")
    assert read_lock(tools.manifest.folder / "hello.sha256") == {WHEEL: sha256(path)}
    assert any(sha256(path) in line for line in said)


def test_a_lock_is_not_touched_when_nothing_can_be_obtained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No checksum is invented."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    tools = toolchain(tmp_path)
    before = read_lock(tools.manifest.folder / "hello.sha256")
    with pytest.raises(ToolchainError, match="could not be downloaded"):
        renew(tools, "hello")
    assert read_lock(tools.manifest.folder / "hello.sha256") == before


def test_a_debian_package_has_no_lock_of_ours(tmp_path: Path) -> None:
    """The reason is given."""
    tools = toolchain(tmp_path, wheel_tool(source='{ kind = "debian", packages = ["hello"] }'))
    with pytest.raises(UsageError, match="signed package index"):
        renew(tools, "hello")


def test_the_command_refuses_a_tool_that_the_file_does_not_name(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 64, and the names it knows."""
    assert main(["helo"]) == 64
    assert "postgresql" in capsys.readouterr().err
