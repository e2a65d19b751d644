"""Pushes on their way to the bucket: whole, in order, once; nothing that fails in between loses one."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from stack.forge.gitenv import git
from stack.forge.hosting import Hosting
from stack.recovery import layout
from stack.recovery.git import contents, inspect, ledger, packs
from stack.recovery.git.journal import Entry
from stack.recovery.git.shipper import Shipped, Shipper
from stack.recovery.postgresql.archive import Archive
from tests.recovery.conftest import Author, MemoryBucket


def entries(archive: Archive) -> list[Entry]:
    """What the journal in the bucket holds."""
    found = contents.read(archive)
    assert found.findings == []
    return found.entries


def objects_of(archive: Archive, entry: Entry, folder: Path) -> set[str]:
    """Ids of all that the pack of an entry holds."""
    assert entry.pack is not None
    path = contents.fetcher(archive, folder)(entry.pack)
    git(["index-pack", path])
    listed = git(["show-index"], stdin=path.with_suffix(".idx").read_bytes())
    return {line.split()[1] for line in listed.text.splitlines()}


def ok(shipped: Shipped, rows: int) -> None:
    """It shipped so many, since it began, and nothing waits."""
    assert (shipped.rows, shipped.waiting, shipped.failures, shipped.problem) == (rows, 0, 0, "")
    assert shipped.at is not None


def test_each_push_brings_what_is_new(author: Author, shipper: Shipper, archive: Archive, tmp_path: Path) -> None:
    """The second pack has the second commit and not the first; a deletion has none."""
    first = author.push("one")
    ok(shipper.ship_once(), 1)
    second = author.push("two", branch="topic")
    third = author.push("three", branch="main")
    ok(shipper.ship_once(), 3)
    author.hosting.delete_branch("ada", "engine", "topic")
    ok(shipper.ship_once(), 4)
    found = entries(archive)
    assert [entry.moves[0].new for entry in found] == [first, second, third, None]
    assert [entry.previous for entry in found] == [None, *(entry.row for entry in found[:-1])]
    assert found[3].pack is None
    assert found[1].pack == found[2].pack, "pushes that wait together share a pack"
    assert first in objects_of(archive, found[0], tmp_path)
    both = objects_of(archive, found[1], tmp_path)
    assert {second, third} <= both
    assert first not in both
    assert found[1].accepted <= found[1].shipped


def test_a_branch_of_what_is_known_needs_no_pack(author: Author, shipper: Shipper, archive: Archive) -> None:
    """Neither does the one that shares a batch with a push that needs one."""
    first = author.push("one")
    shipper.ship_once()
    update = author.hosting.repositories.update_ref("ada/engine.git", "refs/heads/copy", first)
    author.hosting.announce("ada", "engine", [update])
    author.push("two")
    ok(shipper.ship_once(), 3)
    assert [entry.pack is None for entry in entries(archive)] == [False, True, False]


def test_nothing_of_it_can_be_read_in_the_bucket(
    author: Author, shipper: Shipper, bucket: MemoryBucket, archive: Archive
) -> None:
    """Neither names of refs nor contents; the key opens them."""
    author.push("plain text of a secret file", branch="plain-branch")
    shipper.ship_once()
    assert len(bucket.objects) == 2
    whole = b"".join(data for data, _ in bucket.objects.values())
    assert b"plain-branch" not in whole
    assert b"PACK" not in whole
    assert entries(archive)[0].moves[0].ref == "refs/heads/plain-branch"


def test_a_renamed_repository_is_found_by_its_id(author: Author, shipper: Shipper, archive: Archive) -> None:
    """The entry has the name of then, the pack is from where it is now."""
    author.push("one")
    author.hosting.rename_repository("ada", "engine", "motor")
    ok(shipper.ship_once(), 1)
    assert entries(archive)[0].name == "engine"
    assert entries(archive)[0].pack is not None


def test_what_a_deleted_repository_took_with_it_is_told(author: Author, shipper: Shipper, archive: Archive) -> None:
    """Its pushes must not wait for ever, nor pass for shipped."""
    shipped = author.push("one")
    shipper.ship_once()
    lost = author.push("two")
    author.hosting.delete_repository("ada", "engine")
    ok(shipper.ship_once(), 2)
    assert [entry.missing for entry in entries(archive)] == [(), (lost,)]
    assert shipped not in entries(archive)[1].missing


def test_a_name_given_again_is_another_repository(author: Author, shipper: Shipper, archive: Archive) -> None:
    """Nothing of the new one is taken for the old one's."""
    author.push("one")
    author.hosting.delete_repository("ada", "engine")
    again = Author(author.hosting)
    fresh = again.push("two")
    ok(shipper.ship_once(), 2)
    old, new = entries(archive)
    assert (old.repository, new.repository) == (author.id, again.id)
    assert old.pack is None
    assert old.missing
    assert new.moves[0].new == fresh


