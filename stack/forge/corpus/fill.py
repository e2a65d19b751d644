"""Fills a forge with the corpus: all of it or nothing, once, and the same every time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from stack.forge.corpus import archive, gitfill, rows
from stack.forge.corpus.clients import Clients
from stack.forge.corpus.fetch import Archives, fetch
from stack.forge.corpus.manifest import MANIFEST, Manifest, Size, load_manifest
from stack.forge.corpus.people import Society, society
from stack.forge.corpus.plan import PlannedRepository, plan_package, plan_spare
from stack.forge.errors import InvalidError
from stack.forge.git import refs_digest
from stack.forge.git_local import LocalGit
from stack.forge.names import git_name, wiki_git_name
from stack.forge.repositories import Repositories
from stack.forge.smsly import SmslyForge

__all__ = ["FillReport", "fill", "objects"]

_SEED = "engine room 1"  # raise the number when anything here writes something else than it did


@dataclass(frozen=True)
class FillReport:
    """What filling did.

    Attributes:
        filled: false when the forge was full already, and nothing was done.
        repositories: how many the corpus has.
        commits: how many were written.
    """

    filled: bool
    repositories: int
    commits: int


def fill(
    forge: SmslyForge,
    git_root: Path,
    size: Size = "small",
    *,
    cache_dir: Path,
    clients: Clients | None = None,
    progress: Callable[[str], None] | None = None,
    manifest: Path = MANIFEST,
) -> FillReport:
    """Fill a forge with real code and made-up people.

    Git is written first, then all rows in one transaction: an interrupted run is simply run again. Secrets of webhooks
    and runners are random and written only when the forge has keys; everything else depends on nothing but the input.

    Args:
        forge: a migrated smsly-code forge; what is in it already stays.
        git_root: folder of its git repositories.
        size: which corpus.
        cache_dir: where archives are kept between runs.
        clients: package clients that are not on PATH.
        progress: told one line for each step.
        manifest: the corpus file.

    Raises:
        InvalidError: the forge holds another corpus.
        NeedMissingError, ClientError, ChecksumError: an archive can't be had; see `fetch`.
    """
    say = progress or (lambda _: None)
    corpus = load_manifest(manifest)
    digest = hashlib.sha256(f"{_SEED} {size} {corpus.digest}".encode()).hexdigest()
    known = forge.corpus_digest()
    if known == digest:
        return FillReport(filled=False, repositories=0, commits=0)
    if known is not None:
        raise InvalidError(
            "The forge already holds another corpus", on=size, got=known[:12], fix="start with an empty forge"
        )
    archives = fetch(corpus, size, cache_dir=cache_dir, clients=clients, progress=say)
    everybody = society(_SEED)
    plans = _plans(corpus, size, archives, everybody)
    repositories = Repositories(git_root)
    _refuse_taken(forge, plans)
    written = {}
    for position, plan in enumerate(plans, start=1):
        say(f"corpus: {plan.full_name} ({position} of {len(plans)})")
        written[plan.full_name] = gitfill.write(repositories, plan, archives)
    say("corpus: writing people, issues and pull requests")
    with LocalGit(git_root) as git, forge.together():
        forge.begin_corpus()
        rows.write_people(forge, everybody)
        for plan in plans:
            wiki = _digest(git, wiki_git_name(plan.owner, plan.name)) if plan.wiki else None
            digests = (_digest(git, git_name(plan.owner, plan.name)), wiki)
            rows.write_repository(forge, plan, written[plan.full_name], archives, digests)
        forge.set_corpus_digest(digest)
    commits = sum(len(one.versions) + len(one.pulls) + len(one.merges) + len(one.wiki) for one in written.values())
    return FillReport(filled=True, repositories=len(plans), commits=commits)


def objects(
    size: Size, *, cache_dir: Path, clients: Clients | None = None, manifest: Path = MANIFEST
) -> Iterator[tuple[str, bytes]]:
    """Key and content of every object that rows of the corpus name: attachments of releases and large files."""
    corpus = load_manifest(manifest)
    archives = fetch(corpus, size, cache_dir=cache_dir, clients=clients)
    for plan in _plans(corpus, size, archives, society(_SEED)):
        if plan.package is not None:
            path = archives[plan.package.name, plan.releases[-1][0].version]
            yield rows.attachment(plan, path).object_key, path.read_bytes()
        for item, data in rows.large_files(plan):
            yield item.object_key, data


def _plans(corpus: Manifest, size: Size, archives: Archives, everybody: Society) -> list[PlannedRepository]:
    plans = []
    for package in corpus.packages(size):
        latest = archives[package.name, package.versions[-1].version]
        plans.append(plan_package(_SEED, package, archive.paths(package, latest), everybody))
    return [*plans, *plan_spare(_SEED, everybody)]


def _refuse_taken(forge: SmslyForge, plans: list[PlannedRepository]) -> None:
    """A git repository of a corpus name is replaced, so no row may name it yet."""
    for plan in plans:
        if forge.find_repository(plan.owner, plan.name) is not None:
            raise InvalidError(
                "The forge has a repository of a name that the corpus needs",
                on=plan.full_name,
                fix="start with an empty forge",
            )


def _digest(git: LocalGit, repo: str) -> str:
    return refs_digest(git.refs(repo), git.head(repo))
