"""Unpacking: modes are kept, nothing lands outside, damage is named."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from stack.toolchain import ToolchainError
from stack.toolchain.sources.unpacking import unpack_tar, unpack_zip

from .kit import WHEEL, wheel


def tar(path: Path, *members: tuple[str, int, bytes]) -> Path:
    """A compressed tar file of members with name, mode and content; the content of a link is its aim."""
    with tarfile.open(path, "w:gz") as archive:
        for name, mode, content in members:
            info = tarfile.TarInfo(name)
            info.mode, info.size = stat.S_IMODE(mode), len(content)
            if stat.S_ISLNK(mode):
                info.type, info.linkname, info.size = tarfile.SYMTYPE, content.decode(), 0
            archive.addfile(info, io.BytesIO(content))
    return path


def test_executables_stay_executable_and_other_files_do_not_become_so(tmp_path: Path) -> None:
    """The modes in the wheel decide, readable for everybody."""
    unpack_zip(wheel(tmp_path), tmp_path)
    assert stat.S_IMODE((tmp_path / "hello/bin/hello").stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "hello/notes.txt").stat().st_mode) == 0o644


@pytest.mark.parametrize("name", ["../outside", "a/../../outside", "/outside", "..\\outside"])
def test_a_member_that_would_land_outside_is_refused(tmp_path: Path, name: str) -> None:
    """Neither dots, nor an absolute path, nor a backslash leave the folder."""
    path = tmp_path / "evil.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), "x")
    root = tmp_path / "deep" / "root"
    root.mkdir(parents=True)
    with pytest.raises(ToolchainError, match="outside"):
        unpack_zip(path, root)
    assert not list(tmp_path.rglob("outside"))
    assert list(root.iterdir()) == []


def test_a_link_in_a_wheel_is_refused(tmp_path: Path) -> None:
    """A link could lead a later member outside."""
    path = tmp_path / "evil.whl"
    info = zipfile.ZipInfo("link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, "/etc")
    root = tmp_path / "root"
    root.mkdir()
    with pytest.raises(ToolchainError, match="link"):
        unpack_zip(path, root)
    assert not os.path.lexists(root / "link")


def test_a_damaged_zip_is_named(tmp_path: Path) -> None:
    """A truncated file is an error that names it, not a crash."""
    path = wheel(tmp_path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ToolchainError, match=WHEEL.replace(".", r"\.")):
        unpack_zip(path, tmp_path)


def test_a_tar_file_keeps_which_files_are_executable(tmp_path: Path) -> None:
    """As for wheels; the owner's other bits do not matter."""
    path = tar(tmp_path / "x.tar.gz", ("x/bin/hello", 0o700, b"#!/bin/sh"), ("x/notes.txt", 0o600, b"text"))
    root = tmp_path / "root"
    root.mkdir()
    unpack_tar(path, root)
    modes = {name: stat.S_IMODE((root / name).stat().st_mode) for name in ("x/bin/hello", "x/notes.txt")}
    assert modes == {"x/bin/hello": 0o755, "x/notes.txt": 0o644}
    assert (root / "x/notes.txt").read_bytes() == b"text"


@pytest.mark.parametrize(
    ("name", "mode", "content"),
    [
        ("../outside", stat.S_IFREG, b"x"),
        ("/outside", stat.S_IFREG, b"x"),
        ("outside", stat.S_IFLNK | 0o777, b"/etc"),
    ],
)
def test_a_tar_member_that_would_lead_outside_is_refused(tmp_path: Path, name: str, mode: int, content: bytes) -> None:
    """The archive is refused, and nothing of that member is anywhere."""
    path = tar(tmp_path / "x.tar.gz", (name, mode, content))
    root = tmp_path / "root"
    root.mkdir()
    with pytest.raises(ToolchainError, match="outside"):
        unpack_tar(path, root)
    assert not any(os.path.lexists(folder / "outside") for folder in (root, tmp_path, Path("/")))


@pytest.mark.parametrize("keep", [0, 20, 60])
def test_a_damaged_tar_file_is_named(tmp_path: Path, keep: int) -> None:
    """A truncated file is an error that names it, not a crash."""
    path = tar(tmp_path / "x.tar.gz", ("x", 0o644, os.urandom(500)))
    path.write_bytes(path.read_bytes()[:keep])
    root = tmp_path / "root"
    root.mkdir()
    with pytest.raises(ToolchainError, match=r"x\.tar\.gz"):
        unpack_tar(path, root)
