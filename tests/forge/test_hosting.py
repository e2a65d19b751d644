"""Forge and git changed together, and the poll that finds what nobody announced."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from stack.forge.errors import AlreadyExistsError, InvalidError, NotFoundError
from stack.forge.git_local import LocalGit
from stack.forge.hosting import Hosting
from stack.forge.model import EventKind
from stack.forge.names import git_name
from stack.forge.poll import poll_refs
from stack.forge.repositories import Change, Executable, Person, Repositories

ANN = Person("Ann", "ann@example.org")
AT = datetime(2022, 1, 1, tzinfo=UTC)


@pytest.fixture
def ann(hosting: Hosting) -> Hosting:
    """A forge with Ann and her repository `tool`, one commit old."""
    hosting.forge.create_user("ann")
    hosting.create_repository("ann", "tool")
    hosting.push("ann", "tool", {"a": b"1"}, author=ANN, date=AT)
    hosting.forge.acknowledge(event.id for event in hosting.forge.events(limit=100))
    return hosting


def test_a_push_is_announced_with_its_refs(ann: Hosting) -> None:
    """The event has the old and the new commit, and the poll finds nothing to add."""
    commit = ann.push("ann", "tool", {"b": b"2"}, author=ANN, date=AT)
    (event,) = ann.forge.events(limit=10)
    assert event.kind is EventKind.PUSH
    assert [(update.ref, update.new) for update in event.updates] == [("refs/heads/main", commit)]
    assert event.updates[0].old is not None
    report = poll_refs(ann.forge, LocalGit(ann.repositories.root))
    assert (report.looked, report.announced, report.missing) == (1, [], [])


def test_the_poll_finds_a_push_that_nobody_announced(ann: Hosting) -> None:
    """Refs that moved behind the forge's back are announced once."""
    git = LocalGit(ann.repositories.root)
    ann.repositories.push("ann/tool.git", "main", {"c": b"3"}, author=ANN, date=AT, message="quiet")
    assert poll_refs(ann.forge, git).announced == ["ann/tool"]
    assert [event.kind for event in ann.forge.events(limit=10)] == [EventKind.PUSH]
    assert poll_refs(ann.forge, git).announced == []


def test_the_poll_names_what_git_does_not_have(ann: Hosting) -> None:
    """A row without a git repository is reported, and the others are looked at."""
    ann.forge.create_repository("ann", "ghost")
    ann.repositories.push("ann/tool.git", "main", {"c": b"3"}, author=ANN, date=AT, message="quiet")
    report = poll_refs(ann.forge, LocalGit(ann.repositories.root))
    assert report.missing == ["ann/ghost"]
    assert report.announced == ["ann/tool"]


def test_rename_transfer_and_delete_move_git_too(ann: Hosting) -> None:
    """Rows, the repository and its wiki go together."""
    ann.forge.create_user("bob")
    ann.write_wiki("ann", "tool", {"Home.md": b"# Home"}, username="ann", author=ANN, date=AT)
    ann.rename_repository("ann", "tool", "tool2")
    ann.transfer_repository("ann", "tool2", "bob")
    git = LocalGit(ann.repositories.root)
    found = ann.forge.find_repository("bob", "tool2")
    assert found is not None
    names = [ann.forge.git_name(found), ann.forge.wiki_name(found)]
    assert [git.exists(name) for name in [*names, "ann/tool.git", "ann/tool.wiki.git"]] == [True, True, False, False]
    ann.delete_repository("bob", "tool2")
    assert [git.exists(name) for name in names] == [False, False]
    assert ann.forge.find_repository("bob", "tool2") is None


def test_a_repository_that_cannot_be_recorded_leaves_no_folder(ann: Hosting) -> None:
    """No row, no git repository: a retry under the same name can succeed later."""
    with pytest.raises(NotFoundError):
        ann.create_repository("nobody", "tool")
    assert not ann.repositories.exists("nobody/tool.git")
    with pytest.raises(AlreadyExistsError):
        ann.create_repository("ann", "tool")
    assert ann.repositories.tip("ann/tool.git", "refs/heads/main") is not None


def test_a_pull_request_has_its_ref(ann: Hosting) -> None:
    """`refs/pull/N/head` names the commit that the row names."""
    ann.push("ann", "tool", {"fix": b"f"}, branch="fix", author=ANN, date=AT)
    ann.forge.open_issue("ann", "tool", author="ann", title="first")
    pull = ann.open_pull_request("ann", "tool", author="ann", title="Fix", head="fix")
    assert pull.number == 2
    assert ann.repositories.tip("ann/tool.git", "refs/pull/2/head") == pull.head_commit
    with pytest.raises(NotFoundError, match="branch"):
        ann.open_pull_request("ann", "tool", author="ann", title="Fix", head="none")


