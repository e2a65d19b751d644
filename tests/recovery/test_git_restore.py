"""Git repositories that come back: exactly the refs of a moment, whole objects, nothing that nobody asked for."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

import psycopg
import pytest

from stack.forge.git_local import LocalGit
from stack.forge.gitenv import git
from stack.forge.hosting import Hosting
from stack.recovery import layout
from stack.recovery.errors import RefusedError, RestoreError
from stack.recovery.git import contents, inspect, ledger
from stack.recovery.git.journal import Entry
from stack.recovery.git.refs import refs_at, wanted
from stack.recovery.git.restore import restore_repositories, restore_repository
from stack.recovery.git.shipper import Shipper
from stack.recovery.postgresql.archive import Archive
from tests.recovery.conftest import Author, MemoryBucket


def bring(
    archive: Archive, target: Path, entries: Sequence[Entry], refs: dict[str, str], start: Path | None = None
) -> list[str]:
    """Restore one repository; the rules that are broken."""
    scratch = target.parent / f"{target.name}-packs"
    scratch.mkdir(parents=True)
    found = restore_repository(
        target,
        start=start,
        entries=entries,
        fetch_pack=contents.fetcher(archive, scratch),
        refs=refs,
        head="main",
        user="nobody",
    )
    return [finding.rule for finding in found]


def whole(path: Path) -> dict[str, str]:
    """Its refs, after git has looked through all that they reach."""
    git(["fsck", "--strict", "--full"], git_dir=path)
    answer = git(["for-each-ref", "--format=%(refname) %(objectname)"], git_dir=path)
    return dict(line.split(" ") for line in answer.text.splitlines() if line)


def busy(author: Author, shipper: Shipper) -> list[dict[str, str]]:
    """Pushes of every kind, shipped one by one; refs before each and at the end."""
    main = "refs/heads/main"
    states: list[dict[str, str]] = [{}, {main: author.push("one")}]
    shipper.ship_once()
    states.append({**states[-1], "refs/heads/topic": author.push("two", branch="topic")})
    shipper.ship_once()
    states.append({**states[-1], main: author.push("forced", orphan=True, force=True)})
    shipper.ship_once()
    author.hosting.delete_branch("ada", "engine", "topic")
    states.append({main: states[-1][main]})
    update = author.hosting.repositories.update_ref("ada/engine.git", "refs/tags/v1", states[1][main])
    author.hosting.announce("ada", "engine", [update])
    states.append({**states[-1], "refs/tags/v1": states[1][main]})
    shipper.ship_once()
    return states


def test_every_moment_between_two_pushes_comes_back(
    author: Author, shipper: Shipper, archive: Archive, conninfo: str, tmp_path: Path
) -> None:
    """Force-push, deletion and tag: from the journal alone, each state is exactly what it was, and whole."""
    states = busy(author, shipper)
    entries = contents.read(archive).entries
    assert len(entries) == len(states) - 1
    for number, state in enumerate(states):
        target = tmp_path / f"moment-{number}" / "engine.git"
        assert bring(archive, target, entries[:number], state) == []
        assert whole(target) == state
    assert refs_at(conninfo) == {(author.id, False): states[-1]}


def test_a_snapshot_gives_objects_and_nothing_else(
    author: Author, shipper: Shipper, archive: Archive, tmp_path: Path
) -> None:
    """Refs after the snapshot come from the journal; its own refs, hooks and settings stay behind."""
    main = author.push("one")
    shipper.ship_once()
    start = tmp_path / "snapshot"
    shutil.copytree(author.path, start)
    (start / "hooks").mkdir()
    (start / "hooks" / "post-receive").write_text("#!/bin/sh\nexit 1\n")
    git(["config", "core.hooksPath", "/elsewhere"], git_dir=start)
    git(["update-ref", "refs/heads/later", main], git_dir=start)
    git(["repack", "-adq"], git_dir=start)
    (start / "objects" / "pack" / "tmp_pack_x").write_bytes(b"half")
    second = author.push("two")
    shipper.ship_once()
    target = tmp_path / "back" / "engine.git"
    assert bring(archive, target, contents.read(archive, after=1).entries, {"refs/heads/main": second}, start) == []
    assert whole(target) == {"refs/heads/main": second}
    fresh = tmp_path / "fresh.git"
    git(["init", "--quiet", "--bare", "--template=", fresh])
    assert (target / "config").read_text() == (fresh / "config").read_text()
    assert not (target / "hooks").exists()
    assert not list(target.rglob("tmp_pack*"))
    assert git(["symbolic-ref", "HEAD"], git_dir=target).text.strip() == "refs/heads/main"


def test_owner_and_modes_are_those_of_a_git_service(
    author: Author, shipper: Shipper, archive: Archive, tmp_path: Path
) -> None:
    """Everybody may read, its user alone may write, objects are never written."""
    commit = author.push("one")
    shipper.ship_once()
    target = tmp_path / "back" / "engine.git"
    assert bring(archive, target, contents.read(archive).entries, {"refs/heads/main": commit}) == []
    modes = {stat.S_IMODE(path.stat().st_mode) for path in target.rglob("*") if path.is_dir()}
    assert modes == {0o755}
    files = [path for path in target.rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files if "objects" in path.parts} == {0o444}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files if "objects" not in path.parts} == {0o644}
    if os.geteuid() == 0:
        assert {path.owner() for path in [target, *files]} == {"nobody"}


def test_a_push_that_did_not_come_back_leaves_what_was_before_it(
    author: Author, shipper: Shipper, archive: Archive, tmp_path: Path
) -> None:
    """The branch is not lost with its last push, and the rule names what it should be."""
    first, second = author.push("one"), author.push("two")
    author.push("three", branch="fresh")
    shipper.ship_once()
    entries = contents.read(archive).entries
    only = [entries[0].model_copy(update={"pack": None}), *entries[3:]]
    start = tmp_path / "snapshot"
    shutil.copytree(author.path, start)
    for path in [*start.glob(f"objects/{second[:2]}/{second[2:]}")]:
        path.unlink()
    refs = {"refs/heads/main": second, "refs/heads/fresh": "a" * 40}
    git(["update-ref", "-d", "refs/heads/fresh"], git_dir=start)
    git(["update-ref", "--no-deref", "refs/heads/main", first], git_dir=start)
    target = tmp_path / "back" / "engine.git"
    assert bring(archive, target, only, refs, start) == ["COMMIT_MISSING", "COMMIT_MISSING"]
    answer = git(["for-each-ref", "--format=%(refname) %(objectname)"], git_dir=target).text
    assert answer == f"refs/heads/main {first}\n"


def test_a_missing_and_a_damaged_pack_are_named(
    author: Author, shipper: Shipper, archive: Archive, bucket: MemoryBucket, tmp_path: Path
) -> None:
    """And so is the hole that they leave below a ref."""
    author.push("one")
    shipper.ship_once()
    second = author.push("two")
    shipper.ship_once()
    entries = contents.read(archive).entries
    assert entries[0].pack is not None
    key = layout.pack(entries[0].pack)
    data, at = bucket.objects.pop(key)
    refs = {"refs/heads/main": second}
    assert bring(archive, tmp_path / "a" / "engine.git", entries, refs) == ["PACK_MISSING", "GIT_DAMAGED"]
    bucket.objects[key] = (data[:-40] + bytes([data[-40] ^ 1]) + data[-39:], at)
    assert bring(archive, tmp_path / "b" / "engine.git", entries, refs) == ["PACK_DAMAGED", "GIT_DAMAGED"]
    bucket.objects[key] = (data, at)
    assert bring(archive, tmp_path / "c" / "engine.git", entries, refs) == []


def test_a_pack_given_as_bytes_is_checked_too(
    author: Author, shipper: Shipper, archive: Archive, tmp_path: Path
) -> None:
    """Whoever hands over another one is told."""
    commit = author.push("one")
    shipper.ship_once()
    entries = contents.read(archive).entries
    (tmp_path / "packs").mkdir()
    data = contents.fetcher(archive, tmp_path / "packs")(entries[0].pack or "").read_bytes()
    for content, rules in ((data, []), (data[:-1], ["PACK_DAMAGED", "COMMIT_MISSING"])):
        found = restore_repository(
            tmp_path / str(len(content)) / "x.git",
            start=None,
            entries=entries,
            fetch_pack=lambda _sha256, content=content: content,  # type: ignore[misc]
            refs={"refs/heads/main": commit},
            head=None,
            user=None,
        )
        assert [finding.rule for finding in found] == rules


def test_what_is_there_is_not_touched(archive: Archive, tmp_path: Path) -> None:
    """A folder with anything in it is refused."""
    target = tmp_path / "back" / "engine.git"
    target.mkdir(parents=True)
    (target / "file").touch()
    with pytest.raises(RefusedError) as caught:
        bring(archive, target, [], {})
    assert caught.value.rule == "TARGET_NOT_EMPTY"
    assert [path.name for path in target.iterdir()] == ["file"]


def test_a_fetcher_tells_another_key_apart(author: Author, shipper: Shipper, archive: Archive, tmp_path: Path) -> None:
    """A wrong key is no damage."""
    author.push("one")
    shipper.ship_once()
    sha256 = contents.read(archive).entries[0].pack or ""
    archive.key = type(archive.key)(bytes(32))
    with pytest.raises(RestoreError) as caught:
        contents.fetcher(archive, tmp_path)(sha256)
    assert caught.value.rule == "KEY_WRONG"


def test_a_forge_comes_back(author: Author, shipper: Shipper, archive: Archive, conninfo: str, tmp_path: Path) -> None:
    """Under the names of now, with wikis and heads of pull requests, without what was deleted; empty ones too."""
    hosting = author.hosting
    Author(hosting, "empty")
    gone = Author(hosting, "gone")
    gone.push("x")
    author.push("one")
    author.push("two", branch="topic")
    author.wiki("home")
    hosting.open_pull_request("ada", "engine", author="ada", title="t", head="topic")
    hosting.rename_repository("ada", "engine", "motor")
    hosting.set_default_branch("ada", "motor", "topic")
    shipper.ship_once()
    hosting.delete_repository("ada", "gone")
    assert restore_repositories(archive, conninfo, tmp_path / "back") == []
    here, back = LocalGit(hosting.repositories.root), LocalGit(tmp_path / "back")
    names = ["ada/motor.git", "ada/motor.wiki.git", "ada/empty.git"]
    for name in names:
        assert back.refs(name) == here.refs(name)
        assert back.head(name) == here.head(name)
    assert sorted(path.name for path in (tmp_path / "back" / "ada").iterdir()) == sorted(n[4:] for n in names)
    assert "refs/pull/1/head" in back.refs(names[0])


def test_the_head_of_an_open_pull_request_is_wanted_though_git_never_had_it(
    author: Author, hosting: Hosting, conninfo: str
) -> None:
    """By its row; of a closed one nothing is made up."""
    commit = author.push("one", branch="topic")
    for title in ("open", "closed"):
        hosting.forge.open_pull_request(
            "ada", "engine", author="ada", title=title, head="topic", head_commit=commit, base="main"
        )
    with psycopg.connect(conninfo) as db:
        db.execute("UPDATE issue SET state = 'closed', closed_at = now() WHERE title = 'closed'")
    assert refs_at(conninfo)[author.id, False] == {"refs/heads/topic": commit, "refs/pull/1/head": commit}


def test_a_push_that_the_database_knows_and_the_bucket_lacks_is_named(
    author: Author, shipper: Shipper, archive: Archive, conninfo: str, tmp_path: Path
) -> None:
    """What was not shipped in time is lost, counted, and the ref is what it was before."""
    first = author.push("one")
    shipper.ship_once()
    author.push("two")
    found = restore_repositories(archive, conninfo, tmp_path / "back")
    assert [finding.rule for finding in found] == ["JOURNAL_GAP", "COMMIT_MISSING"]
    assert LocalGit(tmp_path / "back").refs("ada/engine.git") == {"refs/heads/main": first}


def test_rows_that_a_snapshot_holds_are_not_asked_for(
    author: Author, shipper: Shipper, archive: Archive, conninfo: str, tmp_path: Path
) -> None:
    """Their entries and packs may have been pruned."""
    author.push("one")
    shipper.ship_once()
    assert isinstance(archive.bucket, MemoryBucket)
    archive.bucket.objects.clear()
    start = tmp_path / "snapshot"
    shutil.copytree(author.path, start)
    commit = author.push("two")
    shipper.ship_once()
    with psycopg.connect(conninfo) as db:
        assert ledger.waiting(db) == []
    after = wanted(conninfo)[0].rows[0]
    assert restore_repositories(archive, conninfo, tmp_path / "back", starts=lambda _wanted: start, after=after) == []
    assert whole(tmp_path / "back" / "ada" / "engine.git") == {"refs/heads/main": commit}


def test_rows_that_every_set_holds_are_forgotten(
    author: Author, shipper: Shipper, archive: Archive, conninfo: str, tmp_path: Path
) -> None:
    """Shipped ones alone; neither what comes after them nor a look at the bucket misses them."""
    author.push("one")
    author.push("two")
    shipper.ship_once()
    start = tmp_path / "snapshot"
    shutil.copytree(author.path, start)
    author.push("three")
    floor = wanted(conninfo)[0].rows[1]
    assert ledger.forget(conninfo, floor) == 2
    assert ledger.forget(conninfo, floor + 1) == 0, "the third is not shipped yet"
    fourth = author.push("four")
    assert shipper.ship_once().waiting == 0
    assert isinstance(archive.bucket, MemoryBucket)
    archive.bucket.delete([stored.key for stored in contents.stored(archive)][:2])
    assert inspect.check(archive, floor=floor, deep=True) == []
    assert inspect.shipped(archive, conninfo, floor=floor) == []
    assert restore_repositories(archive, conninfo, tmp_path / "back", starts=lambda _wanted: start, after=floor) == []
    assert whole(tmp_path / "back" / "ada" / "engine.git") == {"refs/heads/main": fourth}
    assert ledger.forget(conninfo, floor + 2) == 2
    author.push("five")
    assert shipper.ship_once().waiting == 0
    assert inspect.check(archive, floor=floor + 2) == []
