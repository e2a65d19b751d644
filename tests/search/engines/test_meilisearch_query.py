"""Questions in Meilisearch's language."""

from __future__ import annotations

from typing import Any

import pytest

from stack.search.engines.base import And, EngineRefusedError, Equals, Exists, Filter, Index, Not, OneOf, Or, Range
from stack.search.engines.base import SearchRequest as Request
from stack.search.engines.filters import prepare
from stack.search.engines.meilisearch_query import answer, expression, queries
from stack.search.engines.question import read


def asked(request: Request) -> list[dict[str, Any]]:
    """The queries for a request."""
    return queries(request, read(request), "x")


@pytest.mark.parametrize(
    ("where", "text"),
    [
        (Equals("path", 'a"b\\c'), 'path = "a\\"b\\\\c"'),
        (Equals("language", ""), "language IS EMPTY"),
        (Equals("is_test", value=True), "is_test = true"),
        (Equals("stars", -5), "stars = -5"),
        (OneOf("author", ("x", "y")), 'author IN ["x", "y"]'),
        (OneOf("stars", (9, 1, 2, 3, 7)), '(stars 1 TO 3 OR stars IN ["7", "9"])'),
        (OneOf("author", ("x", "")), '(author IS EMPTY OR author IN ["x"])'),
        (Range("stars", 1, 5), "(stars >= 1 AND stars < 5)"),
        (Range("stars", None, 5), "(stars < 5)"),
        (Exists("author"), "(author EXISTS AND author IS NOT NULL)"),
        (Exists("path_tokens"), "(path_tokens EXISTS AND path_tokens IS NOT NULL AND path_tokens IS NOT EMPTY)"),
        (
            Not(Or((Equals("author", "x"), Exists("path")))),
            'NOT (author IN ["x"] OR (path EXISTS AND path IS NOT NULL))',
        ),
    ],
)
def test_filter_expressions(where: Filter, text: str) -> None:
    """Every value is quoted and escaped, runs of numbers are ranges."""
    assert expression(prepare(Index.CODE, where)) == text


def test_words_are_quoted() -> None:
    """Each word and phrase stands in quotes, exclusions first, the prefix last and bare."""
    request = Request(
        Index.CODE,
        words=("fn", "std::vector", "测试x", "mai"),
        none_of=("a-b",),
        phrases=('he said "no"',),
        prefix_last=True,
    )
    assert asked(request)[0]["q"] == '-"a b" "fn" "std vector" "测 试" "x" "he said no" mai'


def test_more_words_than_it_looks_at_are_refused() -> None:
    """Ten pass; eleven are refused instead of one being left out."""
    words = tuple(f"w{number}" for number in range(11))
    assert asked(Request(Index.CODE, words=words[:10]))
    with pytest.raises(EngineRefusedError, match="at most 10"):
        asked(Request(Index.CODE, words=words))


def test_a_page_is_one_query_and_another_window_two() -> None:
    """The exact total comes with a page; beside any other window it is asked for apart."""
    (page,) = asked(Request(Index.CODE, limit=20, offset=40, facets=("author",)))
    assert (page["page"], page["hitsPerPage"], page["facets"]) == (3, 20, ["author"])
    window, count = asked(Request(Index.CODE, limit=20, offset=30))
    assert (window["offset"], window["limit"], "hitsPerPage" in window) == (30, 20, False)
    assert count["hitsPerPage"] == 0
    (only,) = asked(Request(Index.CODE, limit=0))
    assert only["hitsPerPage"] == 0


def test_files_are_counted_as_documents_where_they_can_be() -> None:
    """Distinct files: hits, then files of one part, then distinct files of several; records need nothing of it."""
    hits, single, several = asked(Request(Index.CODE, distinct="file_id", filter=Equals("author", "x")))
    assert (hits["distinct"], "distinct" in single, several["distinct"]) == ("file_id", False, "file_id")
    assert single["filter"] == '(author = "x" AND parts = 1)'
    assert several["filter"] == '(author = "x" AND NOT parts = 1)'
    (record,) = asked(Request(Index.ISSUES, distinct="file_id"))
    assert "distinct" not in record


def test_a_long_filter_is_read_once_and_too_long_a_one_not_at_all() -> None:
    """Thousands of values make one query; more than can be read in a few seconds are refused."""
    ids = tuple(f"{number:032x}" for number in range(1_000))
    assert len(asked(Request(Index.CODE, distinct="file_id", filter=OneOf("file_id", ids)))) == 1
    many = tuple(f"{number:032x}" for number in range(20_000))
    with pytest.raises(EngineRefusedError, match="more values"):
        asked(Request(Index.CODE, filter=And((OneOf("file_id", many), Exists("path")))))


def test_answers_are_put_together() -> None:
    """Totals and facets of the counting queries add up, cut to the limit; a search cut off is not exact."""
    request = Request(Index.CODE, words=("x",), distinct="file_id", facets=("author",), facet_limit=2, fields=("path",))
    found = [
        {"hits": [{"id": "a", "path": "p", "_rankingScore": 0.5}], "processingTimeMs": 1},
        {"totalHits": 5, "facetDistribution": {"author": {"A": 3, "B": 1, "C": 1}}, "processingTimeMs": 1},
        {"totalHits": 2, "facetDistribution": {"author": {"C": 2}}, "processingTimeMs": 1},
    ]
    response = answer(request, read(request), found)
    assert [(hit.id, hit.score, hit.source) for hit in response.hits] == [("a", 0.5, {"path": "p"})]
    assert (response.total, response.total_exact) == (7, True)
    assert response.facets == {"author": {"A": 3, "C": 3}}
    found[1]["processingTimeMs"] = 3_000
    assert not answer(request, read(request), found).total_exact
