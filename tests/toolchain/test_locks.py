"""Lock files: what they promise is what is laid."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.toolchain import LockMismatchError, ToolchainError
from stack.toolchain.locks import check, check_all, read_lock, sha256, write_lock

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1


def test_the_checksum_is_sha_256(tmp_path: Path) -> None:
    """The standard's own example."""
    file = tmp_path / "abc"
    file.write_bytes(b"abc")
    assert sha256(file) == ABC


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]), min_size=1),
        st.text("0123456789abcdef", min_size=64, max_size=64),
    )
)
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, checksums: dict[str, str]) -> None:
    """Any names and checksums survive writing and reading."""
    path = tmp_path_factory.mktemp("lock") / "x.sha256"
    write_lock(path, checksums, header=["how it was made"])
    assert read_lock(path) == checksums


def test_a_line_that_is_no_checksum_is_named(tmp_path: Path) -> None:
    """The file and the line are in the error."""
    path = tmp_path / "x.sha256"
    path.write_text(f"{ABC}  a.jar\nnonsense\n", "utf-8")
    with pytest.raises(ToolchainError, match=r"x\.sha256:2"):
        read_lock(path)


def test_a_changed_file_names_itself_and_both_checksums(tmp_path: Path) -> None:
    """File, expected and got are in the error, and in its fields."""
    file = tmp_path / "a.jar"
    file.write_bytes(b"changed")
    with pytest.raises(LockMismatchError) as caught:
        check(file, {"a.jar": ABC}, lock="a.sha256")
    error = caught.value
    assert (error.file, error.expected, error.actual) == ("a.jar", ABC, sha256(file))
    for part in ("a.jar", ABC, sha256(file), "a.sha256"):
        assert part in str(error)


def test_a_file_that_the_lock_does_not_name_is_refused(tmp_path: Path) -> None:
    """Nothing unlocked slips into a locked tree."""
    (tmp_path / "a.jar").write_bytes(b"abc")
    (tmp_path / "b.jar").write_bytes(b"extra")
    with pytest.raises(LockMismatchError, match=r"b\.jar[\s\S]*expected nothing"):
        check_all(tmp_path, ["a.jar", "b.jar"], {"a.jar": ABC})


def test_a_locked_file_that_is_missing_is_refused(tmp_path: Path) -> None:
    """A tree that lacks what its lock promises is not what was locked."""
    (tmp_path / "a.jar").write_bytes(b"abc")
    with pytest.raises(LockMismatchError, match=r"b\.jar[\s\S]*got nothing"):
        check_all(tmp_path, ["a.jar"], {"a.jar": ABC, "b.jar": ABC})