def test_a_push_that_named_no_refs_is_looked_up(author: Author, shipper: Shipper, archive: Archive) -> None:
    """What git has is written as seen, after the row that named nothing."""
    commit = author.push("one")
    author.hosting.repositories.update_ref("ada/engine.git", "refs/tags/v1", commit)
    author.hosting.announce("ada", "engine", [])
    ok(shipper.ship_once(), 3)
    found = entries(archive)
    assert [(entry.seen, len(entry.moves)) for entry in found] == [(False, 1), (False, 0), (True, 1)]
    assert found[2].moves[0].ref == "refs/tags/v1"


def test_pushes_told_in_the_wrong_order_end_as_git_has_them(
    author: Author, shipper: Shipper, conninfo: str, archive: Archive
) -> None:
    """Two clients push one after another, and the second is announced first."""
    repositories = author.hosting.repositories
    first = author.push("one")
    late = repositories.update_ref("ada/engine.git", "refs/heads/main", author.push("two", branch="x"))
    soon = repositories.update_ref("ada/engine.git", "refs/heads/main", author.push("three", branch="y"))
    author.hosting.announce("ada", "engine", [soon])
    author.hosting.announce("ada", "engine", [late])
    shipper.ship_once()
    with psycopg.connect(conninfo) as db:
        row = db.execute("SELECT oid FROM repository_ref WHERE ref = 'refs/heads/main'").fetchone()
    assert row == (soon.new,)
    moves = [move for entry in entries(archive) for move in entry.moves if move.ref == "refs/heads/main"]
    assert [(moves[0].old, moves[0].new), moves[-1].new] == [(None, first), soon.new]
    assert all(before.new == after.old for before, after in itertools.pairwise(moves)), "the chain is exact"


def test_a_wiki_is_shipped_too(author: Author, shipper: Shipper, archive: Archive) -> None:
    """It is a git repository of its own."""
    commit = author.wiki("home")
    shipper.ship_once()
    assert [(entry.is_wiki, entry.moves[0].new) for entry in entries(archive) if entry.moves] == [(True, commit)]


@pytest.mark.parametrize("what", [layout.PACKS, layout.JOURNAL])
def test_a_bucket_that_is_away_is_caught_up_with(
    author: Author, shipper: Shipper, bucket: MemoryBucket, archive: Archive, what: str
) -> None:
    """Whether the pack or the entry failed; the failure is told, counted, and forgotten when all is well."""
    bucket.fails = lambda key: key.startswith(what)
    commits = [author.push(text) for text in ("one", "two", "three")]
    shipped = shipper.ship_once()
    assert (shipped.rows, shipped.waiting, shipped.failures, shipped.at) == (0, 3, 1, None)
    assert "does not answer" in shipped.problem
    assert shipped.lag > 0
    bucket.fails = lambda _key: False
    shipped = shipper.ship_once()
    assert (shipped.rows, shipped.waiting, shipped.failures, shipped.problem, shipped.lag) == (3, 0, 1, "", 0)
    assert [entry.moves[0].new for entry in entries(archive)] == commits