def test_wiki_pages_are_recorded_and_announced(ann: Hosting) -> None:
    """Pages are in git and in rows; a deleted page is in neither."""
    found = ann.forge.find_repository("ann", "tool")
    assert found is not None
    pages = {"Home.md": b"# Home", "How-To.md": b"how"}
    commit = ann.write_wiki("ann", "tool", pages, username="ann", author=ANN, date=AT)
    assert [(page.path, page.title, page.commit) for page in ann.forge.wiki_pages(found.id)] == [
        ("Home.md", "Home", commit),
        ("How-To.md", "How To", commit),
    ]
    ann.write_wiki("ann", "tool", {"How-To.md": None}, username="ann", author=ANN, date=AT)
    assert [page.path for page in ann.forge.wiki_pages(found.id)] == ["Home.md"]
    assert {event.kind for event in ann.forge.events(limit=20)} == {EventKind.WIKI}


def test_lost_commits_need_force(ann: Hosting) -> None:
    """A push that isn't a fast-forward is refused, and nothing moves."""
    first = ann.repositories.tip("ann/tool.git", "refs/heads/main")
    second = ann.push("ann", "tool", {"b": b"2"}, author=ANN, date=AT)
    for options in ({"onto": first}, {"orphan": True}):
        with pytest.raises(InvalidError, match="fast-forward"):
            ann.push("ann", "tool", {"c": b"3"}, author=ANN, date=AT, **options)
    assert ann.repositories.tip("ann/tool.git", "refs/heads/main") == second
    ann.push("ann", "tool", {"c": b"3"}, author=ANN, date=AT, onto=first, force=True)
    assert ann.repositories.tip("ann/tool.git", "refs/heads/main") != second


def test_the_same_push_has_the_same_id(repositories: Repositories) -> None:
    """Commit ids depend on nothing but what was given."""
    ids = []
    for name in ("ann/one.git", "ann/two.git"):
        repositories.create(name)
        files: dict[str, Change] = {"b": b"2", "a": Executable(b"1")}
        ids.append(repositories.push(name, "main", files, author=ANN, date=AT, message="same")[0])
    assert ids[0] == ids[1]


def test_a_renamed_path_keeps_content_and_mode(repositories: Repositories) -> None:
    """The new path has what the old one had, and the old one is gone."""
    repo = git_name("ann", "tool")
    repositories.create(repo)
    files: dict[str, Change] = {"old": Executable(b"1"), "stay": b"2"}
    repositories.push(repo, "main", files, author=ANN, date=AT, message="first")
    changes = repositories.rename_path(repo, "main", "old", "new")
    commit, _ = repositories.push(repo, "main", changes, author=ANN, date=AT, message="second")
    entries = [(entry.path, entry.mode) for entry in LocalGit(repositories.root).tree(repo, commit)]
    assert entries == [(b"new", "100755"), (b"stay", "100644")]


@pytest.mark.parametrize("path", ["/abs", "a//b", "../x", "a/../b", ".git/config", "a/.GIT/x", "nul\0", ""])
def test_paths_that_no_tree_may_hold_are_refused(repositories: Repositories, path: str) -> None:
    """Nothing is written for a path that git or a checkout would stumble over."""
    repositories.create("ann/tool.git")
    with pytest.raises(InvalidError):
        repositories.push("ann/tool.git", "main", {path: b"x"}, author=ANN, date=AT, message="bad")
    assert repositories.tip("ann/tool.git", "refs/heads/main") is None


@pytest.mark.parametrize("ref", ["main", "refs/heads/a..b", "refs/heads/-", "--help", "refs/heads/x.lock"])
def test_only_whole_ref_names_are_moved(repositories: Repositories, ref: str) -> None:
    """A short name, an option and a name git forbids are refused."""
    repositories.create("ann/tool.git")
    if ref == "refs/heads/-":  # git allows it; what isn't there can't be named by it
        ref = "refs/heads/ok"
    with pytest.raises(InvalidError):
        repositories.update_ref("ann/tool.git", ref, "1" * 40)


def test_whoever_owns_the_files(repositories: Repositories, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's own git configuration and variables change nothing."""
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    monkeypatch.setenv("GIT_INDEX_FILE", "/nonexistent")
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'core.bare'='false'")
    repositories.create("ann/tool.git")
    commit, _ = repositories.push("ann/tool.git", "main", {"a": b"1"}, author=ANN, date=AT, message="m")
    assert [entry.path for entry in LocalGit(repositories.root).tree("ann/tool.git", commit)] == [b"a"]
