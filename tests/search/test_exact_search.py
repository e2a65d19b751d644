"""The exact layer of the search: what it keeps, when it stops, and what it looks up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from stack.forge.git_local import LocalGit
from stack.search import exact_search
from stack.search.access import Access
from stack.search.engines.base import ALL, Equals, Filter
from stack.search.exact.index import ExactIndex
from stack.search.exact_search import ExactSearch, Found
from stack.search.query import Case, parse
from stack.search.query.nodes import Node
from stack.search.service import Search
from stack.search.state import State
from stack.search.textmatch import Subject, TextTest
from tests.search.memory_engine import MemoryEngine
from tests.search.test_indexer import Place, place, push

__all__ = ["place"]

FILES = {f"{number}.txt": f"before\nleft -> right {number}\nafter\n".encode() for number in range(20)}


@pytest.fixture
def exact(place: Place) -> Iterator[ExactSearch]:
    """The layer over twenty files that hold an arrow each."""
    push(place, dict(FILES), day=1)
    engine = MemoryEngine()
    place.run(engine)
    with (
        LocalGit(place.hosting.repositories.root) as git,
        State(place.conninfo, engine.name) as state,
    ):
        yield ExactSearch(place.hosting.forge, git, engine, ExactIndex(place.folder / engine.name), state)


def of(text: str, asked: list[Node] | None = None) -> TextTest:
    """A query as a test; what it looks up is noted."""

    def look_up(leaf: Node) -> Filter:
        if asked is not None:
            asked.append(leaf)
        return Equals("author", "Ada")

    return TextTest(parse(text).root, Case.AUTO, look_up)


def run(exact: ExactSearch, text: str) -> Found:
    return exact.run(of(text), ALL, Access.of(exact.forge, exact.state, None))


def test_all_of_it_is_found_and_lines_are_kept(exact: ExactSearch) -> None:
    """Every file with the line that matched."""
    found = run(exact, "->")
    assert found.complete
    assert {file.row.display: file.lines for file in found.files} == {
        f"{number}.txt": ((2, f"left -> right {number}"),) for number in range(20)
    }


def test_no_more_text_is_kept_than_there_is_room_for(exact: ExactSearch, monkeypatch: pytest.MonkeyPatch) -> None:
    """A common piece of text does not hold every file of the forge in memory."""
    monkeypatch.setattr(exact_search, "_KEPT_CHARACTERS", 100)
    found = run(exact, "->")
    assert len(found.files) == 20
    assert 0 < sum(len(file.text or "") for file in found.files) <= 100


def test_a_text_that_was_not_kept_is_shown_all_the_same(exact: ExactSearch, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read again for the page that shows it."""
    monkeypatch.setattr(exact_search, "_KEPT_CHARACTERS", 0)
    with Search(
        forge=exact.forge,
        git=exact.git,
        engine=exact.engine,
        exact=exact.exact,
        state=State(exact.state._conninfo, exact.state.engine),
    ) as search:
        results = search.search("->", per_page=5)
    assert results.total == 20
    assert [[line.text[:6] for line in hit.lines] for hit in results.hits] == [["before", "left -", "after"]] * 5


def test_it_stops_between_two_files_when_the_time_is_over(exact: ExactSearch) -> None:
    """What was found by then is told as not all of it; one file is always looked at."""
    found = run(replace(exact, seconds=0.0), "->")
    assert len(found.files) == 1
    assert not found.complete


def test_what_stops_at_the_last_file_is_complete(exact: ExactSearch) -> None:
    """There was nothing left to look at."""
    found = run(replace(exact, seconds=0.0), '"-> right 7"')
    assert [file.row.display for file in found.files] == ["7.txt"]
    assert found.complete


def test_what_a_filter_stands_for_is_looked_up_once() -> None:
    """However many files are tried: it may be a look at every path of the index."""
    asked: list[Node] = []
    test = of("(author:a* or ->) x", asked)
    for number in range(5):
        subject = Subject(f"x {number}", {"author": "Ada"}, list)
        assert test.holds(subject)
    assert len(asked) == 1