def test_entries_that_are_there_already_are_met_again(
    author: Author, shipper: Shipper, conninfo: str, archive: Archive, bucket: MemoryBucket
) -> None:
    """One that was killed before it marked its rows left them; the next one marks them and changes nothing."""
    author.push("one")
    author.push("two")
    shipper.ship_once()
    before = dict(bucket.objects)
    with psycopg.connect(conninfo) as db:
        db.execute("UPDATE push_journal SET shipped_at = NULL")
    author.push("three")
    ok(shipper.ship_once(), 5)
    assert {key: bucket.objects[key] for key in before} == before
    assert len(entries(archive)) == 3


def test_another_push_under_the_same_number_is_refused(
    author: Author, shipper: Shipper, conninfo: str, bucket: MemoryBucket
) -> None:
    """A forge that was restored to an earlier moment counts on from there, and must not mix with what came after it."""
    author.push("one")
    shipper.ship_once()
    before = dict(bucket.objects)
    with psycopg.connect(conninfo) as db:
        db.execute("UPDATE push_journal SET shipped_at = NULL, created_at = created_at + interval '1 s'")
    shipped = shipper.ship_once()
    assert "JOURNAL_CONFLICT" in shipped.problem
    assert shipped.waiting == 1
    assert bucket.objects.keys() >= before.keys()


def test_one_repository_that_cannot_be_read_keeps_no_other_back(
    author: Author, shipper: Shipper, hosting: Hosting, archive: Archive
) -> None:
    """It waits, and is told; when its folder is there again it goes too."""
    other = Author(hosting, "other")
    author.push("one")
    commit = other.push("two")
    aside = author.path.with_name("aside")
    author.path.rename(aside)
    shipped = shipper.ship_once()
    assert (shipped.rows, shipped.waiting, shipped.failures) == (1, 1, 1)
    assert "not there" in shipped.problem
    assert [entry.moves[0].new for entry in entries(archive)] == [commit]
    aside.rename(author.path)
    assert shipper.ship_once().waiting == 0


def test_a_damaged_repository_ships_what_it_has_and_says_what_not(
    author: Author, shipper: Shipper, archive: Archive, tmp_path: Path
) -> None:
    """A blob that git lost before it could be shipped is named; the commit is shipped all the same."""
    commit = author.push("one")
    blob = git(["rev-parse", f"{commit}:file.txt"], git_dir=author.path).text.strip()
    (author.path / "objects" / blob[:2] / blob[2:]).unlink()
    ok(shipper.ship_once(), 1)
    assert entries(archive)[0].missing == (blob,)
    assert commit in objects_of(archive, entries(archive)[0], tmp_path)


def test_only_one_works_at_a_time(
    author: Author, shipper: Shipper, archive: Archive, conninfo: str, hosting: Hosting
) -> None:
    """The second waits, and takes over when the first has ended."""
    author.push("one")
    second = Shipper(archive, conninfo, hosting.repositories.root)
    ok(shipper.ship_once(), 1)
    author.push("two")
    assert second.ship_once().is_standby
    shipper.close()
    ok(second.ship_once(), 2)
    second.close()


def test_it_survives_the_database(author: Author, shipper: Shipper, conninfo: str) -> None:
    """Connections that the server has cut are made again."""
    author.push("one")
    shipper.ship_once()
    author.push("two")
    with psycopg.connect(conninfo) as db:
        db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%shipper%'")
    assert shipper.ship_once().failures == 1
    shipped = shipper.ship_once()
    assert (shipped.rows, shipped.waiting, shipped.problem) == (2, 0, "")


