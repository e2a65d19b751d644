"""The reconciling poll: pushes that nobody announced are found by comparing refs with what they were."""

from __future__ import annotations

from dataclasses import dataclass, field

import structlog

from stack.forge.adapter import Forge
from stack.forge.errors import GitError, RepositoryMissingError
from stack.forge.git import GitAccess, refs_digest
from stack.forge.model import Repository

__all__ = ["PollReport", "poll_refs"]

_log = structlog.get_logger(__name__)


@dataclass
class PollReport:
    """What a poll saw.

    Attributes:
        looked: git repositories that were read.
        announced: `owner/name` (a wiki with `.wiki`) whose refs had moved without an event.
        missing: repositories of the forge that git doesn't have.
        failed: repositories that could not be read, and why.
    """

    looked: int = 0
    announced: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def poll_refs(forge: Forge, git: GitAccess) -> PollReport:
    """Compare every repository's refs with the recorded digest, and announce a push where they differ.

    One that can't be read is named in the report; the others are looked at all the same.
    """
    report = PollReport()
    digests = forge.ref_digests()
    for repository in forge.repositories():
        for wiki in (False, True):
            _look(forge, git, repository, digests.get((repository.id, wiki)), report, wiki=wiki)
    return report


def _look(
    forge: Forge, git: GitAccess, repository: Repository, known: str | None, report: PollReport, *, wiki: bool
) -> None:
    repo = forge.wiki_name(repository) if wiki else forge.git_name(repository)
    shown = repo.removesuffix(".git")
    try:
        digest = refs_digest(git.refs(repo), git.head(repo))
    except RepositoryMissingError:
        # Most repositories have no wiki; one that had refs before should still be there.
        if not wiki or known is not None:
            report.missing.append(shown)
        return
    except GitError as error:
        _log.warning("refs_unreadable", repository=shown, error=str(error))
        report.failed[shown] = str(error)
        return
    report.looked += 1
    if digest != known:
        forge.record_push(repository.owner, repository.name, [], digest=digest, wiki=wiki)
        report.announced.append(shown)
