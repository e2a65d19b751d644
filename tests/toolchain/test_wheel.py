"""Wheels: downloaded by pip, compared with their lock, unpacked with their modes."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.toolchain import LockMismatchError, ToolchainError
from stack.toolchain.locks import sha256
from stack.toolchain.manifest import WheelSource
from stack.toolchain.sources import wheel as wheels

from .kit import WHEEL, job, wheel, wheel_tool

SOURCE = WheelSource(kind="wheel", project="hello-tool")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes wheels from instead of any registry."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_pip_downloads_what_is_not_kept_and_the_download_is_kept(tmp_path: Path, index: Path) -> None:
    """The artefact is fetched, verified, unpacked, and there for the next time."""
    checksum = sha256(wheel(index))
    made, _ = job(tmp_path, wheel_tool(), {WHEEL: checksum})
    laid = wheels.install(made, SOURCE)
    assert (laid.version, laid.checksum, laid.artefacts) == ("1.2", checksum, {WHEEL: checksum})
    assert (made.root / "hello/bin/hello").exists()
    assert [path.name for path in made.downloads.iterdir()] == [WHEEL]


def test_another_wheel_than_the_locked_one_is_refused_and_not_kept(tmp_path: Path, index: Path) -> None:
    """What the registry has must be what the lock promises."""
    wheel(index, script="#!/bin/sh\necho evil\n")
    made, _ = job(tmp_path, wheel_tool(), {WHEEL: "0" * 64})
    with pytest.raises(LockMismatchError) as caught:
        wheels.install(made, SOURCE)
    assert caught.value.expected == "0" * 64
    assert list(made.downloads.iterdir()) == []
    assert list(made.root.iterdir()) == []


def test_a_kept_download_that_was_damaged_is_fetched_again(tmp_path: Path, index: Path) -> None:
    """A file among the downloads is trusted by its checksum only."""
    checksum = sha256(wheel(index))
    made, _ = job(tmp_path, wheel_tool(), {WHEEL: checksum})
    (made.downloads / WHEEL).write_bytes(b"half of it")
    assert wheels.install(made, SOURCE).checksum == checksum
    assert sha256(made.downloads / WHEEL) == checksum


@pytest.mark.usefixtures("index")
def test_a_refusal_of_pip_is_told(tmp_path: Path) -> None:
    """What was wanted and pip's own words are in the error."""
    made, _ = job(tmp_path, wheel_tool(), {WHEEL: "0" * 64})
    with pytest.raises(ToolchainError, match=r"hello-tool==1\.2 could not be downloaded by pip[\s\S]*ERROR"):
        wheels.install(made, SOURCE)
