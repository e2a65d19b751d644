"""Steps that clone, fetch and push over HTTP, and what they need to be there."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest
from pytest_bdd import given, parsers, then, when

from stack.errors import NeedMissingError
from stack.forge.git_local import LocalGit
from stack.runtimes.base import Stack
from stack.settings import Settings
from steps.components import until
from steps.git_people import GitPeople
from steps.people import People
from steps.raw import RawClients

__all__: list[str] = []

_WHO = r'"(?P<name>[\w -]+)"'


@pytest.fixture
def git_people(people: People, tmp_path: Path, settings: Settings) -> GitPeople:
    """Everybody's clones."""
    return GitPeople(people, tmp_path, settings.slow)


@given(parsers.parse('"{name}" has a repository "{repository}" with the file "{path}" saying "{text}"'))
def repository_with_file(
    people: People, git_people: GitPeople, name: str, repository: str, path: str, text: str
) -> None:
    people.repository(repository)
    git_people.push_file(name, repository, path, f"{text}\n")
    _needed(git_people)


@given(parsers.parse('"{name}" has pushed {number:d} files of {kilobytes:d} kilobytes to "{repository}"'))
def has_pushed(git_people: GitPeople, name: str, number: int, kilobytes: int, repository: str) -> None:
    git_people.push_files(name, repository, number, kilobytes)
    _needed(git_people)


@given(parsers.parse('"{name}" has pushed a change of "{path}" to the branch "{branch}" of "{repository}"'))
def has_pushed_change(git_people: GitPeople, name: str, path: str, branch: str, repository: str) -> None:
    _push_change(git_people, name, path, branch, repository)
    _needed(git_people)


@given(parsers.parse('"{name}" has a clone of "{repository}"'))
def has_clone(git_people: GitPeople, name: str, repository: str) -> None:
    git_people.keep_clone(name, repository)


@given(parsers.parse('"{name}" has opened a pull request from "{branch}" in "{repository}"'))
def has_opened(people: People, name: str, branch: str, repository: str) -> None:
    body = {"title": f"merge {branch}", "head": branch, "base": "main"}
    people.must(name, "POST", f"/api/v1/repos/{repository}/pulls", json=body)
    people.pull = (repository, int(str(people.answer.field("number"))))


def _needed(git_people: GitPeople) -> None:
    if not git_people.last.ok:
        raise NeedMissingError("git-http", "The push that this scenario needs was refused", got=git_people.last.text)


def _push_change(git_people: GitPeople, name: str, path: str, branch: str, repository: str) -> None:
    text = f"{branch} {len(git_people.outcomes)}\n"
    if branch != "main":
        git_people.push_file(name, repository, path, text, branch=branch)
    else:
        git_people.push_file(name, repository, path, f"{text}another\n")


@when(parsers.parse('"{name}" pushes {number:d} files of {kilobytes:d} kilobytes to "{repository}"'))
def pushes(git_people: GitPeople, name: str, number: int, kilobytes: int, repository: str) -> None:
    git_people.push_files(name, repository, number, kilobytes)


@when(parsers.parse('"{name}" pushes a change of "{path}" to the branch "{branch}" of "{repository}"'))
def pushes_change(git_people: GitPeople, name: str, path: str, branch: str, repository: str) -> None:
    _push_change(git_people, name, path, branch, repository)


@when(parsers.parse('"{name}" pushes a file "{path}" with "{text}" to "{repository}"'))
def pushes_file(git_people: GitPeople, name: str, path: str, text: str, repository: str) -> None:
    git_people.push_file(name, repository, path, f"{text}\n")


@when(parsers.parse('"{name}" clones "{repository}"'))
def clones(git_people: GitPeople, name: str, repository: str) -> None:
    git_people.clone(name, repository)


@when(parsers.parse('"{name}" fetches'))
def fetches(git_people: GitPeople, name: str) -> None:
    git_people.fetch(name)


