"""The odd repository: each file is what it claims to be."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stack.forge.errors import InvalidError
from stack.forge.fastimport import Streamed
from stack.forge.fixtures import HUGE, LONG_PATH, LONG_TOKEN, corrupt, odd_files, push_odd
from stack.forge.git_local import LocalGit
from stack.forge.repositories import Repositories

REPO = "ann/odd.git"
LIMIT = 1 << 20


@pytest.fixture
def git(repositories: Repositories) -> Iterator[LocalGit]:
    """An odd repository with a large file of 3 MB."""
    repositories.create(REPO)
    push_odd(repositories, REPO, huge=3_000_001)
    with LocalGit(repositories.root) as opened:
        yield opened


def test_every_odd_file_is_in_git(git: LocalGit) -> None:
    """Each path is there once with its mode, and only the large one is over a limit of 1 MiB."""
    commit = git.head(REPO).commit
    assert commit is not None
    entries = {entry.path: entry for entry in git.tree(REPO, commit)}
    assert set(entries) == {odd.path for odd in odd_files(huge=1)}
    assert entries[b"huge.txt"].size == 3_000_001
    assert entries[b"vendor/module"].mode == "160000"
    assert entries[b"link.txt"].mode == "120000"
    blobs = list(git.blobs(REPO, [entry.oid for entry in entries.values() if entry.type == "blob"], limit=LIMIT))
    assert [blob.size for blob in blobs if blob.too_large] == [3_000_001]
    assert not any(blob.missing or blob.corrupt for blob in blobs)


def test_words_are_in_the_files_that_claim_them() -> None:
    """Decoded by its own encoding, each text holds its word."""
    encodings = {b"utf16le.txt": "utf-16", b"utf16be.txt": "utf-16", b"latin1.txt": "latin-1", b"gbk.txt": "gbk"}
    for odd in odd_files(huge=1):
        if odd.word is not None:
            data = odd.change if isinstance(odd.change, bytes) else getattr(odd.change, "data", b"")
            assert odd.word in data.decode(encodings.get(odd.path, "utf-8"), "replace"), odd.path


def test_measures_are_those_of_real_complaints() -> None:
    """100 MB, a token of 5,000 characters, a path of 500 bytes, bytes that are no UTF-8."""
    assert HUGE == 100 * 1024 * 1024
    assert len(LONG_TOKEN) == 5000
    assert len(LONG_PATH) == 500
    files = {odd.path: odd.change for odd in odd_files(huge=1)}
    for path in (b"latin1.txt", b"gbk.txt", b"invalid-utf8.txt"):
        data = files[path]
        assert isinstance(data, bytes)
        with pytest.raises(UnicodeDecodeError):
            data.decode("utf-8")


@pytest.mark.parametrize("lose", [False, True])
def test_damage_hits_one_object(git: LocalGit, repositories: Repositories, lose: bool) -> None:
    """The damaged file can't be read, the others can."""
    oid = corrupt(repositories, REPO, b"crlf.txt", lose=lose)
    commit = git.head(REPO).commit
    assert commit is not None
    others = [entry.oid for entry in git.tree(REPO, commit) if entry.path == b"plain.txt"]
    damaged, sound = git.blobs(REPO, [oid, *others], limit=LIMIT)
    assert damaged.missing == lose
    assert (damaged.corrupt is None) == lose
    assert sound.data == b"plainkestrel\n"


def test_what_is_not_there_cannot_be_damaged(git: LocalGit, repositories: Repositories) -> None:
    """A path that isn't in the repository is named."""
    assert git.exists(REPO)
    with pytest.raises(InvalidError, match="no loose object"):
        corrupt(repositories, REPO, b"none.txt")


def test_the_large_file_is_never_held() -> None:
    """Its content is made in chunks of 1 MiB at most, exactly as many bytes as it says."""
    (huge,) = [odd.change for odd in odd_files(huge=5_000_000) if odd.path == b"huge.txt"]
    assert isinstance(huge, Streamed)
    sizes = [len(chunk) for chunk in huge.chunks]
    assert sum(sizes) == 5_000_000
    assert max(sizes) <= LIMIT
