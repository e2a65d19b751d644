"""How a query is divided between words, filters and what is checked on the text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from stack.search.engines.base import And, Equals, Index, Not, OneOf, Range
from stack.search.plan import Plan, plan
from stack.search.query import AllOf, Literal, QueryError, Word, parse


@dataclass
class Known:
    """A forge of three repositories."""

    names: dict[int, str] = field(default_factory=lambda: {1: "ada/one", 2: "ada/two", 3: "bela/one"})
    paths: dict[str, str] = field(default_factory=lambda: {"f1": "src/main.rs", "f2": "docs/main.md"})

    def repositories(self, test: Callable[[str], bool]) -> list[int]:
        return [number for number, name in self.names.items() if test(name)]

    def forks(self) -> list[int]:
        return [2]

    def authors(self, test: Callable[[str], bool]) -> list[str]:
        return [name for name in ("Ada", "Bela") if test(name)]

    def files(self, test: Callable[[str], bool], *, limit: int) -> list[str]:
        return [key for key, path in self.paths.items() if test(path)][:limit]


def of(text: str) -> Plan:
    return plan(parse(text), Known())


def test_words_go_to_the_engine() -> None:
    """Plain words need no exact check."""
    found = of("fn main")
    assert (found.index, found.words, found.exact) == (Index.CODE, ("fn", "main"), None)


def test_a_word_that_must_not_occur_goes_to_the_engine_too() -> None:
    """Negated words are the engine's."""
    assert of("reader -writer").none_of == ("writer",)


def test_punctuation_takes_every_word_to_the_exact_layer() -> None:
    """What is beside exact text is looked for in the text as well."""
    found = of("std::vector push")
    assert found.words == ()
    assert found.exact == AllOf((Literal("std::vector"), Word("push")))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("repo:one", OneOf("repository_id", (1, 3))),
        ("repo:ada/one", OneOf("repository_id", (1,))),
        ("repo:nobody/none", OneOf("repository_id", ())),
        ("org:ada", OneOf("repository_id", (1, 2))),
        ("lang:rust", Equals("language", "Rust")),
        ("-lang:rust", Not(Equals("language", "Rust"))),
        ("path:src", Equals("path_tokens", "src")),
        ("path:*.rs", Equals("path_tokens", "*.rs")),
        ("path:SRC/main.rs", Equals("path_tokens", "src/main.rs")),
        ("file:main.md", Equals("path_tokens", "/main.md")),
        ("file:*ain.m*", OneOf("file_id", ("f2",))),
        ("author:ada", OneOf("author", ("Ada",))),
        ("after:2024 before:2025", None),
        ("is:test", Equals("is_test", value=True)),
        ("is:fork", OneOf("repository_id", (2,))),
        ("is:private", Equals("visibility", "private")),
    ],
)
def test_each_filter(text: str, wanted: object) -> None:
    """A filter becomes what the engine is asked."""
    found = of(text)
    if wanted is None:
        assert found.filter == And((Range("date", 1704067200, None), Range("date", None, 1735689600)))
    else:
        assert found.filter == And((wanted,))  # type: ignore[arg-type] # the table's column is wide


def test_a_symbol_alone_is_a_word_in_the_symbols() -> None:
    """`sym:` needs no text."""
    found = of("sym:Reader lang:go")
    assert (found.words, found.within, found.exact) == (("Reader",), ("symbol_names",), None)


def test_the_type_decides_where_to_look() -> None:
    """Each kind of record has an index of its own."""
    assert of("type:issue crash").index is Index.ISSUES
    assert of("is:open crash").index is Index.ISSUES
    assert of("is:merged crash").index is Index.PULL_REQUESTS


def test_a_literal_among_records_is_looked_up_by_its_words() -> None:
    """Records have no exact layer."""
    assert of("type:issue console.log").words == ("console", "log")


@pytest.mark.parametrize(
    "text",
    [
        "type:issue lang:rust x",
        "type:code is:open x",
        "type:user path:src",
        "type:issue /x/",
        "type:repo lang:go",
        "type:issue author:b*",
    ],
)
def test_a_filter_that_does_not_fit_is_refused(text: str) -> None:
    """Nothing is silently left out of a query."""
    with pytest.raises(QueryError):
        of(text)


def test_two_types_at_once_are_refused() -> None:
    """One answer comes from one index."""
    with pytest.raises(QueryError, match="one type"):
        of("type:issue type:code x")


@pytest.mark.parametrize(
    "text", ["type:issue a or b", "type:code a or b", "type:issue is:open or is:closed", "a or type:path b"]
)
def test_a_type_on_one_side_of_an_or_is_refused_with_the_parentheses_it_lacks(text: str) -> None:
    """`or` binds weaker than a blank, which nobody expects who looks for open or closed issues."""
    with pytest.raises(QueryError, match="whole query") as refused:
        of(text)
    assert "type:issue (is:open or is:closed)" in refused.value.fix
    assert of("type:issue (is:open or is:closed)").index is Index.ISSUES


@pytest.mark.parametrize("text", ["type:issue (a or b)", "is:open a or b"])
def test_either_of_two_words_in_records_says_what_is_possible(text: str) -> None:
    """Records have no exact layer, which alone can answer that."""
    with pytest.raises(QueryError) as refused:
        of(text)
    assert "(is:open or is:closed)" in refused.value.fix


def test_a_type_that_is_not_wanted_is_refused() -> None:
    """One type is searched at a time, so there is nothing to take out."""
    with pytest.raises(QueryError, match="cannot be taken out"):
        of("-type:issue x")
