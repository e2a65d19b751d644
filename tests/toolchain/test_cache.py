"""The cache: whole or not at all, readable for the user that runs servers, clear when it cannot be written."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from stack.toolchain import ToolchainError
from stack.toolchain.cache import Cache, make_readable, size_of


def test_a_tool_appears_whole(tmp_path: Path) -> None:
    """While it is laid it has another name; afterwards no other name is left."""
    cache = Cache(tmp_path / "cache")
    with cache.laying("hello", "1-abc") as temporary:
        (temporary / "file").write_text("x", "utf-8")
        assert not cache.tool("hello", "1-abc").exists()
    assert (cache.tool("hello", "1-abc") / "file").read_text("utf-8") == "x"
    assert [path.name for path in (tmp_path / "cache/tools/hello").iterdir()] == ["1-abc"]


def test_a_tool_that_could_not_be_laid_leaves_nothing(tmp_path: Path) -> None:
    """An error in the middle removes the temporary folder, and an older installation stays."""
    cache = Cache(tmp_path / "cache")
    with cache.laying("hello", "1-abc") as temporary:
        (temporary / "old").touch()

    def fail_in_the_middle() -> None:
        with cache.laying("hello", "1-abc") as temporary:
            (temporary / "half").touch()
            raise ValueError("middle")

    with pytest.raises(ValueError, match="middle"):
        fail_in_the_middle()
    assert [path.name for path in (tmp_path / "cache/tools/hello").iterdir()] == ["1-abc"]
    assert [path.name for path in cache.tool("hello", "1-abc").iterdir()] == ["old"]


def test_what_a_killed_setup_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    """Temporary folders and half downloads of that tool go; installed versions and kept downloads stay."""
    cache = Cache(tmp_path / "cache")
    left = [cache.make("tools", "hello", ".new-dead"), cache.make("downloads", "hello", ".new-half")]
    (left[0] / "root").mkdir()
    kept = [cache.make("tools", "hello", "1-abc"), cache.make("downloads", "hello"), cache.make("tools", "x", ".new-y")]
    assert sorted(cache.clean("hello")) == [".new-dead", ".new-half"]
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in kept)


@pytest.mark.parametrize("umask", [0o077, 0o022])
def test_other_users_can_enter_the_cache_whatever_the_umask_is(tmp_path: Path, umask: int) -> None:
    """Every folder that is made is 0755, since servers that refuse root read it as another user."""
    before = os.umask(umask)
    try:
        cache = Cache(tmp_path / "outer" / "cache")
        with cache.laying("hello", "1-abc"):
            pass
    finally:
        os.umask(before)
    for folder in (
        "outer",
        "outer/cache",
        "outer/cache/tools",
        "outer/cache/tools/hello",
        "outer/cache/tools/hello/1-abc",
    ):
        assert stat.S_IMODE((tmp_path / folder).stat().st_mode) == 0o755


def test_a_tree_becomes_readable_without_making_texts_executable(tmp_path: Path) -> None:
    """Folders and programs 0755, other files 0644, links are left alone."""
    (tmp_path / "bin").mkdir(mode=0o700)
    for name, mode in (("bin/program", 0o700), ("text", 0o600)):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(mode)
    (tmp_path / "link").symlink_to("/nowhere")
    make_readable(tmp_path)
    modes = {name: stat.S_IMODE((tmp_path / name).lstat().st_mode) for name in ("bin", "bin/program", "text")}
    assert modes == {"bin": 0o755, "bin/program": 0o755, "text": 0o644}
    assert (tmp_path / "link").readlink() == Path("/nowhere")


def test_size_counts_each_file_once(tmp_path: Path) -> None:
    """Links add nothing."""
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("file")
    assert size_of(tmp_path) == 5


def test_a_cache_that_is_a_file_is_a_clear_error(tmp_path: Path) -> None:
    """What cannot be written is named, with the setting that changes it."""
    (tmp_path / "cache").touch()
    cache = Cache(tmp_path / "cache")
    with pytest.raises(ToolchainError, match="ENGINEROOM_CACHE_DIR"), cache.errors():
        cache.make("tools")


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "no space left"), (errno.EDQUOT, "no space left"), (errno.EROFS, "cannot be written")],
)
def test_a_full_or_read_only_disk_is_a_clear_error(tmp_path: Path, number: int, words: str) -> None:
    """The kernel's refusal becomes an error that says what to do."""
    with pytest.raises(ToolchainError, match=words), Cache(tmp_path).errors():
        raise OSError(number, os.strerror(number))


def test_what_cannot_fit_is_not_begun(tmp_path: Path) -> None:
    """Needed and free space are told before anything is fetched."""
    with pytest.raises(ToolchainError, match=r"999999999999 MB are needed, \d+ MB are free"):
        Cache(tmp_path).require_space(999_999_999_999)


def test_the_lock_of_a_tool_has_one_holder(tmp_path: Path) -> None:
    """A second setup waits, and gives up with the lock's name; another tool's lock is free."""
    cache = Cache(tmp_path)
    with cache.exclusive("hello"):
        with pytest.raises(ToolchainError, match=r"hello\.lock"), cache.exclusive("hello", wait=0):
            pytest.fail("two setups hold the same lock")
        with cache.exclusive("world", wait=0):
            pass
    with cache.exclusive("hello", wait=0):
        pass
