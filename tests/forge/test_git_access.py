"""One contract, three forms: whatever reaches git must answer these the same way."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stack.forge.errors import GitError, InvalidError, ObjectMissingError, RepositoryMissingError
from stack.forge.git import Blob, GitAccess, Head
from stack.forge.repositories import Change, Executable, Gitlink, Person, Repositories, Streamed, Symlink

from .conftest import Form

REPO = "ann/tool.git"
ANN = Person("Ann Müller", "ann@example.org")
BOB = Person("Bob", "bob@example.org")
LIMIT = 1000


def day(number: int) -> datetime:
    """A fixed date."""
    return datetime(2021, 3, 1, 12, tzinfo=UTC) + timedelta(days=number)


def blob_id(data: bytes) -> str:
    """The object id of a blob."""
    return hashlib.sha1(b"blob %d\0%s" % (len(data), data), usedforsecurity=False).hexdigest()


@pytest.fixture
def filled(repositories: Repositories) -> list[str]:
    """Three commits on main, and one on side merged by a fourth."""
    repositories.create(REPO)
    first, _ = repositories.push(
        REPO,
        "main",
        {"README.md": b"one\n", "src/main.rs": b"fn main() {}\n", "src/old.rs": b"old\n"},
        author=ANN,
        date=day(0),
        message="first",
    )
    second, _ = repositories.push(
        REPO, "main", {"src/main.rs": b"fn main() { 2 }\n"}, author=BOB, date=day(1), message="second"
    )
    side, _ = repositories.push(
        REPO, "side", {"side.txt": b"side\n"}, author=BOB, date=day(2), message="side", onto=first
    )
    merged, _ = repositories.push(
        REPO, "main", {"side.txt": b"side\n", "src/old.rs": None}, author=ANN, date=day(3), message="m", merge=side
    )
    repositories.pull_head(REPO, 7, side)
    return [first, second, side, merged]


def test_a_repository_exists_or_not(access: GitAccess, filled: list[str]) -> None:
    """A repository that was never there is no error for `exists`."""
    assert filled
    assert access.exists(REPO)
    assert not access.exists("ann/other.git")


def test_every_other_question_names_a_missing_repository(access: GitAccess) -> None:
    """A missing repository is told apart from an empty one."""
    with pytest.raises(RepositoryMissingError, match="no such"):
        access.refs("ann/other.git")
    with pytest.raises(RepositoryMissingError):
        access.head("ann/other.git")
    with pytest.raises(RepositoryMissingError):
        list(access.tree("ann/other.git", "1" * 40))
    with pytest.raises(RepositoryMissingError):
        list(access.touches("ann/other.git", "1" * 40))


@pytest.mark.parametrize("name", ["../etc.git", "ann/../x.git", "/etc/x.git", "ann/x", "ann/-x.git", "a/b/c.git", ""])
def test_a_name_never_leaves_the_folder(access: GitAccess, name: str) -> None:
    """Names that could be paths or options are refused before anything is looked at."""
    with pytest.raises(InvalidError):
        access.exists(name)


@pytest.mark.parametrize("oid", ["HEAD", "--all", "main", "1" * 39, "G" * 40])
def test_only_object_ids_are_taken_for_objects(access: GitAccess, filled: list[str], oid: str) -> None:
    """A ref or an option in place of an object id is refused."""
    assert filled
    with pytest.raises(InvalidError):
        list(access.tree(REPO, oid))
    with pytest.raises(InvalidError):
        list(access.blobs(REPO, [oid], limit=LIMIT))


def test_refs_are_all_refs(access: GitAccess, filled: list[str]) -> None:
    """Branches and pull requests are told with their full names."""
    _, _, side, merged = filled
    assert access.refs(REPO) == {"refs/heads/main": merged, "refs/heads/side": side, "refs/pull/7/head": side}
    assert access.head(REPO) == Head("refs/heads/main", merged)
    assert access.head(REPO).branch == "main"


def test_an_empty_repository_has_an_unborn_head(access: GitAccess, repositories: Repositories) -> None:
    """No refs and no commit, but the branch that HEAD names is known."""
    repositories.create(REPO, default_branch="trunk")
    assert access.refs(REPO) == {}
    assert access.head(REPO) == Head("refs/heads/trunk", None)


def test_a_detached_head_names_only_its_commit(
    access: GitAccess, repositories: Repositories, filled: list[str]
) -> None:
    """A detached HEAD has a commit and no ref; its tree can be read."""
    repositories.set_head(REPO, commit=filled[1])
    assert access.head(REPO) == Head(None, filled[1])
    assert access.head(REPO).branch is None
    assert [entry.path for entry in access.tree(REPO, filled[1])] == [b"README.md", b"src/main.rs", b"src/old.rs"]


def test_a_tree_tells_path_mode_id_size_and_type(access: GitAccess, repositories: Repositories) -> None:
    """Files, executables, symlinks and submodules, with paths in any bytes."""
    repositories.create(REPO)
    long_name = b"d" * 200 + b"/" + b"e" * 200 + b"/" + b"f" * 98
    files: dict[bytes, Change] = {
        b"a+b #1 %25 \xe6\xb5\x8b.txt": b"x",
        b"bad\xff\xfe": b"",
        b'quote"back\\slash\ttab\nnewline': b"q",
        b"bin/run": Executable(b"#!/bin/sh\n"),
        b"link": Symlink(b"nowhere"),
        b"sub": Gitlink("1" * 40),
        long_name: b"deep",
    }
    commit, _ = repositories.push(REPO, "main", files, author=ANN, date=day(0), message="all")
    entries = {entry.path: (entry.mode, entry.size, entry.type) for entry in access.tree(REPO, commit)}
    assert entries == {
        b"a+b #1 %25 \xe6\xb5\x8b.txt": ("100644", 1, "blob"),
        b"bad\xff\xfe": ("100644", 0, "blob"),
        b'quote"back\\slash\ttab\nnewline': ("100644", 1, "blob"),
        b"bin/run": ("100755", 10, "blob"),
        b"link": ("120000", 7, "blob"),
        b"sub": ("160000", None, "commit"),
        long_name: ("100644", 4, "blob"),
    }
    assert [entry.oid for entry in access.tree(REPO, commit) if entry.path == b"sub"] == ["1" * 40]
    assert [touch.path for touch in access.touches(REPO, commit)] == list(entries)


def test_blobs_come_in_the_order_of_asking(access: GitAccess, filled: list[str]) -> None:
    """Each id is answered once, in order, repeated ones too; what isn't a blob or isn't there says so."""
    one, two = blob_id(b"one\n"), blob_id(b"side\n")
    access.refs(REPO)
    answers = list(access.blobs(REPO, [two, one, two, "2" * 40, filled[0]], limit=LIMIT))
    assert answers[:4] == [
        Blob(two, 5, b"side\n"),
        Blob(one, 4, b"one\n"),
        Blob(two, 5, b"side\n"),
        Blob("2" * 40, None, None, missing=True),
    ]
    assert answers[4].corrupt == "it is a commit, not a blob"


def test_many_blobs_are_all_answered(access: GitAccess, repositories: Repositories) -> None:
    """More ids than fit one request or one pipe are answered without a gap."""
    repositories.create(REPO)
    contents = [b"%d %s" % (number, b"x" * (number % 900)) for number in range(1300)]
    files = {f"f{number}": data for number, data in enumerate(contents)}
    repositories.push(REPO, "main", files, author=ANN, date=day(0), message="many")
    access.refs(REPO)
    answers = access.blobs(REPO, map(blob_id, contents), limit=LIMIT)
    assert [blob.data for blob in answers] == contents


def test_a_large_blob_is_told_and_not_loaded(access: GitAccess, repositories: Repositories) -> None:
    """Over the limit only the size is told; at the limit it is loaded."""
    repositories.create(REPO)
    large, just = b"l" * (LIMIT + 1), b"j" * LIMIT
    repositories.push(REPO, "main", {"large": large, "just": just}, author=ANN, date=day(0), message="sizes")
    access.refs(REPO)
    answers = list(access.blobs(REPO, [blob_id(large), blob_id(just)], limit=LIMIT))
    assert answers == [Blob(blob_id(large), LIMIT + 1, None), Blob(blob_id(just), LIMIT, just)]
    assert answers[0].too_large
    assert not answers[1].too_large


def test_touches_name_the_newest_commit_of_each_path(access: GitAccess, filled: list[str]) -> None:
    """Each path once, newest first; a merge touches only what none of its parents has; deletions don't touch."""
    first, second, side, merged = filled
    touches = list(access.touches(REPO, merged))
    assert [(touch.path, touch.commit) for touch in touches] == [
        (b"side.txt", side),
        (b"src/main.rs", second),
        (b"README.md", first),
        (b"src/old.rs", first),
    ]
    assert touches[2].author_name == "Ann Müller"
    assert (touches[1].author_date, touches[1].commit_date) == (day(1), day(1))


