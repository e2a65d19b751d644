"""The search on a real forge and real git, with an engine in memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stack.forge.git_local import LocalGit
from stack.search.engines.base import EngineUnavailableError, Hit, IndexMissingError, SearchRequest, SearchResponse
from stack.search.exact.index import ExactIndex
from stack.search.filters import matches
from stack.search.results import Results
from stack.search.service import Search
from stack.search.state import State
from tests.search.memory_engine import MemoryEngine
from tests.search.test_indexer import BEGIN, PEOPLE, Place, place, push

__all__ = ["place"]


class WordEngine(MemoryEngine):
    """Finds words as they stand in the content; where it is `gone` it has no index."""

    gone = False

    def search(self, request: SearchRequest) -> SearchResponse:
        if self.gone:
            raise IndexMissingError("The index is not there")
        found = [
            Hit(key, 1.0, document)
            for key, document in sorted(self.documents[request.index].items())
            if matches(request.filter, document)
            and all(word in str(document.get("content", document.get("title"))).lower() for word in request.words)
        ]
        return SearchResponse(tuple(found[request.offset :][: request.limit]), len(found), total_exact=True)


@pytest.fixture
def engine() -> WordEngine:
    """An empty one."""
    return WordEngine()


@pytest.fixture
def search(place: Place, engine: WordEngine) -> Iterator[Search]:
    """The search on it."""
    with (
        LocalGit(place.hosting.repositories.root) as git,
        Search(
            forge=place.hosting.forge,
            git=git,
            engine=engine,
            exact=ExactIndex(place.folder / engine.name),
            state=State(place.conninfo, engine.name),
        ) as found,
    ):
        yield found


def hints(results: Results) -> str:
    assert results.total == 0
    return " ".join(results.hints)


def test_a_forge_that_nobody_indexed_says_so(place: Place, search: Search) -> None:
    """Nothing found is not taken for nothing there."""
    push(place, {"a.txt": b"needle"}, day=1)
    assert "nothing is indexed" in hints(search.search("needle"))


def test_an_engine_without_an_index_is_no_trouble_before_anything_was_indexed_and_one_afterwards(
    place: Place, search: Search, engine: WordEngine
) -> None:
    """Nothing is found on a new forge; an index that somebody removed is not taken for an empty forge."""
    push(place, {"a.txt": b"needle"}, day=1)
    engine.gone = True
    assert "nothing is indexed" in hints(search.search("needle"))
    engine.gone = False
    place.run(engine)
    engine.gone = True
    with pytest.raises(IndexMissingError):
        search.search("needle")


def test_an_index_that_is_behind_says_so(place: Place, search: Search, engine: WordEngine) -> None:
    """As long as something is not indexed that this viewer may read; only where nothing was found."""
    push(place, {"a.txt": b"needle"}, day=1)
    place.run(engine)
    assert hints(search.search("pin")) == ""
    push(place, {"b.txt": b"pin"}, day=2)
    assert "behind" in hints(search.search("pin"))
    assert search.search("needle").hints == ()
    place.run(engine)
    assert search.search("pin").total == 1
    assert hints(search.search("other")) == ""


def test_an_index_that_a_run_left_half_done_says_so(place: Place, search: Search, engine: WordEngine) -> None:
    """The events are taken by then, and some repositories are known."""
    push(place, {"a.txt": b"needle"}, day=1)
    place.run(engine)
    for name in ("two", "three"):
        place.hosting.create_repository("ada", name)
        place.hosting.push("ada", name, {"a.txt": b"pin"}, author=PEOPLE[0], date=BEGIN)
    engine.down_after = engine.writes + 1
    with pytest.raises(EngineUnavailableError):
        place.run(engine)
    assert not place.hosting.forge.events(limit=1)
    assert "behind" in hints(search.search("other"))


def test_what_a_viewer_may_not_read_is_not_told_by_a_hint(place: Place, search: Search, engine: WordEngine) -> None:
    """That something happens in a private repository is nobody else's business."""
    place.run(engine)
    place.hosting.create_repository("ada", "secret", visibility="private")
    place.run(engine)
    place.hosting.push("ada", "secret", {"b.txt": b"pin"}, author=PEOPLE[0], date=BEGIN)
    assert hints(search.search("pin")) == ""
    assert "behind" in hints(search.search("pin", viewer="ada"))
