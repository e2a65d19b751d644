"""What holds for every input."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from stack.search.query import AllOf, Case, Literal, Query, QueryError, parse, render
from stack.search.query.render import _quoted

_PIECES = st.sampled_from(
    [
        *'()"/\\-:*, \n',
        "or", "OR", " or ", "-(", "( ", " )", "foo", "x", "测", "->", "/a b/", '"a b"', "repo:", "lang:go", "f:",
        "case:yes", "case:no", "before:2024", "type:pr", "is:fork", "sym:", "std::vector", "[a", "(?i)", "\\/",
        "path:*.go", "{2}",
    ]
)  # fmt: skip
_QUERIES = st.one_of(st.text(max_size=60), st.lists(_PIECES, max_size=14).map("".join))


@given(_QUERIES)
@settings(max_examples=1500, deadline=None)
@example("(((((((")
@example("-" * 50)
def test_a_query_is_read_or_refused_by_a_query_error(text: str) -> None:
    """Nothing else is ever raised, and the position lies within the query."""
    refused: QueryError | None = None
    try:
        parse(text)
    except QueryError as error:
        refused = error
    assert refused is None or 0 <= refused.position <= len(text)


@given(_QUERIES)
@settings(max_examples=1500, deadline=None)
@example("-( r )")
@example("( ( foo or bar )")
@example("(a or b) -(c or -(d e)) case:yes")
@example('path:"a b*" -f:/x\\/y/')
def test_rendering_round_trips(text: str) -> None:
    """The canonical text reads as the same query, and is its own canonical text."""
    try:
        query = parse(text)
    except QueryError:
        return
    canonical = render(query)
    assert parse(canonical) == query
    assert render(parse(canonical)) == canonical


@given(st.text(min_size=1, max_size=80).filter(lambda text: not any("\ud800" <= c <= "\udfff" for c in text)))
@settings(max_examples=500, deadline=None)
def test_any_text_can_be_searched_for_in_quotation_marks(text: str) -> None:
    """Escaping the mark and the backslash is enough, whatever the text holds."""
    assert parse(_quoted(text)).root == Literal(text)


@given(st.lists(st.from_regex(r"[a-z]{3,8}", fullmatch=True).filter(lambda word: word != "or"), min_size=2, max_size=6))
@settings(max_examples=200, deadline=None)
def test_words_side_by_side_are_all_wanted_in_order(words: list[str]) -> None:
    """A plain query has no hidden operators."""
    query = parse(" ".join(words))
    assert isinstance(query.root, AllOf)
    assert [getattr(leaf, "text", "") for leaf in query.texts()] == words


def test_an_empty_query_with_case_round_trips() -> None:
    """`case:` alone is still there after rendering."""
    assert render(Query(AllOf(()), Case.YES)) == "case:yes"
    assert render(parse("")) == ""
