"""Smart case."""

from __future__ import annotations

import pytest

from stack.search.query import Case, Literal, Regex, TextAtom, Word, is_case_sensitive


@pytest.mark.parametrize(
    ("atom", "sensitive"),
    [
        (Literal("a->b"), False),
        (Literal("a->B"), True),
        (Literal("Ä"), True),
        (Literal("中文"), False),
        (Word("Foo"), False),
        (Regex("foo"), False),
        (Regex("Foo"), True),
        (Regex(r"\Sfoo\W\B\D"), False),
        (Regex(r"\pLfoo\p{Greek}"), False),
        (Regex(r"\x{1F}\x4A"), False),
        (Regex("[A-Z]"), True),
        (Regex("(?U)a"), False),
        (Regex("(?P<Name>a)"), False),
        (Regex("(?i)A"), True),
        (Regex(r"\\Foo"), True),
    ],
)
def test_auto(atom: TextAtom, sensitive: bool) -> None:
    """An upper-case letter in the text asks for it; letters of escapes do not, words never."""
    assert is_case_sensitive(atom, Case.AUTO) is sensitive


@pytest.mark.parametrize("atom", [Word("foo"), Literal("->A"), Regex("A")])
def test_said_outright(atom: TextAtom) -> None:
    """`case:yes` and `case:no` decide for everything."""
    assert is_case_sensitive(atom, Case.YES) is True
    assert is_case_sensitive(atom, Case.NO) is False
