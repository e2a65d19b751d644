"""Issues, pull requests, wiki pages, people, organisations and repositories as search documents.

They hold what the forge shows to everybody who may see the record: names, never the address of a mailbox.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from stack.forge.git_types import Touch
from stack.forge.model import Comment, Issue, Organization, PullRequest, Repository, User
from stack.search.extract.document import display_path, part_id
from stack.search.extract.identifiers import identifier_parts
from stack.search.extract.parts import cut, positions

__all__ = [
    "Kind",
    "RecordDocument",
    "issue",
    "organization",
    "parts",
    "pull_request",
    "record_id",
    "repository",
    "user",
    "wiki_page",
]

Kind = Literal["issue", "pull_request", "wiki", "user", "organization", "repository"]

_ID_DIGITS = 48
_PUBLIC = "public"
_BETWEEN_ELEMENTS = 8  # positions between the elements of an array, see parts.py
_MAX_COMMENT_POSITIONS = 60_000


@dataclass(frozen=True, slots=True)
class RecordDocument:
    """One record, flat; a record too long for an engine is several (`parts`).

    Args:
        id: hexadecimal, 54 characters: `file_id` and the part number.
        file_id: of the whole record; stable while the record lives, whatever it is renamed to.
        kind: what it is.
        title: the title, or the name of a person, organisation or repository.
        url: path on the forge, without host.
        body: its text.
        comments: texts of its comments, oldest first.
        author: who opened it, or wrote the page last; the username itself, for a user.
        state: `open`, `closed`, `merged`; `active`, `inactive` for a user; `""` otherwise.
        labels: names of its labels.
        number: the number within its repository, 0 when there is none.
        created: seconds since 1970, 0 when unknown.
        updated: seconds since 1970, 0 when unknown; of the newest comment, if that is later.
        repository_id: the repository it belongs to (or is); `None` for people and organisations.
        repository: `owner/name` of that repository, `""` without one.
        owner: owner of that repository, or the name of the person or organisation itself.
        visibility: `public` or `private`.
        stars: of that repository.
        archived: of that repository.
        fork: of that repository.
        identifiers: lower-cased parts of the compound identifiers in title, body and comments.
        part: 0-based number of this part.
        parts: how many there are.
    """

    id: str
    file_id: str
    kind: Kind
    title: str
    url: str
    body: str = ""
    comments: tuple[str, ...] = ()
    author: str = ""
    state: str = ""
    labels: tuple[str, ...] = ()
    number: int = 0
    created: int = 0
    updated: int = 0
    repository_id: int | None = None
    repository: str = ""
    owner: str = ""
    visibility: str = _PUBLIC
    stars: int = 0
    archived: bool = False
    fork: bool = False
    identifiers: tuple[str, ...] = field(default=(), repr=False)
    part: int = 0
    parts: int = 1


def record_id(kind: Kind, number: int, path: bytes = b"") -> str:
    """The id of a record, 48 hexadecimal digits.

    Args:
        kind: what it is.
        number: the forge's number for it; for a wiki page, its repository's.
        path: of a wiki page, raw.
    """
    return hashlib.sha256(b"%b\0%d\0%b" % (kind.encode(), number, path)).hexdigest()[:_ID_DIGITS]


def issue(record: Issue, at: Repository, comments: Iterable[Comment] = ()) -> RecordDocument:
    """An issue with its comments."""
    return _work("issue", f"/{at.full_name}/issues/{record.number}", record, at, comments)


def pull_request(record: PullRequest, at: Repository, comments: Iterable[Comment] = ()) -> RecordDocument:
    """A pull request with its comments."""
    return _work("pull_request", f"/{at.full_name}/pull/{record.number}", record, at, comments)


def wiki_page(at: Repository, path: bytes, text: str, touch: Touch | None = None) -> RecordDocument:
    """A page of a repository's wiki.

    Args:
        at: the repository.
        path: of the page's file in the wiki's git repository; its name without extension is the title.
        text: the page.
        touch: the last commit that changed it.
    """
    shown = display_path(path)
    folder, _, name = shown.rpartition("/")
    stem = name.rpartition(".")[0] or name
    identity = record_id("wiki", at.id, path)
    changed = _seconds(touch.author_date) if touch else 0
    title = stem.replace("-", " ").strip() or stem
    return _within(
        at,
        RecordDocument(
            id=part_id(identity, 0),
            file_id=identity,
            kind="wiki",
            title=f"{folder}/{title}" if folder else title,
            url=f"/{at.full_name}/wiki/{f'{folder}/' if folder else ''}{stem}",
            body=text,
            author=touch.author_name if touch else "",
            updated=changed,
            created=changed,
        ),
    )


def user(record: User) -> RecordDocument:
    """A person; deactivated ones are marked, so that a search can leave them out."""
    identity = record_id("user", record.id)
    return _with_identifiers(
        RecordDocument(
            id=part_id(identity, 0),
            file_id=identity,
            kind="user",
            title=record.username,
            url=f"/{record.username}",
            body=_lines(record.full_name, record.bio, record.location, record.website),
            author=record.username,
            state="active" if record.is_active else "inactive",
            created=_seconds(record.created_at),
            updated=_seconds(record.updated_at),
            owner=record.username,
        )
    )


def organization(record: Organization) -> RecordDocument:
    """An organisation."""
    identity = record_id("organization", record.id)
    return _with_identifiers(
        RecordDocument(
            id=part_id(identity, 0),
            file_id=identity,
            kind="organization",
            title=record.name,
            url=f"/{record.name}",
            body=_lines(record.full_name, record.description, record.location, record.website),
            created=_seconds(record.created_at),
            updated=_seconds(record.updated_at),
            owner=record.name,
        )
    )


def repository(record: Repository) -> RecordDocument:
    """A repository, found by its name and description."""
    identity = record_id("repository", record.id)
    return _within(
        record,
        RecordDocument(
            id=part_id(identity, 0),
            file_id=identity,
            kind="repository",
            title=record.name,
            url=f"/{record.full_name}",
            body=record.description,
            author=record.owner,
            created=_seconds(record.created_at),
            updated=_seconds(record.updated_at),
        ),
    )


def parts(whole: RecordDocument) -> list[RecordDocument]:
    """The record itself if no engine would truncate it, else as many parts as it takes; nothing is dropped.

    Each part repeats everything but body, comments and identifiers, which are its own.
    """
    bodies = [whole.body[part.start : part.end] for part in cut(whole.body)]
    groups = list(_groups(whole.comments))
    count = max(len(bodies), len(groups), 1)
    if count == 1:
        return [whole]
    return [
        _with_identifiers(
            replace(
                whole,
                id=part_id(whole.file_id, number),
                body=bodies[number] if number < len(bodies) else "",
                comments=groups[number] if number < len(groups) else (),
                part=number,
                parts=count,
            )
        )
        for number in range(count)
    ]


def _groups(comments: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Comments in groups that stay below an engine's number of positions; a huge one is cut."""
    group: list[str] = []
    used = 0
    for comment in comments:
        for part in cut(comment):
            piece = comment[part.start : part.end]
            cost = positions(piece) + _BETWEEN_ELEMENTS
            if group and used + cost > _MAX_COMMENT_POSITIONS:
                yield tuple(group)
                group, used = [], 0
            group.append(piece)
            used += cost
    if group:
        yield tuple(group)