def test_touches_since_a_commit_are_only_newer_ones(access: GitAccess, filled: list[str]) -> None:
    """With an old commit only what isn't reachable from it counts, side branches too."""
    _, second, side, merged = filled
    assert [(touch.path, touch.commit) for touch in access.touches(REPO, merged, second)] == [(b"side.txt", side)]
    assert list(access.touches(REPO, merged, merged)) == []


def test_a_merge_touches_what_it_resolves(access: GitAccess, repositories: Repositories, filled: list[str]) -> None:
    """A path that differs from both parents was written by the merge."""
    side, _ = repositories.push(
        REPO, "two", {"README.md": b"theirs\n"}, author=BOB, date=day(4), message="t", onto=filled[1]
    )
    repositories.push(REPO, "main", {"README.md": b"ours\n"}, author=ANN, date=day(5), message="o")
    merged, _ = repositories.push(
        REPO, "main", {"README.md": b"both\n"}, author=ANN, date=day(6), message="m", merge=side
    )
    assert next(access.touches(REPO, merged)).commit == merged


def test_the_newest_date_wins_over_the_order_of_history(access: GitAccess, repositories: Repositories) -> None:
    """A child with an older committer date than its parent (a wrong clock) doesn't hide the parent's touch."""
    repositories.create(REPO)
    parent, _ = repositories.push(REPO, "main", {"f": b"1", "g": b"1"}, author=ANN, date=day(9), message="parent")
    child, _ = repositories.push(REPO, "main", {"f": b"2", "h": b"2"}, author=BOB, date=day(1), message="child")
    assert [(touch.path, touch.commit) for touch in access.touches(REPO, child)] == [
        (b"f", parent),
        (b"g", parent),
        (b"h", child),
    ]


