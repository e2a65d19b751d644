"""Writes the git side of a planned repository: versions, branches of pull requests, a merge, tags, the wiki."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from stack.forge.corpus import archive
from stack.forge.corpus.fetch import Archives
from stack.forge.corpus.manifest import Package
from stack.forge.corpus.plan import PlannedRepository
from stack.forge.fastimport import Change, Commit
from stack.forge.names import git_name, wiki_git_name
from stack.forge.repositories import Repositories

__all__ = ["Written", "write"]

K = TypeVar("K")


@dataclass
class Written:
    """The commits of one repository.

    Attributes:
        versions: commit of each version.
        pulls: commit of each pull request's branch, by number.
        merges: merge commit of each merged pull request, by number.
        wiki: commit of each wiki page, by path.
    """

    versions: dict[str, str] = field(default_factory=dict)
    pulls: dict[int, str] = field(default_factory=dict)
    merges: dict[int, str] = field(default_factory=dict)
    wiki: dict[str, str] = field(default_factory=dict)


def write(repositories: Repositories, plan: PlannedRepository, archives: Archives) -> Written:
    """Make the git repositories of a plan anew; what an interrupted run has left under their names is replaced."""
    repo = git_name(plan.owner, plan.name)
    _fresh(repositories, repo)
    builder = _Builder(plan, archives)
    if plan.releases:
        oids = repositories.import_commits(repo, builder.commits())
        refs = {ref: oids[mark - 1] for ref, mark in builder.refs.items()}
        repositories.set_refs(repo, refs)
        builder.note(oids)
    if plan.wiki is not None:
        wiki = wiki_git_name(plan.owner, plan.name)
        _fresh(repositories, wiki)
        oids = repositories.import_commits(wiki, _wiki_commits(plan))
        repositories.set_refs(wiki, {"refs/heads/main": oids[-1]})
        builder.written.wiki = {path: oid for (_, path, _), oid in zip(plan.wiki.pages, oids, strict=True)}
    return builder.written


def _fresh(repositories: Repositories, repo: str) -> None:
    if repositories.exists(repo):
        repositories.delete(repo)
    repositories.create(repo)


class _Builder:
    def __init__(self, plan: PlannedRepository, archives: Archives) -> None:
        self._plan = plan
        self._archives = archives
        self._marks = 0
        self._notes: list[Callable[[list[str]], None]] = []
        self.refs: dict[str, int] = {}
        self.written = Written()

    def note(self, oids: list[str]) -> None:
        """Keep the ids of what was written."""
        for keep in self._notes:
            keep(oids)

    def commits(self) -> Iterator[Commit]:
        """Every commit, parents first."""
        parent: int | None = None
        for version, author, at in self._plan.releases:
            yield Commit(
                author=author.person,
                authored=at,
                message=f"Release {version.version}\n" if version.version else "First words\n",
                files=self._files(version.version),
                parents=(f":{parent}",) if parent else (),
                whole=True,
            )
            parent = self._next(self.written.versions, version.version)
            if version.version:
                self.refs[f"refs/tags/{_tag(self._plan.package, version.version)}"] = parent
        if parent is None:
            return
        base = parent
        for work in self._plan.work:
            if work.pull is None:
                continue
            change: tuple[bytes, Change] = (work.pull.path.encode(), work.pull.content)
            at = work.at.astimezone(work.author.zone) - timedelta(hours=1)
            yield Commit(work.author.person, at, f"{work.title}\n", [change], parents=(f":{base}",))
            head = self._next(self.written.pulls, work.number)
            self.refs[f"refs/heads/{work.pull.branch}"] = head
            self.refs[f"refs/pull/{work.number}/head"] = head
            if work.pull.merged_by is not None and work.closed_at is not None:
                by = work.pull.merged_by
                message = f"Merge pull request #{work.number}: {work.title}\n"
                when: datetime = work.closed_at.astimezone(by.zone)
                yield Commit(by.person, when, message, [change], parents=(f":{parent}", f":{head}"))
                parent = self._next(self.written.merges, work.number)
        self.refs["refs/heads/main"] = parent

    def _next(self, into: dict[K, str], key: K) -> int:
        self._marks += 1
        mark = self._marks

        def keep(oids: list[str]) -> None:
            into[key] = oids[mark - 1]

        self._notes.append(keep)
        return mark

    def _files(self, version: str) -> Iterator[tuple[bytes, Change]]:
        package = self._plan.package
        if package is None:
            return ((path.encode(), content) for path, content in self._plan.files)
        return archive.files(package, self._archives[package.name, version])


def _wiki_commits(plan: PlannedRepository) -> Iterator[Commit]:
    if plan.wiki is None:
        return
    for position, (at, path, text) in enumerate(plan.wiki.pages):
        yield Commit(
            author=plan.wiki.author.person,
            authored=at.astimezone(plan.wiki.author.zone),
            message=f"Write {path}\n",
            files=[(path.encode(), text.encode())],
            parents=(f":{position}",) if position else (),
        )


def _tag(package: Package | None, version: str) -> str:
    """Tags are named like `v1.2.3`; Go's versions are already."""
    return version if package is not None and package.client == "go" else f"v{version}"
