"""How atoms combine, and what stands in the way."""

from __future__ import annotations

import pytest

from stack.errors import UsageError
from stack.search.query import (
    MAX_ATOMS,
    MAX_CHARS,
    MAX_DEPTH,
    AllOf,
    AnyOf,
    Case,
    Field,
    FieldFilter,
    Literal,
    Not,
    Pattern,
    QueryError,
    Regex,
    Word,
    parse,
)

A, B, C = Word("aa"), Word("bb"), Word("cc")


@pytest.mark.parametrize(
    ("typed", "root"),
    [
        ("", AllOf(())),
        (" \t\u3000\n", AllOf(())),
        ("aa or bb", AnyOf((A, B))),
        ("aa OR bb", AnyOf((A, B))),
        ("aa bb or cc", AnyOf((AllOf((A, B)), C))),
        ("( aa or bb ) cc", AllOf((AnyOf((A, B)), C))),
        ("(aa or bb) cc", AllOf((AnyOf((A, B)), C))),
        ("cc (aa or bb)", AllOf((C, AnyOf((A, B))))),
        ("-(aa or bb) cc", AllOf((Not(AnyOf((A, B))), C))),
        ("-( aa bb ) cc", AllOf((Not(AllOf((A, B))), C))),
        ("-( -aa )", A),
        ("(aa (bb or cc))", AllOf((A, AnyOf((B, C))))),
        ("((aa or bb) cc or aa)", AnyOf((AllOf((AnyOf((A, B)), C)), A))),
        ('("x y" or /z+/)', AnyOf((Literal("x y"), Regex("z+")))),
        ("(f() or g(x))", AnyOf((Literal("f()"), Literal("g(x)")))),
        ("( aa )", A),
        ("aa or ( bb or cc )", AnyOf((A, B, C))),
        ("aa (bb cc)", AllOf((A, Literal("(bb"), Literal("cc)")))),
        ("( aa", AllOf((Literal("("), A))),
        ("aa ) bb", AllOf((A, Literal(")"), B))),
        ("( )", AllOf((Literal("("), Literal(")")))),
        ("((aa or bb)", AllOf((Literal("("), AnyOf((A, B))))),
        ("(aa or bb))", AllOf((AnyOf((A, B)), Literal(")")))),
        ("if (x)", AllOf((Word("if"), Literal("(x)")))),
        ("(repo:x or repo:y)", AnyOf(tuple(FieldFilter(Field.REPO, Pattern(name)) for name in "xy"))),
    ],
)
def test_precedence_and_parentheses(typed: str, root: object) -> None:
    """`or` binds weaker than standing side by side; a parenthesis that does not group is text."""
    assert parse(typed).root == root


@pytest.mark.parametrize("typed", ["or", "or aa", "aa or", "aa or or bb", "( or )", "(aa or )", "aa or case:yes"])
def test_an_or_without_a_side_is_refused(typed: str) -> None:
    """The message says how to search for the word."""
    with pytest.raises(QueryError, match='"or"'):
        parse(typed)


def test_a_group_of_nothing_is_refused() -> None:
    """`( case:yes )` would match everything or nothing; neither was meant."""
    with pytest.raises(QueryError, match="nothing to search for"):
        parse("aa ( case:yes )")


def test_an_empty_phrase_is_refused() -> None:
    """It occurs everywhere."""
    with pytest.raises(QueryError, match="empty") as caught:
        parse('aa ""')
    assert caught.value.position == 3


def test_limits_are_named() -> None:
    """Length, parts and depth are bounded, one below each bound still reads."""
    parse("x" * MAX_CHARS)
    with pytest.raises(QueryError, match=f"at most {MAX_CHARS}"):
        parse("x" * (MAX_CHARS + 1))
    parse("x " * MAX_ATOMS)
    with pytest.raises(QueryError, match=f"at most {MAX_ATOMS}"):
        parse("x " * (MAX_ATOMS + 1))
    parse("( " * MAX_DEPTH + "x" + " )" * MAX_DEPTH)
    with pytest.raises(QueryError, match=f"at most {MAX_DEPTH}"):
        parse("( " * (MAX_DEPTH + 1) + "x" + " )" * (MAX_DEPTH + 1))


def test_a_lone_surrogate_is_refused() -> None:
    """It cannot be encoded, so it cannot be searched for."""
    with pytest.raises(QueryError, match="Unicode") as caught:
        parse("ab\ud800")
    assert caught.value.position == 2


@pytest.mark.parametrize(
    ("typed", "position", "message"),
    [
        ("/foo(/", 0, "missing )"),
        ("ok /a**/", 5, "bad repetition"),
        (r"ok /x\/[z-a]/", 8, "z-a"),
        ("-path:/x[z-a]/", 9, "z-a"),
        (r"/(a)\1/", 4, "invalid escape"),
        ("/(?=a)/", 1, "invalid perl operator"),
        ("/x{2000}/", 2, "invalid repetition size"),
    ],
)
def test_a_bad_expression_names_the_place_and_the_reason(typed: str, position: int, message: str) -> None:
    """RE2's own words, and the character of the query where it stumbled."""
    with pytest.raises(QueryError, match="not valid") as caught:
        parse(typed)
    assert caught.value.position == position
    assert message in caught.value.got
    assert isinstance(caught.value, UsageError)


def test_case_applies_to_the_whole_query() -> None:
    """It is taken out of the tree, wherever it stood."""
    query = parse("aa case:yes or bb")
    assert query.root == AnyOf((A, B))
    assert query.case is Case.YES
    assert parse("aa case:no case:no").case is Case.NO


@pytest.mark.parametrize("typed", ["-case:yes", "case:yes case:no", "case:maybe", 'case:"x"'])
def test_a_case_that_makes_no_sense_is_refused(typed: str) -> None:
    """Negated, contradictory or unknown."""
    with pytest.raises(QueryError, match="case:"):
        parse(typed)


def test_leaves_say_what_is_wanted() -> None:
    """Negation turns with every level."""
    query = parse("aa -( bb -cc ) lang:go")
    assert [(leaf, wanted) for leaf, wanted in query.leaves()][:3] == [(A, True), (B, False), (C, True)]
    assert query.texts() == (A, C)


@pytest.mark.parametrize(
    ("typed", "exact"),
    [("aa bb", False), ("aa lang:go", False), ("aa->bb", True), ("/a/", True), ('"aa"', True), ("aa case:yes", True)],
)
def test_needs_exact(typed: str, exact: bool) -> None:
    """Words can be left to an engine unless their case counts."""
    assert parse(typed).needs_exact is exact


def test_empty_query() -> None:
    """It asks for everything."""
    assert parse("").is_empty
    assert not parse("aa").is_empty
