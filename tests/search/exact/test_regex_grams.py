"""The trigrams of an expression are in every text that RE2 matches."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stack.search.exact import AllGrams, AnyGrams, Gram, Matcher, TrigramQuery, literal_query, regex_query
from stack.search.exact.fold import fold
from stack.search.query import Case, Literal, Regex, RegexError, compile_regex
from tests.search.exact.regexes import ALPHABET, patterns_with_texts, wild_patterns, wild_texts


def holds(query: TrigramQuery, text: str) -> bool:
    """What the index does, for one text."""
    match query:
        case Gram(data):
            return data in fold(text) + b"\0\0"
        case AllGrams(parts):
            return all(holds(part, text) for part in parts)
        case AnyGrams(parts):
            return any(holds(part, text) for part in parts)


@given(patterns_with_texts(), wild_texts(), wild_texts(), st.sampled_from([Case.YES, Case.NO, Case.AUTO]))
@settings(max_examples=1500, deadline=None)
@example(("a(?i)*b", "b"), "", "", Case.YES)
@example((r"ab\Q\E*c", "ac"), "", "", Case.YES)
@example((r"foo\s\nbar", "foo\r\nbar"), "", "", Case.YES)
@example((r"foo\r\nbar", "foo\r\nbar"), "", "", Case.YES)
@example(("kelvin", "\u212aELVIN"), "", "", Case.NO)
@example(("strasse", "\u017ftra\u017f\u017fe"), "", "", Case.NO)
def test_no_match_of_a_made_up_expression_is_lost(pair: tuple[str, str], before: str, after: str, case: Case) -> None:
    """Whatever RE2 finds in the text, with the line ends as they are or as the matcher sees them, is a candidate."""
    pattern, inner = pair
    text = before + inner + after
    try:
        compiled = compile_regex(pattern, case_sensitive=case is not Case.NO)
    except RegexError:
        return
    if compiled.search(text.encode()) is not None or Matcher(Regex(pattern), case).occurs(text):
        assert holds(regex_query(pattern), text)


@given(wild_patterns(), wild_texts(), st.booleans())
@settings(max_examples=1500, deadline=None)
def test_no_match_of_a_wild_expression_is_lost(pattern: str, text: str, sensitive: bool) -> None:
    """Patterns put together by chance reach corners of the syntax."""
    try:
        compiled = compile_regex(pattern, case_sensitive=sensitive)
    except RegexError:
        return
    if compiled.search(text.encode()) is not None:
        assert holds(regex_query(pattern), text)


@given(st.text(alphabet=ALPHABET + "\r", min_size=1, max_size=12), wild_texts(), st.data())
@settings(max_examples=1000, deadline=None)
def test_no_occurrence_of_a_literal_is_lost(literal: str, text: str, data: st.DataObject) -> None:
    """With and without regard to case."""
    changed = data.draw(st.sampled_from([literal, literal.upper(), literal.lower(), literal.swapcase()]))
    for case in Case:
        if Matcher(Literal(literal), case).occurs(text + changed):
            assert holds(literal_query(literal), text + changed)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("ba+c", "baaac"),
        ("ba+?c", "baac"),
        ("ba*c", "bc"),
        ("ba?c", "bc"),
        ("ba{2,}c", "baaaac"),
        ("ba{2,3}c", "baaac"),
        ("ba{0,2}c", "bc"),
        ("ba{5}c", "baaaaac"),
        ("b(ad)+c", "badadc"),
        ("b(ad|e)*c", "beadec"),
        ("b(ad|)c", "bc"),
        ("b(a|dd|)+cc", "bcc"),
        ("x(ab|cd)?yz", "xyz"),
        ("ab.cd", "abxcd"),
        ("ab[^x]cd", "ab\ncd"),
        ("abc|def.*", "def"),
        ("(abc|.)def", "xdef"),
        ("(?:abc){0}def", "def"),
        (r"ab\Bcd", "abcd"),
        (r"ab\C{3}cd", "ab中cd"),
        ("[a-z]bcd", "qbcd"),
        ("[[:^alpha:]]bcd", "9bcd"),
        (r"[\d-z]bcd", "-bcd"),
        ("[a-c-e]bcd", "-bcd"),
        (r"\Qa\\Eb", "a\\b"),
    ],
)
def test_repetitions_and_choices_lose_nothing(pattern: str, text: str) -> None:
    """Each matches, and is a candidate."""
    assert compile_regex(pattern).search(text.encode()) is not None
    assert holds(regex_query(pattern), text)


@pytest.mark.parametrize(
    ("pattern", "grams"),
    [
        ("abc", Gram(b"abc")),
        ("ABC", Gram(b"abc")),
        ("(?i)abc", Gram(b"abc")),
        ("abcd", AllGrams((Gram(b"abc"), Gram(b"bcd")))),
        (r"a\.b", Gram(b"a.b")),
        ("ab[cd]", AnyGrams((Gram(b"abc"), Gram(b"abd")))),
        ("(abc|xyz)", AnyGrams((Gram(b"abc"), Gram(b"xyz")))),
        ("abc.*xyz", AllGrams((Gram(b"abc"), Gram(b"xyz")))),
        ("(abc)+", Gram(b"abc")),
        ("a{3}", Gram(b"aaa")),
        ("->", Gram(b"->")),
        ("ab?c", AnyGrams((Gram(b"abc"), Gram(b"ac")))),
        (r"^\s*abc$", Gram(b"abc")),
        (r"\bab\Qc\E", Gram(b"abc")),
        ("(?P<x>ab)c", Gram(b"abc")),
        ("中", Gram("中".encode())),
        (r"\x{4e2d}", Gram("中".encode())),
    ],
)
def test_what_is_asked_of_an_index(pattern: str, grams: TrigramQuery) -> None:
    """The formula is as strict as the expression allows."""
    assert regex_query(pattern) == grams


def test_alternatives_share_what_stands_around_them() -> None:
    """`Read(String|Bytes)` is one text or the other, trigrams across the parenthesis included."""
    query = regex_query("Read(String|Bytes)")
    assert isinstance(query, AnyGrams)
    assert holds(query, "x.ReadBytes()")
    assert holds(query, "READSTRING")
    assert not holds(query, "read string bytes")


@pytest.mark.parametrize(
    "pattern", [".*", "a*", "", "a", "[a-z]+", r"\w\w\w\w", "(a|)", "x?y?z?", "(a|bcd)", "^$", r"\pL+"]
)
def test_an_expression_that_says_too_little_asks_for_everything(pattern: str) -> None:
    """It is slow, and complete."""
    assert regex_query(pattern) == AllGrams(())


def test_a_deeply_nested_expression_asks_for_everything() -> None:
    """No recursion error, whatever the depth."""
    assert regex_query("(" * 400 + "abc" + ")" * 400) == AllGrams(())


def test_a_formula_stays_small() -> None:
    """Alternatives multiply; the formula does not."""

    def size(query: TrigramQuery) -> int:
        return 1 if isinstance(query, Gram) else 1 + sum(map(size, query.parts))

    assert size(regex_query("(a|b)" * 100)) < 5000
    assert size(regex_query("[a-p]" * 150)) < 5000
    assert size(regex_query("(abc|def|ghi|jkl)" * 40)) < 5000
