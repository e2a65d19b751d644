"""Brings issues, pull requests, wiki pages, people and repositories in an engine to the state of the forge."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

from stack.forge.adapter import Forge
from stack.forge.errors import RepositoryMissingError
from stack.forge.git import GitAccess
from stack.forge.model import Comment, Repository
from stack.search.engines.base import Document, Engine, EngineRefusedError, Index, Ticket
from stack.search.extract import records
from stack.search.extract.decode import NotText, decode
from stack.search.extract.records import RecordDocument
from stack.search.mapping import record
from stack.search.state import State

__all__ = ["RecordIndexer"]

_BATCH = 500
_WIKI_LIMIT = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Item:
    """One record to put, or (without fields) to delete."""

    id: str
    repository_id: int | None
    fields: Document | None = None


@dataclass(slots=True)
class RecordIndexer:
    """Compares records by digest and sends only those that differ, many repositories in one batch.

    Args:
        forge: where records come from.
        git: where wiki pages come from.
        engine: where documents go.
        state: what the engine holds.
        timeout: seconds to wait for one batch.
        changed: how many records were put or deleted.
        refused: ids of the records that the engine refused.
        spoilt: repositories (`None`: people) of which something was refused.
    """

    forge: Forge
    git: GitAccess
    engine: Engine
    state: State
    timeout: float = 300
    changed: int = 0
    refused: list[str] = field(default_factory=list)
    spoilt: set[int | None] = field(default_factory=set)
    _waiting: dict[Index, list[_Item]] = field(default_factory=dict)

    def work(self, repository: Repository) -> None:
        """Issues and pull requests of one repository with their comments."""
        talk: dict[int, list[Comment]] = {}
        for comment in self.forge.comments(repository.id):
            talk.setdefault(comment.issue_id, []).append(comment)
        issues = self.forge.issues(repository.id)
        pulls = self.forge.pull_requests(repository.id)
        self._sync(
            Index.ISSUES,
            repository.id,
            (records.issue(issue, repository, talk.get(issue.id, ())) for issue in issues),
        )
        self._sync(
            Index.PULL_REQUESTS,
            repository.id,
            (records.pull_request(pull, repository, talk.get(pull.id, ())) for pull in pulls),
        )

    def wiki(self, repository: Repository) -> None:
        """The pages of one wiki, read from its git repository; no wiki is no pages."""
        try:
            pages = list(self._pages(repository))
        except RepositoryMissingError:
            pages = []
        self._sync(Index.WIKI, repository.id, pages)

    def people(self) -> None:
        """Users and organisations."""
        self._sync(Index.USERS, None, map(records.user, self.forge.users()))
        self._sync(Index.ORGANIZATIONS, None, map(records.organization, self.forge.organizations()))

    def repository(self, repository: Repository) -> None:
        """The record of one repository."""
        self._sync(Index.REPOSITORIES, repository.id, [records.repository(repository)])

    def forget(self, repository_id: int) -> None:
        """Remove every record of a repository that is no more."""
        for index in (Index.ISSUES, Index.PULL_REQUESTS, Index.WIKI, Index.REPOSITORIES):
            self._sync(index, repository_id, ())

    def flush(self) -> None:
        """Send what waits, and record it once the engine holds it."""
        waiting, self._waiting = self._waiting, {}
        sent = [(index, items, self._submit(index, items)) for index, items in waiting.items()]
        for index, items, ticket in sent:
            held = self._settled(index, items, ticket)
            put = [(item.id, item.repository_id, _digest(item.fields)) for item in held if item.fields is not None]
            self.state.change_records(index.value, put, [item.id for item in held if item.fields is None])
            self.changed += len(held)

    def _pages(self, repository: Repository) -> Iterator[RecordDocument]:
        name = self.forge.wiki_name(repository)
        head = self.git.head(name)
        if head.commit is None:
            return
        entries = [entry for entry in self.git.tree(name, head.commit) if entry.type == "blob"]
        touches = {touch.path: touch for touch in self.git.touches(name, head.commit)}
        blobs = self.git.blobs(name, [entry.oid for entry in entries], limit=_WIKI_LIMIT)
        for entry, blob in zip(entries, blobs, strict=True):
            text = decode(blob.data) if blob.data is not None else None
            if text is not None and not isinstance(text, NotText):
                yield records.wiki_page(repository, entry.path, text.text, touches.get(entry.path))

    def _sync(self, index: Index, repository_id: int | None, wanted: Iterable[RecordDocument]) -> None:
        known = self.state.records(index.value, repository_id)
        for document in chain.from_iterable(map(records.parts, wanted)):
            fields = record(document)
            if known.pop(document.id, None) != _digest(fields):
                self._wait(index, _Item(document.id, repository_id, fields))
        for key in known:
            self._wait(index, _Item(key, repository_id))

    def _wait(self, index: Index, item: _Item) -> None:
        items = self._waiting.setdefault(index, [])
        items.append(item)
        if len(items) >= _BATCH:
            self.flush()

    def _submit(self, index: Index, items: Iterable[_Item]) -> Ticket:
        self.state.send(index.value, ((item.id, item.repository_id, 1) for item in items))
        return self.engine.submit(
            index,
            put=[item.fields for item in items if item.fields is not None],
            delete=[item.id for item in items if item.fields is None],
        )

    def _settled(self, index: Index, items: list[_Item], ticket: Ticket) -> list[_Item]:
        """Wait for a batch; a refused one goes again without the records that the engine named."""
        try:
            ticket.wait(self.timeout)
        except EngineRefusedError as error:
            if not error.ids:
                raise
            self.refused += sorted(error.ids)
            self.spoilt |= {item.repository_id for item in items if item.id in error.ids}
            # What the engine held of a refused record before is not what the record says now.
            rest = [_Item(item.id, item.repository_id) if item.id in error.ids else item for item in items]
            self._submit(index, rest).wait(self.timeout)
            return rest
        return items


def _digest(fields: Document) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:32]
