"""Stimuli by people who search, and by pushes that are to be found."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

from steps.people import VISITOR
from steps.stimuli.base import OWNER, Bench, Stimulus
from steps.stimuli.outages import paused

__all__ = ["STIMULI", "engine_paused"]

_REPOSITORY = "found"
_TYPES = ("code", "issue", "pr", "wiki", "user", "org", "repo")
_NEEDS = ("api", "search")
_INDEXED = ("api", "git-http", "indexer")


def _prepare(bench: Bench) -> None:
    bench.repository(_REPOSITORY)


def _search(bench: Bench, words: str, *statuses: int) -> None:
    bench.expect(bench.ask("GET", f"/api/v1/search?q={quote(words)}", name=VISITOR), *statuses)


@contextmanager
def _queries(bench: Bench) -> Iterator[None]:
    def ask(number: int) -> None:
        kind = number % (len(_TYPES) + 1)
        if kind < len(_TYPES):
            _search(bench, f"{_REPOSITORY} type:{_TYPES[kind]}", 200)
        else:
            bench.expect(bench.ask("GET", f"/api/v1/search/suggest?q={_REPOSITORY}", name=VISITOR), 200)

    with bench.repeated(ask, every=0.4, most=600, workers=4):
        yield


@contextmanager
def _empty(bench: Bench) -> Iterator[None]:
    with bench.repeated(lambda _: _search(bench, f"nowhere{secrets.token_hex(8)}", 200), every=0.2, most=300):
        yield


@contextmanager
def engine_paused(bench: Bench) -> Iterator[None]:
    """The search engine does not answer."""
    with paused(bench.engine)(bench):
        yield


@contextmanager
def _unanswered(bench: Bench) -> Iterator[None]:
    with bench.repeated(lambda _: _search(bench, _REPOSITORY, 503, 504), every=0.2, most=60, workers=2):
        yield


@contextmanager
def _pushes(bench: Bench) -> Iterator[None]:
    with bench.repeated(lambda _: bench.push(f"{OWNER}/{_REPOSITORY}"), every=1, most=20):
        yield


STIMULI: dict[str, Stimulus] = {
    "empty-queries": Stimulus(_empty, prepare=_prepare, needs=_NEEDS),
    "indexing-held": Stimulus(_pushes, engine_paused, prepare=_prepare, needs=_INDEXED, within=40.0),
    "push-to-index": Stimulus(_pushes, prepare=_prepare, needs=_INDEXED, within=40.0),
    "search-queries": Stimulus(_queries, prepare=_prepare, needs=_NEEDS),
    "search-without-engine": Stimulus(_unanswered, engine_paused, prepare=_prepare, needs=_NEEDS, within=45.0),
}