def test_equal_dates_are_told_apart_by_the_commit_id(access: GitAccess, repositories: Repositories) -> None:
    """Two touches of one second: the higher commit id counts, so that every run says the same."""
    repositories.create(REPO)
    commits = [
        repositories.push(REPO, "main", {"f": b"%d" % number}, author=ANN, date=day(1), message=f"{number}")[0]
        for number in range(6)
    ]
    assert [touch.commit for touch in access.touches(REPO, commits[-1])] == [max(commits)]


def test_touches_of_a_missing_commit_are_an_error(access: GitAccess, filled: list[str]) -> None:
    """A commit that was lost by a forced push is named, so that the caller compares from nothing."""
    with pytest.raises(ObjectMissingError):
        list(access.touches(REPO, filled[3], "3" * 40))
    with pytest.raises(ObjectMissingError):
        list(access.touches(REPO, "3" * 40))
    with pytest.raises(ObjectMissingError):
        list(access.tree(REPO, "3" * 40))


def test_an_answer_may_be_left_early(access: GitAccess, filled: list[str]) -> None:
    """Reading only the first of a list spoils nothing for the next question."""
    assert next(access.tree(REPO, filled[3])).path == b"README.md"
    assert next(access.touches(REPO, filled[3])).path == b"side.txt"
    oids = [blob_id(b"one\n"), blob_id(b"side\n")]
    first = access.blobs(REPO, oids, limit=LIMIT)
    assert next(first).data == b"one\n"
    del first
    assert [blob.data for blob in access.blobs(REPO, oids, limit=LIMIT)] == [b"one\n", b"side\n"]


def test_ancestors(access: GitAccess, filled: list[str]) -> None:
    """A commit is its own ancestor; a later or unknown one isn't."""
    first, _, side, merged = filled
    assert access.is_ancestor(REPO, first, merged)
    assert access.is_ancestor(REPO, side, merged)
    assert access.is_ancestor(REPO, merged, merged)
    assert not access.is_ancestor(REPO, merged, first)
    assert not access.is_ancestor(REPO, "3" * 40, merged)


