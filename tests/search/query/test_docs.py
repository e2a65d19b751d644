"""The page about the query language says what is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stack.search.query import (
    MAX_ATOMS,
    MAX_CHARS,
    MAX_DEPTH,
    Flag,
    IsFilter,
    Literal,
    QueryError,
    Type,
    TypeFilter,
    Word,
    parse,
)
from stack.search.query.lexer import FILTER_NAMES

_PAGE = (Path(__file__).parents[3] / "docs" / "query-language.md").read_text(encoding="utf-8")
_BLOCK = _PAGE.split("```")[1].strip().splitlines()


@pytest.mark.parametrize("line", _BLOCK)
def test_every_example_reads(line: str) -> None:
    """Those at the top."""
    query = re.split(r"\s{2,}", line)[0]
    assert not parse(query).is_empty
    assert parse(query).hints == ()


@pytest.mark.parametrize(
    "text", ["std::vector", "->", "loop()", "#include", "C:\\x", "main()", "foo(bar", "/usr/bin", "//"]
)
def test_what_the_page_calls_text_is_text(text: str) -> None:
    """Character for character."""
    assert text in _PAGE
    assert parse(text).root == Literal(text)


@pytest.mark.parametrize("text", ["lang:pyton", "before:2024-02-30"])
def test_what_the_page_calls_refused_is_refused(text: str) -> None:
    """With the nearest right value."""
    assert text in _PAGE
    with pytest.raises(QueryError, match="did you mean"):
        parse(text)


def test_every_filter_and_value_is_on_the_page() -> None:
    """None is left out, and none is made up."""
    named = set(re.findall(r"`([a-z]+):`", _PAGE))
    assert named == set(FILTER_NAMES)
    for value in [*Flag, *Type]:
        assert f"`{value.value}`" in _PAGE


def test_the_limits_are_those_on_the_page() -> None:
    """As numbers."""
    assert f"{MAX_CHARS:,} characters, {MAX_ATOMS} parts, {MAX_DEPTH} levels" in _PAGE


def test_one_letter_flags_are_text_as_the_page_says() -> None:
    """And so is a filter in quotation marks."""
    assert parse("-r").root == Literal("-r")
    assert parse('"is:fork"').root == Literal("is:fork")
    assert parse("is:fork").root == IsFilter(Flag.FORK)
    assert parse("type:issue").root == TypeFilter(Type.ISSUE)
    assert parse("users").root == Word("users")