def test_a_large_pack_goes_in_parts(
    author: Author, shipper: Shipper, archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not sealed in memory at once comes back as it was."""
    monkeypatch.setattr(contents, "_PART", 100)
    commit = author.push("large")
    ok(shipper.ship_once(), 1)
    assert commit in objects_of(archive, entries(archive)[0], tmp_path)


def test_pushes_to_many_repositories_at_once(hosting: Hosting, shipper: Shipper, archive: Archive) -> None:
    """While they go on, all are shipped, each repository's in their order."""
    authors = [Author(hosting, f"repository{number}") for number in range(6)]

    def push_some(author: Author) -> list[str]:
        return [author.push(str(number)) for number in range(4)]

    with ThreadPoolExecutor(3) as pool:
        pushing = [pool.submit(push_some, each) for each in authors]
        while not all(each.done() for each in pushing):
            shipper.ship_once()
        commits = [each.result() for each in pushing]
    ok(shipper.ship_once(), 24)
    for author, wanted in zip(authors, commits, strict=True):
        assert [entry.moves[0].new for entry in entries(archive) if entry.repository == author.id] == wanted


@pytest.mark.parametrize("write", range(6))
def test_wherever_it_is_cut_off_the_next_one_completes_it(
    author: Author, shipper: Shipper, archive: Archive, conninfo: str, write: int
) -> None:
    """Before each write to the bucket in turn: nothing is lost, nothing is there twice, all of it opens."""
    bucket = archive.bucket
    assert isinstance(bucket, MemoryBucket)
    author.push("one")
    shipper.ship_once()
    author.push("two")
    author.wiki("home")
    author.push("three", branch="topic")
    writes = iter(range(100))
    bucket.fails = lambda _key: next(writes) >= write
    shipper.ship_once()
    shipper.close()
    bucket.fails = lambda _key: False
    second = Shipper(archive, conninfo, author.hosting.repositories.root)
    assert second.ship_once().waiting == 0
    second.close()
    assert inspect.check(archive, deep=True) == []
    assert inspect.shipped(archive, conninfo) == []


def test_one_that_is_killed_before_it_marks_its_rows_is_completed(
    author: Author, shipper: Shipper, archive: Archive, conninfo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything is in the bucket, and the database does not know; more pushes came since."""
    author.push("one")
    author.push("two")
    with monkeypatch.context() as patched:
        patched.setattr(ledger, "mark_shipped", lambda _db, _ids: (_ for _ in ()).throw(OSError("killed")))
        assert shipper.ship_once().waiting == 2
    shipper.close()
    author.push("three")
    second = Shipper(archive, conninfo, author.hosting.repositories.root)
    assert second.ship_once().waiting == 0
    second.close()
    assert inspect.check(archive, deep=True) == []


def test_a_repository_that_lost_all_its_refs_is_told_and_not_copied(
    author: Author, shipper: Shipper, archive: Archive, conninfo: str
) -> None:
    """Somebody says that something moved, and everything is gone: the journal keeps what it was."""
    commit = author.push("one")
    shipper.ship_once()
    author.hosting.repositories.update_ref("ada/engine.git", "refs/heads/main", None)
    author.hosting.announce("ada", "engine", [])
    shipped = shipper.ship_once()
    assert "lost all its refs" in shipped.problem
    assert (shipped.waiting, shipped.failures) == (0, 1)
    assert [entry.moves for entry in entries(archive)][1:] == [()]
    with psycopg.connect(conninfo) as db:
        assert db.execute("SELECT oid FROM repository_ref").fetchall() == [(commit,)]


def test_packs_of_sha256_repositories_stand_alone_too(tmp_path: Path) -> None:
    """Ids are longer there, and so is the index."""
    repo = tmp_path / "repo.git"
    git(["init", "--quiet", "--bare", "--template=", "--object-format=sha256", repo])
    stream = b"commit refs/heads/main\ncommitter A <a@x> 1 +0000\ndata 1\nx\nM 644 inline f\ndata 1\ny\n"
    git(["fast-import", "--quiet"], git_dir=repo, stdin=stream)
    commit = git(["rev-parse", "main"], git_dir=repo).text.strip()
    made, lost = packs.make(repo, [commit], [], tmp_path)
    assert made is not None
    assert (len(commit), made.index.count, lost) == (64, 3, [])
    assert commit in made.index
    assert "0" * 64 not in made.index
    assert packs.make(repo, [commit], [commit, "a" * 64], tmp_path) == (None, [])
