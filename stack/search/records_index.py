"""Brings issues, pull requests, wiki pages, people and repositories in an engine to the state of the forge."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from stack.forge.adapter import Forge
from stack.forge.errors import RepositoryMissingError
from stack.forge.git import GitAccess
from stack.forge.model import Comment, Repository
from stack.search.engines.base import Document, Engine, EngineRefusedError, Index
from stack.search.extract import records
from stack.search.extract.decode import NotText, decode
from stack.search.extract.records import RecordDocument
from stack.search.mapping import record
from stack.search.state import State

__all__ = ["RecordIndexer"]

_BATCH = 500
_WIKI_LIMIT = 1024 * 1024


@dataclass(slots=True)
class RecordIndexer:
    """Compares records by digest and sends only those that differ.

    Args:
        forge: where records come from.
        git: where wiki pages come from.
        engine: where documents go.
        state: what the engine holds.
        timeout: seconds to wait for one batch.
    """

    forge: Forge
    git: GitAccess
    engine: Engine
    state: State
    timeout: float = 300
    changed: int = 0

    def work(self, repository: Repository) -> list[str]:
        """Issues and pull requests of one repository with their comments.

        Returns:
            Ids of the records that the engine refused.
        """
        talk: dict[int, list[Comment]] = {}
        for comment in self.forge.comments(repository.id):
            talk.setdefault(comment.issue_id, []).append(comment)
        issues = (
            records.issue(issue, repository, talk.get(issue.id, ())) for issue in self.forge.issues(repository.id)
        )
        pulls = (
            records.pull_request(pull, repository, talk.get(pull.id, ()))
            for pull in self.forge.pull_requests(repository.id)
        )
        return [
            *self._sync(Index.ISSUES, repository.id, issues),
            *self._sync(Index.PULL_REQUESTS, repository.id, pulls),
        ]

    def wiki(self, repository: Repository) -> list[str]:
        """The pages of one wiki, read from its git repository; no wiki is no pages."""
        try:
            pages = list(self._pages(repository))
        except RepositoryMissingError:
            pages = []
        return self._sync(Index.WIKI, repository.id, pages)

    def people(self) -> list[str]:
        """Users and organisations."""
        return [
            *self._sync(Index.USERS, None, (records.user(user) for user in self.forge.users())),
            *self._sync(
                Index.ORGANIZATIONS, None, (records.organization(entry) for entry in self.forge.organizations())
            ),
        ]

    def repository(self, repository: Repository) -> list[str]:
        """The record of one repository."""
        return self._sync(Index.REPOSITORIES, repository.id, [records.repository(repository)])

    def forget(self, repository_id: int) -> None:
        """Remove every record of a repository that is no more."""
        for index in (Index.ISSUES, Index.PULL_REQUESTS, Index.WIKI, Index.REPOSITORIES):
            self._sync(index, repository_id, ())

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

    def _sync(self, index: Index, repository_id: int | None, wanted: Iterable[RecordDocument]) -> list[str]:
        known = self.state.records(index.value, repository_id)
        refused: list[str] = []
        batch: list[Document] = []
        for document in chain.from_iterable(map(records.parts, wanted)):
            fields = record(document)
            digest = known.pop(document.id, None)
            if digest != _digest(fields):
                batch.append(fields)
            if len(batch) >= _BATCH:
                refused += self._send(index, repository_id, batch, ())
                batch = []
        refused += self._send(index, repository_id, batch, list(known))
        return refused

    def _send(self, index: Index, repository_id: int | None, put: list[Document], delete: Iterable[str]) -> list[str]:
        gone = list(delete)
        refused: set[str] = set()
        if not put and not gone:
            return []
        try:
            self.engine.submit(index, put=put, delete=gone).wait(self.timeout)
        except EngineRefusedError as error:
            if not error.ids:
                raise
            refused = set(error.ids)
            rest = [fields for fields in put if fields["id"] not in refused]
            self.engine.submit(index, put=rest, delete=gone).wait(self.timeout)
        held = {str(fields["id"]): _digest(fields) for fields in put if fields["id"] not in refused}
        self.state.change_records(index.value, repository_id, held, gone)
        self.changed += len(held) + len(gone)
        return sorted(refused)


def _digest(fields: Document) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:32]