def test_a_push_is_seen_at_once(access: GitAccess, repositories: Repositories, filled: list[str]) -> None:
    """Refs asked for after a push are the new ones, and what they name can be read."""
    assert access.refs(REPO)["refs/heads/main"] == filled[3]
    commit, _ = repositories.push(REPO, "main", {"new": b"new\n"}, author=ANN, date=day(9), message="new")
    repositories.update_ref(REPO, "refs/heads/side", None)
    refs = access.refs(REPO)
    assert refs["refs/heads/main"] == commit
    assert "refs/heads/side" not in refs
    assert b"new" in [entry.path for entry in access.tree(REPO, commit)]


def test_a_forced_push_to_an_orphan_is_seen(access: GitAccess, repositories: Repositories, filled: list[str]) -> None:
    """Unrelated history under the same branch is just another state."""
    assert access.refs(REPO)["refs/heads/main"] == filled[3]
    commit, _ = repositories.push(
        REPO, "main", {"only": b"1"}, author=ANN, date=day(9), message="orphan", orphan=True, force=True
    )
    assert access.refs(REPO)["refs/heads/main"] == commit
    assert [entry.path for entry in access.tree(REPO, commit)] == [b"only"]
    assert not access.is_ancestor(REPO, filled[3], commit)


def test_a_repository_replaced_under_its_name_is_not_mixed_up(
    access: GitAccess, repositories: Repositories, filled: list[str]
) -> None:
    """After deletion the old content is gone, also when another repository takes the name."""
    oid = blob_id(b"side\n")
    access.refs(REPO)
    assert next(access.blobs(REPO, [oid], limit=LIMIT)).data == b"side\n"
    repositories.delete(REPO)
    assert not access.exists(REPO)
    repositories.create(REPO)
    assert access.refs(REPO) == {}
    assert filled
    assert next(access.blobs(REPO, [oid], limit=LIMIT)).missing


def test_a_streamed_file_is_never_loaded_over_the_limit(access: GitAccess, repositories: Repositories) -> None:
    """Eight megabytes written in pieces are told by size alone."""
    repositories.create(REPO)
    size = 8 << 20
    big = Streamed(size, (b"0123456789abcdef" * 4096 for _ in range(size >> 16)))
    files: dict[str, Change] = {"big": big, "small": b"s"}
    commit, _ = repositories.push(REPO, "main", files, author=ANN, date=day(0), message="big")
    entries = {entry.path: entry for entry in access.tree(REPO, commit)}
    assert entries[b"big"].size == size
    answers = list(access.blobs(REPO, [entries[b"big"].oid, entries[b"small"].oid], limit=LIMIT))
    assert (answers[0].too_large, answers[0].size, answers[1].data) == (True, size, b"s")


