"""Suggestions while somebody types: names that begin so, of what this viewer may see, and of nothing else."""

from __future__ import annotations

import contextvars
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal
from urllib.parse import quote

import structlog

from stack.forge.adapter import Forge
from stack.search.access import Access
from stack.search.engines.base import Engine, EngineError, Equals, Filter, Hit, Index, Not, SearchRequest
from stack.search.engines.words import tokens
from stack.search.mapping import numbers, symbols, texts
from stack.search.state import IndexedRepository, State, translated
from stack.services.search.pool import LateError

__all__ = ["Suggester", "Suggestion"]

Kind = Literal["symbol", "file", "repo", "user", "org"]

_log = structlog.get_logger("suggest")
_FILES = 12
_NAMES = 8
_SHORTEST_IN_CODE = 2
_PATIENCE = 1.0  # seconds beyond the budget, where otherwise there would be nothing to show: an engine may be cold
# A filter that names what is looked for chooses the kinds; every other one is not looked up here.
_ONLY: dict[str, tuple[Kind, ...]] = {
    "sym": ("symbol",),
    "file": ("file",),
    "path": ("file",),
    "repo": ("repo",),
    "org": ("org", "user"),
    "author": ("user",),
}
_FILTER = re.compile(r"-?([a-z]+):")
_ALL: tuple[Kind, ...] = ("symbol", "file", "repo", "user", "org")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One name.

    Args:
        kind: what it is a name of.
        text: the name.
        detail: where it is.
        url: path on the forge, percent-encoded.
        repository_id: what it is in; `None` for people.
    """

    kind: Kind
    text: str
    detail: str
    url: str
    repository_id: int | None = None


@dataclass(frozen=True, slots=True)
class Suggester:
    """Looks names up in one engine. Not for use by several threads at once; `state` is closed with it.

    Args:
        forge: says who may read what.
        engine: holds the names; asked by several threads.
        state: what the engine holds.
        threads: ask it all at once.
        seconds: for the whole; kinds that are not there by then are left out, unless none is.
    """

    forge: Forge
    engine: Engine
    state: State
    threads: Executor
    seconds: float

    def close(self) -> None:
        """Close the connection."""
        self.state.close()

    def suggest(self, text: str, *, viewer: str | None, limit: int) -> list[Suggestion]:
        """Names that begin with the last word of a text.

        Args:
            text: what was typed so far.
            viewer: username; `None` is an anonymous visitor.
            limit: how many.

        Raises:
            EngineRoomError: it can't be known what this viewer may see, or the engine answers nothing at all.
        """
        begun = time.monotonic()
        kinds, prefix = _asked(text)
        if not tokens(prefix):
            return []
        with translated():
            access = Access.of(self.forge, self.state, viewer)
            known = self.state.repositories()
        seen = _Seen(access, known, prefix)
        found = self._found(kinds, seen, begun + self.seconds)
        mixed = list(_mixed(found, prefix))[: limit * 2]
        readable = self.forge.readable(viewer, {one.repository_id for one in mixed if one.repository_id is not None})
        allowed = [one for one in mixed if one.repository_id is None or one.repository_id in readable]
        return allowed[:limit]

    def _found(self, kinds: tuple[Kind, ...], seen: _Seen, deadline: float) -> list[list[Suggestion]]:
        asked = {kind: self._ask(kind, seen) for kind in kinds}
        _until(list(asked.values()), deadline, deadline + _PATIENCE)
        found: list[list[Suggestion]] = []
        errors: list[EngineError] = []
        for kind, future in asked.items():
            if not future.done():
                future.cancel()
                continue
            error = future.exception()
            if isinstance(error, EngineError):
                errors.append(error)
                _log.warning("no suggestions", kind=kind, error=error.what, error_got=error.got[:200])
            elif error is not None:
                raise error
            else:
                found.append(future.result())
        if errors and not found:
            raise errors[0]
        if asked and not found:
            raise LateError("The search engine did not answer in time", got=f"{self.seconds:g} s")
        return found

    def _ask(self, kind: Kind, seen: _Seen) -> Future[list[Suggestion]]:
        request = _request(kind, seen)
        make = _MAKE[kind]
        context = contextvars.copy_context()

        def answer() -> list[Suggestion]:
            if request is None:
                return []
            hits = self.engine.search(request).hits
            return list(dict.fromkeys(one for hit in hits for one in make(hit, seen)))

        return self.threads.submit(context.run, answer)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the viewer may see, and what was typed."""

    access: Access
    repositories: dict[int, IndexedRepository]
    prefix: str

    def repository(self, hit: Hit) -> IndexedRepository | None:
        found = self.repositories.get(numbers(hit.source, "repository_id"))
        return found if found is not None and self.access.allows(found) else None

    def begins(self, name: str) -> bool:
        return name.casefold().startswith(self.prefix.casefold())


