"""Requests as engines read them."""

from __future__ import annotations

import pytest

from stack.search.engines.base import ALL, EngineRefusedError, Index, SearchRequest
from stack.search.engines.question import MAX_WINDOW, read


def test_words_are_cut_and_made_distinct() -> None:
    """A word with punctuation inside is several tokens; the same word twice, in any case, is one."""
    question = read(SearchRequest(Index.CODE, words=("Std::Vector", "std::vector", "x", "X"), phrases=("fn main()",)))
    assert question.terms == (("std", "vector"), ("X",))
    assert question.required == (("std", "vector"), ("X",), ("fn", "main"))
    assert (question.prefix, question.where, question.inexact) == (None, ALL, False)


def test_the_last_word_is_the_prefix() -> None:
    """Only the last word is, and only if it has letters."""
    question = read(SearchRequest(Index.CODE, words=("a", "std::ve"), prefix_last=True))
    assert (question.terms, question.prefix) == ((("a",),), ("std", "ve"))
    question = read(SearchRequest(Index.CODE, words=("a", "->"), prefix_last=True))
    assert (question.terms, question.prefix, question.inexact) == ((("a",),), None, True)


def test_text_without_words() -> None:
    """Signs alone cannot be answered; no text at all matches everything."""
    assert read(SearchRequest(Index.CODE, words=("->", "::"))).unanswerable
    assert not read(SearchRequest(Index.CODE)).unanswerable
    assert read(SearchRequest(Index.CODE, none_of=("->",))).inexact


def test_the_order_is_read() -> None:
    """A minus in front is descending."""
    assert read(SearchRequest(Index.CODE, sort=("-date", "path"))).sort == (("date", True), ("path", False))


def test_the_window_is_bounded() -> None:
    """The last hit that can be reached is the ten thousandth."""
    read(SearchRequest(Index.CODE, limit=20, offset=MAX_WINDOW - 20))
    with pytest.raises(EngineRefusedError, match="paged through"):
        read(SearchRequest(Index.CODE, limit=20, offset=MAX_WINDOW - 19))