@when(parsers.parse('"{name}" sends a damaged pack to "{repository}"'))
def damaged_pack(git_people: GitPeople, raw: RawClients, name: str, repository: str) -> None:
    git_people.outcomes.append(raw.push_damaged(name, repository, git_people.pushed[repository]))


@when(parsers.parse('the component "{component}" is killed while "{name}" pushes {megabytes:d} megabytes to "{repo}"'))
def killed_while_pushing(
    stack: Stack, git_people: GitPeople, component: str, name: str, megabytes: int, repo: str
) -> None:
    git_people.during(lambda: stack.kill(component), "push", name, repo, megabytes)
    git_people.finish()
    assert not git_people.last.ok, "the push was accepted though the service was killed before it had arrived"


@when(parsers.parse('the component "{component}" is asked to stop while "{name}" clones "{repository}"'))
def stopped_while_cloning(stack: Stack, git_people: GitPeople, component: str, name: str, repository: str) -> None:
    git_people.during(lambda: stack.restart(component), "clone", name, repository)


@then("the clone that had begun is whole and stands at the pushed commit")
def begun_clone_whole(git_people: GitPeople) -> None:
    (repository,) = git_people.pushed
    git_people.expect_whole(git_people.finish(), repository)


@then("the push is accepted")
def accepted(git_people: GitPeople) -> None:
    assert git_people.last.ok, git_people.last.text


@then("the push is refused")
def refused(git_people: GitPeople) -> None:
    assert not git_people.last.ok, "it was accepted"


@then(parsers.re(rf'a clone of "(?P<repo>[^"]+)" by {_WHO} is whole and stands at the pushed commit$'))
def clone_whole(git_people: GitPeople, repo: str, name: str) -> None:
    git_people.expect_whole(git_people.clone(name, repo), repo)


@then(
    parsers.re(
        rf'a clone of "(?P<repo>[^"]+)" by {_WHO} is whole and stands at the pushed commit '
        r"within (?P<seconds>\d+) seconds"
    )
)
def clone_whole_within(git_people: GitPeople, repo: str, name: str, seconds: str) -> None:
    until(lambda: _clones(git_people, name, repo), float(seconds) * git_people.slow, lambda: git_people.last.text)
    git_people.expect_whole(git_people.clone(name, repo), repo)


def _clones(git_people: GitPeople, name: str, repo: str) -> bool:
    git_people.clone(name, repo)
    return git_people.last.ok


@then(parsers.parse('a clone of "{repo}" by "{name}" has no commit'))
def clone_empty(git_people: GitPeople, repo: str, name: str) -> None:
    clone = git_people.clone(name, repo)
    assert git_people.last.ok, git_people.last.text
    assert git_people.git(["rev-list", "--all", "--count"], clone).text.strip() == "0"


@then(parsers.parse('a clone of "{repo}" by "{name}" is refused with the status {status:d}'))
def clone_refused(git_people: GitPeople, repo: str, name: str, status: int) -> None:
    git_people.clone(name, repo)
    assert not git_people.last.ok, "it was answered"
    assert f"error: {status}" in git_people.last.text, git_people.last.text


@then(parsers.parse('a push by "{name}" to "{repo}" is refused with the status {status:d}'))
def push_refused(git_people: GitPeople, repo: str, name: str, status: int) -> None:
    before = dict(git_people.pushed)
    git_people.push_file(name, repo, "more.txt", "more\n")
    assert not git_people.last.ok, "it was accepted"
    assert f"error: {status}" in git_people.last.text, git_people.last.text
    assert git_people.pushed == before


@then("both are refused with the same words")
def same_words(git_people: GitPeople) -> None:
    one, two = git_people.outcomes[-2:]
    assert not one.ok
    assert not two.ok
    assert _nameless(one.text) == _nameless(two.text), f"{one.text!r} is not {two.text!r}"


def _nameless(text: str) -> str:
    return re.sub(r"\bada/[\w-]+|/tmp/\S+|'[^']*/clone'", "NAME", text)


