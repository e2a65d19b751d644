"""Refs read from files are those that git itself tells."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from stack.forge.git_local import LocalGit
from stack.forge.git_types import Head
from stack.forge.gitenv import git
from stack.forge.refs import read_ref, read_refs, read_symbol
from stack.forge.repositories import Person, Repositories

REPO = "ann/tool.git"
ANN = Person("Ann", "ann@example.org")


@pytest.fixture
def commits(repositories: Repositories) -> list[str]:
    """Two commits; branches with and without folders, a tag, an annotated tag, a pull request."""
    repositories.create(REPO)
    made = [
        repositories.push(
            REPO, "main", {"f": b"%d" % day}, author=ANN, date=datetime(2022, 1, day, tzinfo=UTC), message=f"{day}"
        )[0]
        for day in (1, 2)
    ]
    for ref in ("refs/heads/feature/deep/one", "refs/tags/v1", "refs/pull/1/head"):
        repositories.update_ref(REPO, ref, made[0])
    identity = {"GIT_COMMITTER_NAME": "Ann", "GIT_COMMITTER_EMAIL": "ann@example.org"}
    git(["tag", "-a", "-m", "note", "v2", made[1]], git_dir=repositories.path(REPO), env=identity)
    return made


def told(repositories: Repositories) -> dict[str, str]:
    """What git says."""
    answer = git(["for-each-ref", "--format=%(refname) %(objectname)"], git_dir=repositories.path(REPO)).text
    return dict(line.split() for line in answer.splitlines())


def test_loose_packed_and_mixed_refs_are_as_git_tells(repositories: Repositories, commits: list[str]) -> None:
    """Before packing, after it, and with a ref that moved since: the same names and objects in the same order."""
    git_dir = repositories.path(REPO)
    assert list((read_refs(git_dir) or {}).items()) == list(told(repositories).items())
    git(["pack-refs", "--all"], git_dir=git_dir)
    assert not list((git_dir / "refs").rglob("v1"))
    assert read_refs(git_dir) == told(repositories)
    repositories.update_ref(REPO, "refs/heads/main", commits[0])
    repositories.update_ref(REPO, "refs/tags/v1", None)
    assert read_refs(git_dir) == told(repositories)
    assert read_ref(git_dir, "refs/heads/main") == (commits[0],)
    assert read_ref(git_dir, "refs/pull/1/head") == (commits[0],)
    assert read_ref(git_dir, "refs/tags/v1") == (None,)
    assert read_ref(git_dir, "refs/heads/feature") == (None,)
    assert read_symbol(git_dir) == ("refs/heads/main", None)


def test_what_is_not_plain_is_left_to_git(repositories: Repositories, commits: list[str]) -> None:
    """A symbolic ref among the branches and a broken one: git is asked, and the answer is right."""
    git_dir = repositories.path(REPO)
    git(["symbolic-ref", "refs/heads/alias", "refs/heads/main"], git_dir=git_dir)
    assert read_refs(git_dir) is None
    with LocalGit(repositories.root) as access:
        assert access.refs(REPO)["refs/heads/alias"] == commits[1]
        repositories.set_head(REPO, branch="alias")
        assert access.head(REPO) == Head("refs/heads/alias", commits[1])
        (git_dir / "refs" / "heads" / "broken").write_text("")
        assert access.refs(REPO)["refs/heads/main"] == commits[1]


def test_a_lock_is_no_ref(repositories: Repositories, commits: list[str]) -> None:
    """A push in progress shows the ref as it was."""
    git_dir = repositories.path(REPO)
    (git_dir / "refs" / "heads" / "main.lock").write_text("half")
    assert (read_refs(git_dir) or {})["refs/heads/main"] == commits[1]
    assert "refs/heads/main.lock" not in (read_refs(git_dir) or {})