def _work(
    kind: Literal["issue", "pull_request"],
    url: str,
    record: Issue | PullRequest,
    at: Repository,
    comments: Iterable[Comment],
) -> RecordDocument:
    said = sorted(comments, key=lambda comment: (comment.created_at, comment.id))
    identity = record_id(kind, record.id)
    return _within(
        at,
        RecordDocument(
            id=part_id(identity, 0),
            file_id=identity,
            kind=kind,
            title=record.title,
            url=url,
            body=record.body,
            comments=tuple(comment.body for comment in said),
            author=record.author,
            state=record.state,
            labels=record.labels,
            number=record.number,
            created=_seconds(record.created_at),
            updated=max(map(_seconds, (record.updated_at, *(comment.updated_at for comment in said)))),
        ),
    )


def _within(at: Repository, document: RecordDocument) -> RecordDocument:
    """Adds what the repository says, above all who may see it."""
    return _with_identifiers(
        replace(
            document,
            repository_id=at.id,
            repository=at.full_name,
            owner=at.owner,
            visibility=at.visibility,
            stars=at.stars,
            archived=at.archived,
            fork=at.fork,
        )
    )


def _with_identifiers(document: RecordDocument) -> RecordDocument:
    texts = (document.title, document.body, *document.comments)
    return replace(document, identifiers=identifier_parts("\n".join(texts)))


def _lines(*texts: str) -> str:
    return "\n".join(text for text in texts if text)


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
