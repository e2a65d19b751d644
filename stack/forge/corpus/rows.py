"""Writes the rows of the reference forge: people, repositories, and the work on them."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

from stack.forge.corpus.fetch import Archives, sha256_of
from stack.forge.corpus.gitfill import Written
from stack.forge.corpus.people import BORN, ORGANIZATIONS, Society
from stack.forge.corpus.plan import PlannedRepository, Work
from stack.forge.corpus.words import LABELS
from stack.forge.errors import ForgeError
from stack.forge.model import Attachment, Level, LfsObject, Visibility
from stack.forge.smsly import SmslyForge

__all__ = ["attachment", "large_files", "write_people", "write_repository"]


def write_people(forge: SmslyForge, society: Society) -> None:
    """Everybody, and the organisations with their teams; teams get their single repositories later."""
    for member in society.members:
        forge.create_user(
            member.username,
            full_name=member.full_name,
            email=member.person.email,
            bio=member.bio,
            location=member.location,
            at=member.joined,
        )
    for position, (name, full_name, description) in enumerate(ORGANIZATIONS):
        at = BORN + timedelta(days=70 + position)
        owners = [member.username for member in society.owners[name]]
        forge.create_organization(name, owners=owners, full_name=full_name, description=description, at=at)
        teams = (
            ("maintainers", Level.WRITE, True, society.maintainers[name]),
            ("readers", Level.READ, False, society.readers[name]),
            ("guests", Level.NONE, True, society.guests[name]),
        )
        for team, level, everywhere, members in teams:
            usernames = [member.username for member in members]
            forge.create_team(name, team, level=level, all_repositories=everywhere, members=usernames, at=at)
        if forge.keeps_secrets:
            forge.add_runner_token(name, "shared runner", token=SecretStr(secrets.token_urlsafe(32)), at=at)


def write_repository(
    forge: SmslyForge, plan: PlannedRepository, written: Written, archives: Archives, digest: tuple[str, str | None]
) -> None:
    """One repository with all that hangs on it.

    Args:
        forge: where to.
        plan: what.
        written: its commits.
        archives: of the corpus; the latest becomes the attachment of its release.
        digest: of its refs, and of its wiki's refs.
    """
    owner, name = plan.owner, plan.name
    visibility: Visibility = "private" if plan.private else "public"
    forge.create_repository(owner, name, visibility=visibility, description=plan.description, at=plan.created_at)
    _write_access(forge, plan)
    for label, color, description in LABELS if plan.work else ():
        forge.create_label(owner, name, label, color=color, description=description)
    for work in plan.work:
        _write_work(forge, plan, work, written)
    _write_releases(forge, plan, written, archives)
    _write_wiki(forge, plan, written)
    last = _last(plan)
    for position, member in enumerate(plan.stars):
        forge.star(owner, name, member.username, at=last + timedelta(days=position + 1))
    for item, _ in large_files(plan):
        forge.add_lfs_object(owner, name, item, at=last)
    if plan.archived:
        forge.describe_repository(owner, name, archived=True)
    # The empty repository too: its recorded refs are what the poll compares with.
    forge.record_push(owner, name, [], digest=digest[0], at=last)
    if digest[1] is not None:
        forge.record_push(owner, name, [], digest=digest[1], wiki=True, at=last)


def large_files(plan: PlannedRepository) -> Iterator[tuple[LfsObject, bytes]]:
    """The large files of a repository, as rows and as content; only those with a webhook have some."""
    if not plan.webhook:
        return
    for number in range(2):
        data = hashlib.sha256(f"{plan.full_name} {number}".encode()).digest() * 512
        oid = hashlib.sha256(data).hexdigest()
        yield LfsObject(0, oid, len(data), f"lfs/{oid[:2]}/{oid[2:4]}/{oid}"), data


def attachment(plan: PlannedRepository, archive: Path) -> Attachment:
    """The attachment of a repository's latest release: the package's own archive."""
    tag = plan.releases[-1][0].version
    key = f"releases/{plan.full_name}/{tag}/{archive.name}"
    return Attachment(0, archive.name, archive.stat().st_size, sha256_of(archive), key, "application/octet-stream")


def _last(plan: PlannedRepository) -> datetime:
    return plan.releases[-1][2] if plan.releases else plan.created_at


def _write_access(forge: SmslyForge, plan: PlannedRepository) -> None:
    if plan.package is not None and plan.private:
        forge.add_team_repository(plan.owner, "readers", plan.name)
    for member, level in plan.collaborators:
        forge.add_collaborator(plan.owner, plan.name, member.username, level=Level(level), at=plan.created_at)
    if plan.webhook and forge.keeps_secrets:
        url, secret = f"https://hooks.forge.example/{plan.full_name}", SecretStr(secrets.token_urlsafe(32))
        forge.add_webhook(plan.owner, plan.name, url=url, secret=secret, at=_last(plan))


def _write_work(forge: SmslyForge, plan: PlannedRepository, work: Work, written: Written) -> None:
    owner, name, author = plan.owner, plan.name, work.author.username
    labels = [work.label] if work.label else []
    if work.pull is None:
        number = forge.open_issue(
            owner, name, author=author, title=work.title, body=work.body, labels=labels, at=work.at
        ).number
    else:
        commit = written.pulls[work.number]
        number = forge.open_pull_request(
            owner,
            name,
            author=author,
            title=work.title,
            body=work.body,
            labels=labels,
            head=work.pull.branch,
            head_commit=commit,
            base="main",
            at=work.at,
        ).number
        forge.set_status(owner, name, commit, context="ci/build", state="success", at=work.at)
        forge.set_status(owner, name, commit, context="ci/lint", state="failure", at=work.at)
    if number != work.number:
        raise ForgeError("A number was given out of turn", on=f"{plan.full_name}#{work.number}", got=str(number))
    for post in work.comments:
        forge.add_comment(owner, name, number, author=post.author.username, body=post.body, at=post.at)
    if work.closed_at is None:
        return
    if work.pull is not None and work.pull.merged_by is not None:
        by, commit = work.pull.merged_by.username, written.merges[number]
        forge.merge_pull_request(owner, name, number, by=by, merge_commit=commit, at=work.closed_at)
    else:
        forge.edit(owner, name, number, state="closed", at=work.closed_at)


def _write_releases(forge: SmslyForge, plan: PlannedRepository, written: Written, archives: Archives) -> None:
    package = plan.package
    if package is None:
        return
    for version, author, at in plan.releases:
        commit = written.versions[version.version]
        latest = version == plan.releases[-1][0]
        attachments = [attachment(plan, archives[package.name, version.version])] if latest else []
        forge.release(
            plan.owner,
            plan.name,
            tag=version.version if package.client == "go" else f"v{version.version}",
            commit=commit,
            author=author.username,
            title=f"{plan.name} {version.version}",
            body=f"{plan.description}. Version {version.version}.",
            attachments=attachments,
            at=at,
        )
        forge.set_status(plan.owner, plan.name, commit, context="ci/build", state="success", at=at)


def _write_wiki(forge: SmslyForge, plan: PlannedRepository, written: Written) -> None:
    if plan.wiki is None:
        return
    for at, path, _ in plan.wiki.pages:
        forge.record_wiki_page(
            plan.owner,
            plan.name,
            path,
            title=path.removesuffix(".md"),
            author=plan.wiki.author.username,
            commit=written.wiki[path],
            at=at,
        )