def _until(asked: list[Future[list[Suggestion]]], deadline: float, last: float) -> None:
    """Wait for all until the deadline, and where that brought nothing at all, for anything until the last one."""
    wait(asked, max(0.0, deadline - time.monotonic()))
    waiting = {future for future in asked if not future.done()}
    while waiting and not any(_some(future) for future in asked) and time.monotonic() < last:
        _, waiting = wait(waiting, max(0.0, last - time.monotonic()), return_when=FIRST_COMPLETED)


def _some(future: Future[list[Suggestion]]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None and bool(future.result())


def _asked(text: str) -> tuple[tuple[Kind, ...], str]:
    """The kinds and the beginning that are looked for."""
    if not text or text[-1:].isspace():
        return (), ""
    last = text.rsplit(maxsplit=1)[-1]
    match = _FILTER.match(last)
    if match is None:
        return _ALL, last.lstrip("-\"'(")
    return _ONLY.get(match[1], ()), last[match.end() :].lstrip("\"'=")


def _request(kind: Kind, seen: _Seen) -> SearchRequest | None:
    where: Filter = seen.access.filter()
    if kind in {"symbol", "file"}:
        if len(seen.prefix) < _SHORTEST_IN_CODE:
            return None
        within = ("symbol_names",) if kind == "symbol" else ("basename",)
        fields = ("repository_id", "path", "basename", *(("symbols",) if kind == "symbol" else ()))
        # Without `distinct`: the parts of a file hold different symbols, and counting files takes its time.
        return _prefixed(Index.CODE, seen.prefix, within, where=where, limit=_FILES, fields=fields)
    if kind == "repo":
        name = seen.prefix.rpartition("/")[2]
        fields = ("repository_id",)
        if not tokens(name):
            return None
        return _prefixed(Index.REPOSITORIES, name, ("title",), where=where, limit=_NAMES, fields=fields)
    index = Index.USERS if kind == "user" else Index.ORGANIZATIONS
    active = Not(Equals("state", "inactive"))
    return _prefixed(index, seen.prefix, ("title",), where=active, limit=_NAMES, fields=("title", "url"))


def _prefixed(
    index: Index, prefix: str, within: tuple[str, ...], *, where: Filter, limit: int, fields: tuple[str, ...]
) -> SearchRequest:
    return SearchRequest(
        index=index, words=(prefix,), within=within, filter=where, limit=limit, prefix_last=True, fields=fields
    )


def _symbols(hit: Hit, seen: _Seen) -> Iterator[Suggestion]:
    repository = seen.repository(hit)
    if repository is None:
        return
    path = texts(hit.source, "path")
    for symbol in symbols(hit.source.get("symbols")):
        if seen.begins(symbol.name):
            yield Suggestion(
                "symbol",
                symbol.name,
                f"{symbol.kind} in {repository.name}/{path}",
                _blob(repository, path, f"#L{symbol.line}"),
                repository.repository_id,
            )


def _files(hit: Hit, seen: _Seen) -> Iterator[Suggestion]:
    repository = seen.repository(hit)
    if repository is None:
        return
    path = texts(hit.source, "path")
    yield Suggestion("file", path, repository.name, _blob(repository, path), repository.repository_id)


def _repositories(hit: Hit, seen: _Seen) -> Iterator[Suggestion]:
    repository = seen.repository(hit)
    if repository is None:
        return
    owner, _, _ = repository.name.partition("/")
    asked, slash, _ = seen.prefix.rpartition("/")
    if not slash or asked.casefold() == owner.casefold():
        url = f"/{quote(repository.name)}"
        yield Suggestion("repo", repository.name, repository.visibility, url, repository.repository_id)


def _people(kind: Kind) -> Callable[[Hit, _Seen], Iterator[Suggestion]]:
    def make(hit: Hit, seen: _Seen) -> Iterator[Suggestion]:
        name = texts(hit.source, "title")
        if seen.begins(name):
            yield Suggestion(kind, name, "", quote(texts(hit.source, "url") or f"/{name}"))

    return make


_MAKE: dict[Kind, Callable[[Hit, _Seen], Iterator[Suggestion]]] = {
    "symbol": _symbols,
    "file": _files,
    "repo": _repositories,
    "user": _people("user"),
    "org": _people("org"),
}


def _blob(repository: IndexedRepository, path: str, anchor: str = "") -> str:
    return f"/{quote(repository.name)}/blob/{repository.head}/{quote(path)}{anchor}"


def _mixed(found: list[list[Suggestion]], prefix: str) -> Iterator[Suggestion]:
    """Names that are just that first, then the best of each kind in turn."""
    typed = prefix.casefold()
    exact = [one for group in found for one in group if one.text.casefold() == typed][:3]
    yield from exact
    groups = [[one for one in group if one not in exact] for group in found]
    for group in groups:
        group.sort(key=lambda one: len(one.text))
    for row in zip_longest(*groups):
        yield from (one for one in row if one is not None)