@then(parsers.parse('the clone of "{name}" stands at the pushed commit'))
def kept_stands(git_people: GitPeople, name: str) -> None:
    assert git_people.last.ok, git_people.last.text
    assert git_people.kept_tip(name) in git_people.pushed.values()


@then(parsers.parse("fewer than {kilobytes:d} kilobytes were fetched"))
def few_fetched(git_people: GitPeople, kilobytes: int) -> None:
    assert 0 < git_people.fetched_bytes < kilobytes * 1024, f"{git_people.fetched_bytes} bytes were fetched"


@then(parsers.parse('"{repository}" still stands at the commit pushed by "{name}"'))
def still_stands(git_people: GitPeople, repository: str, name: str) -> None:
    assert git_people.remote(name, repository, "refs/heads/main") == git_people.pushed[repository]


@then(parsers.parse('"{name}" can push to "{repository}" again'))
def can_push(git_people: GitPeople, name: str, repository: str) -> None:
    git_people.git(["reset", "--quiet", "--hard", git_people.pushed[repository]], git_people.work(name, repository))
    git_people.push_file(name, repository, "again.txt", "again\n")
    assert git_people.last.ok, git_people.last.text
    git_people.expect_whole(git_people.clone(name, repository), repository)


@then(parsers.parse('"{name}" can no longer read "{repository}"'))
def cannot_read(people: People, git_people: GitPeople, name: str, repository: str) -> None:
    git_people.clone(name, repository)
    assert not git_people.last.ok
    assert people.ask(name, "GET", f"/api/v1/repos/{repository}").status == 404


@then(parsers.parse('"{ref}" of "{repository}" is the pushed commit'))
def ref_is_pushed(git_people: GitPeople, ref: str, repository: str) -> None:
    assert git_people.remote(repository.partition("/")[0], repository, ref) == git_people.pushed[repository]


@when(parsers.parse('"{name}" merges the pull request'))
def merges(people: People, name: str) -> None:
    repository, number = people.pull
    people.ask(name, "POST", f"/api/v1/repos/{repository}/pulls/{number}/merge", json={})


@then(parsers.parse('the branch "{branch}" of "{repository}" contains the pushed commit'))
def contains_pushed(people: People, git_people: GitPeople, branch: str, repository: str) -> None:
    assert people.answer.status == 200, people.answer.text
    name = repository.partition("/")[0]
    assert git_people.contains(name, repository, branch, git_people.pushed[repository])


@then(parsers.parse("the pull request is {state}"))
def pull_state(people: People, state: str) -> None:
    repository, number = people.pull
    answer = people.ask(repository.partition("/")[0], "GET", f"/api/v1/repos/{repository}/pulls/{number}")
    assert answer.field("state") == state


@then(parsers.parse('the journal says of "{repository}" what git has, and doubts none of it'))
def journal_says(stack: Stack, settings: Settings, repository: str) -> None:
    assert stack.addresses.database is not None
    assert stack.addresses.git is not None
    git = LocalGit(Path(stack.addresses.git.location))
    query = "SELECT f.ref, f.oid FROM repository_ref f JOIN repository r ON r.id = f.repository_id WHERE r.name = %s"
    with psycopg.connect(stack.addresses.database.conninfo(), autocommit=True) as db:
        name = repository.partition("/")[2]

        def told() -> dict[str, str]:
            return dict(db.execute(query, (name,)).fetchall())

        until(lambda: told() == git.refs(f"{repository}.git"), 5 * settings.slow, told)
        assert {"refs/heads/main", "refs/heads/topic", "refs/pull/1/head"} <= told().keys()
        rows = db.execute(
            "SELECT updates, is_doubtful FROM push_journal WHERE name = %s ORDER BY id", (name,)
        ).fetchall()
    assert [updates for updates, doubtful in rows if doubtful] == []
    played: dict[str, str | None] = {}
    for updates, _ in rows:
        for move in updates:
            assert played.get(move["ref"]) == move["old"], "the chain has a hole"
            played[move["ref"]] = move["new"]
    assert {ref: oid for ref, oid in played.items() if oid is not None} == git.refs(f"{repository}.git")