class TestDamage:
    """Objects that are missing or corrupt: each is named, and everything else is still answered."""

    @pytest.fixture(params=["local", "agent"])
    def form(self, request: pytest.FixtureRequest) -> Form:
        """The git protocol sends nothing of a damaged repository: it has its own test."""
        found: Form = request.param
        return found

    @pytest.fixture
    def damaged(self, repositories: Repositories) -> tuple[str, dict[str, str]]:
        """A commit of loose objects whose ids are known, ready to be damaged."""
        repositories.create(REPO)
        files = {"a/1": b"a one", "a/2": b"a two", "b/1": b"b one", "c": b"c", "d": b"d"}
        commit, _ = repositories.push(REPO, "main", files, author=ANN, date=day(0), message="first")
        second, _ = repositories.push(REPO, "main", {"c": b"c 2"}, author=BOB, date=day(1), message="second")
        return second, {**{path: blob_id(data) for path, data in files.items()}, "first": commit}

    def _object(self, repositories: Repositories, oid: str) -> Path:
        path = repositories.path(REPO) / "objects" / oid[:2] / oid[2:]
        path.chmod(0o644)
        return path

    def test_corrupt_and_missing_blobs_are_named_one_by_one(
        self, access: GitAccess, repositories: Repositories, damaged: tuple[str, dict[str, str]]
    ) -> None:
        """A truncated, a garbled and a missing blob among sound ones."""
        commit, ids = damaged
        whole = self._object(repositories, ids["a/1"]).read_bytes()
        self._object(repositories, ids["a/1"]).write_bytes(whole[: len(whole) // 2])
        self._object(repositories, ids["a/2"]).write_bytes(b"this is not zlib")
        self._object(repositories, ids["d"]).unlink()
        oids = [ids[path] for path in ("b/1", "a/1", "a/2", "d", "b/1")]
        answers = list(access.blobs(REPO, oids, limit=LIMIT))
        assert [blob.data for blob in answers] == [b"b one", None, None, None, b"b one"]
        assert [blob.missing for blob in answers] == [False, False, False, True, False]
        assert [blob.corrupt is not None for blob in answers] == [False, True, True, False, False]
        entries = {entry.path: entry for entry in access.tree(REPO, commit)}
        assert set(entries) == {b"a/1", b"a/2", b"b/1", b"c", b"d"}
        assert entries[b"d"].problem
        assert entries[b"b/1"].problem is None

    def test_content_under_a_wrong_id_is_corrupt(
        self, access: GitAccess, repositories: Repositories, damaged: tuple[str, dict[str, str]]
    ) -> None:
        """A sound object under another object's name is noticed, although git itself reads it happily."""
        _, ids = damaged
        other = self._object(repositories, ids["a/2"]).read_bytes()
        self._object(repositories, ids["a/1"]).write_bytes(other)
        (answer,) = access.blobs(REPO, [ids["a/1"]], limit=LIMIT)
        assert answer.data is None
        assert answer.corrupt == "its content has another object id"

    def test_an_unreadable_folder_hides_only_itself(
        self, access: GitAccess, repositories: Repositories, damaged: tuple[str, dict[str, str]]
    ) -> None:
        """The folder is named with its problem; what comes before and after it is listed."""
        commit, _ = damaged
        inner = hashlib.sha1(usedforsecurity=False)
        body = b"100644 1\0" + bytes.fromhex(blob_id(b"b one"))
        inner.update(b"tree %d\0" % len(body) + body)
        self._object(repositories, inner.hexdigest()).unlink()
        entries = list(access.tree(REPO, commit))
        assert [(entry.path, entry.type) for entry in entries] == [
            (b"a/1", "blob"),
            (b"a/2", "blob"),
            (b"b", "tree"),
            (b"c", "blob"),
            (b"d", "blob"),
        ]
        assert entries[2].problem

    def test_a_lost_commit_leaves_the_rest_of_history(
        self, access: GitAccess, repositories: Repositories, damaged: tuple[str, dict[str, str]]
    ) -> None:
        """Only the commit that lost its parent can't be compared; what came after it is told."""
        second, ids = damaged
        third, _ = repositories.push(REPO, "main", {"e": b"e"}, author=BOB, date=day(2), message="third")
        self._object(repositories, ids["first"]).unlink()
        assert len(list(access.tree(REPO, third))) == 6
        assert [(touch.path, touch.commit) for touch in access.touches(REPO, third)] == [(b"e", third)]
        assert [touch.path for touch in access.touches(REPO, third, second)] == [b"e"]

    def test_an_unreadable_root_is_an_error(
        self, access: GitAccess, repositories: Repositories, damaged: tuple[str, dict[str, str]]
    ) -> None:
        """Without the commit's own tree there is nothing to list, and it says so."""
        commit, _ = damaged
        self._object(repositories, commit).write_bytes(b"")
        with pytest.raises(ObjectMissingError):
            list(access.tree(REPO, commit))


@pytest.mark.parametrize("form", ["protocol"], indirect=False)
def test_a_damaged_repository_behind_a_git_server_is_named(
    access: GitAccess, repositories: Repositories, form: Form, filled: list[str]
) -> None:
    """The git protocol sends nothing of a damaged repository: the error names it, others are answered."""
    assert form == "protocol"
    assert filled
    oid = blob_id(b"one\n")
    (repositories.path(REPO) / "objects" / oid[:2] / oid[2:]).unlink()
    repositories.create("ann/sound.git")
    with pytest.raises(GitError, match="did not answer") as caught:
        access.refs(REPO)
    assert REPO in caught.value.on
    assert access.refs("ann/sound.git") == {}
