"""Snapshots of git repositories: what each is asked before it is saved, and what one that is broken does to others."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from stack.forge.gitenv import git
from stack.recovery.errors import BackupError
from stack.recovery.git.snapshots import Taken, found_on_disk, refs_on_disk, shards_for, take
from stack.recovery.manifests import RefsItem
from stack.recovery.restic import Restic, Saved, Trouble
from tests.recovery.conftest import Author


class FakeRestic(Restic):
    """Remembers what it was asked to save; `spoils` keeps whole calls from succeeding, `troubles` single files."""

    def __init__(self) -> None:
        """Nothing is saved."""
        self.saved: list[list[str]] = []
        self.hosts: list[str] = []
        self.spoils = ""
        self.troubles: tuple[Trouble, ...] = ()

    def backup(
        self,
        paths: Sequence[Path | str],
        *,
        root: Path,
        host: str,
        tags: Sequence[str],
        exclude: Sequence[str] = (),
        within: float = 0,
    ) -> Saved:
        """See `Restic`."""
        assert root.is_dir()
        assert tags
        assert "gc.pid" in exclude
        assert within >= 0
        names = [str(path) for path in paths]
        if self.spoils in names:
            raise BackupError("BACKUP_FAILED", "restic ended with 1", got=f"{self.spoils} is too strange")
        self.saved.append(names)
        self.hosts.append(host)
        return Saved(f"{len(self.saved):064x}", 10, 5, tuple(each for each in self.troubles if each.item))


@pytest.fixture
def restic() -> FakeRestic:
    """A restic that saves nothing."""
    return FakeRestic()


@pytest.fixture
def authors(author: Author) -> list[Author]:
    """Four repositories with a commit each."""
    made = [author, *(Author(author.hosting, f"r{number}") for number in range(3))]
    for each in made:
        each.push("first")
    return made


def _items(authors: list[Author]) -> list[RefsItem]:
    return [
        RefsItem(
            repository=each.id,
            owner="ada",
            name=each.name,
            path=f"ada/{each.name}.git",
            head="refs/heads/main",
            refs=refs_on_disk(each.path),
        )
        for each in authors
    ]


def _take(restic: Restic, authors: list[Author], items: list[RefsItem] | None = None, *, most: int = 1) -> Taken:
    root = authors[0].hosting.repositories.root
    return take(
        restic,
        root,
        _items(authors) if items is None else items,
        server="forge",
        set_id="s",
        most=most,
        from_database=True,
    )


def test_every_repository_is_in_one_snapshot(restic: FakeRestic, authors: list[Author]) -> None:
    """Wikis go with them although no ref of theirs was announced, and so do folders that no row knows of."""
    authors[0].wiki("welcome")
    shutil.copytree(authors[1].path, authors[1].path.with_name("orphan.git"))
    taken = _take(restic, authors)
    assert taken.findings == []
    assert taken.left_out == {}
    root = authors[0].hosting.repositories.root
    assert sorted(path for each in restic.saved for path in each) == found_on_disk(root)
    assert sum(each.repositories for each in taken.snapshots) == 6
    by_path = {item.path: item for item in taken.items}
    assert by_path["ada/orphan.git"].repository == 0
    assert by_path["ada/engine.wiki.git"].repository == authors[0].id
    assert by_path["ada/engine.wiki.git"].head == "refs/heads/main"
    assert all(item.shard for item in taken.items)


def test_shards_are_few_and_a_rename_changes_none(restic: FakeRestic, authors: list[Author]) -> None:
    """A shard is chosen by the repository's id."""
    assert [shards_for(count, 8) for count in (0, 1, 50, 51, 101, 5000)] == [1, 1, 1, 2, 4, 8]
    before = {item.repository: item.shard for item in _take(restic, authors).items}
    authors[2].hosting.rename_repository("ada", authors[2].name, "renamed")
    authors[2].name = "renamed"
    assert {item.repository: item.shard for item in _take(restic, authors).items} == before


def test_an_object_that_a_ref_names_and_git_lacks_is_named(restic: FakeRestic, authors: list[Author]) -> None:
    """The repository is saved as it is; the others are not touched by it."""
    items = _items(authors)
    lost = items[1].refs["refs/heads/main"]
    (authors[1].path / "objects" / lost[:2] / lost[2:]).unlink()
    taken = _take(restic, authors, items)
    (finding,) = taken.findings
    assert finding.rule == "SOURCE_DAMAGED"
    assert items[1].path in finding.message
    assert lost in finding.message
    assert set(taken.left_out) == {items[1].path}
    assert sum(each.repositories for each in taken.snapshots) == 4


def test_an_emptied_repository_is_named(restic: FakeRestic, authors: list[Author]) -> None:
    """The database knows refs, and git has nothing: a new, empty repository in its place is damage too."""
    items = _items(authors)
    shutil.rmtree(authors[1].path)
    git(["init", "--quiet", "--bare", "--template=", authors[1].path])
    assert [finding.rule for finding in _take(restic, authors, items).findings] == ["SOURCE_DAMAGED"]


def test_a_repository_that_is_not_there_is_named_and_in_no_snapshot(restic: FakeRestic, authors: list[Author]) -> None:
    """Its item stays in the list of refs, without a shard."""
    items = _items(authors)
    shutil.rmtree(authors[1].path)
    taken = _take(restic, authors, items)
    assert [finding.rule for finding in taken.findings] == ["SOURCE_DAMAGED"]
    assert [item.shard for item in taken.items if item.path == items[1].path] == [""]
    assert sum(each.repositories for each in taken.snapshots) == 3


def test_what_cannot_be_saved_with_others_is_found_and_left_alone(restic: FakeRestic, authors: list[Author]) -> None:
    """Halves are tried until one repository is alone; each of the others is in a snapshot."""
    restic.spoils = "ada/r1.git"
    taken = _take(restic, authors)
    (finding,) = taken.findings
    assert "ada/r1.git" in finding.message
    assert "too strange" in finding.message
    shards = {item.path: item.shard for item in taken.items}
    assert shards.pop("ada/r1.git") == ""
    assert all(shards.values())
    assert {each.shard for each in taken.snapshots} == set(shards.values())
    assert sorted(path for each in restic.saved for path in each) == sorted(shards)


def test_no_snapshot_at_all_is_no_backup(restic: FakeRestic, author: Author) -> None:
    """When the store or restic itself is what fails."""
    author.push("first")
    restic.spoils = f"ada/{author.name}.git"
    with pytest.raises(BackupError, match="No repository could be saved"):
        _take(restic, [author])


def test_files_that_cannot_be_read_are_told_of_their_repository(restic: FakeRestic, authors: list[Author]) -> None:
    """A ref that was deleted meanwhile is no loss: refs come from the database."""
    restic.troubles = (
        Trouble("/git/ada/r0.git/objects/pack/a.pack", "input/output error"),
        Trouble("/git/ada/r1.git/refs/heads/gone", "no such file"),
    )
    taken = _take(restic, authors)
    (finding,) = taken.findings
    assert "ada/r0.git" in finding.message
    assert "input/output error" in finding.message
    assert set(taken.left_out) == {"ada/r0.git"}
