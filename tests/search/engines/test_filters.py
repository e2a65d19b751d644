"""Filters made simple."""

from __future__ import annotations

import random

import pytest

from stack.search.engines.base import (
    ALL,
    And,
    EngineRefusedError,
    Equals,
    Exists,
    Filter,
    Index,
    Not,
    OneOf,
    Or,
    Range,
)
from stack.search.engines.filters import MAX_DEPTH, NONE, prepare
from stack.search.filters import matches
from tests.search.engines.library import CODE, some_filter

ADA, BOB = Equals("author", "Ada"), Equals("author", "Bob")


@pytest.mark.parametrize(
    ("where", "simple"),
    [
        (And(()), ALL),
        (Or(()), NONE),
        (Not(ALL), NONE),
        (Not(NONE), ALL),
        (Not(Not(ADA)), ADA),
        (OneOf("author", ()), NONE),
        (OneOf("author", ("b", "a", "b")), OneOf("author", ("b", "a"))),
        (Range("stars"), Exists("stars")),
        (And((ADA, ALL, And((ADA, BOB)))), And((ADA, ADA, BOB))),
        (And((ADA, NONE)), NONE),
        (Or((Exists("path"), ALL)), ALL),
        (Or((ADA, BOB, OneOf("author", ("Cy",)))), OneOf("author", ("Ada", "Bob", "Cy"))),
        (Or((Equals("is_test", value=True), NONE)), Equals("is_test", value=True)),
        (Or((ADA, OneOf("owner", ()))), OneOf("author", ("Ada",))),
    ],
)
def test_simplification(where: Filter, simple: Filter) -> None:
    """Constants fold, levels merge, alternatives on one field become one set."""
    assert prepare(Index.CODE, where) == simple


def test_simplified_filters_mean_the_same() -> None:
    """A prepared filter holds for the documents for which the original does, and has no constants inside."""
    chance = random.Random(3)  # noqa: S311 - a test's fixed seed
    for _ in range(500):
        where = some_filter(chance, 5)
        simple = prepare(Index.CODE, where)
        assert [matches(simple, each) for each in CODE] == [matches(where, each) for each in CODE], where
        assert simple in (ALL, NONE) or not _has_constants(simple)


def _has_constants(where: Filter) -> bool:
    match where:
        case And(inner) | Or(inner):
            return len(inner) < 2 or any(map(_has_constants, inner))
        case Not(inner):
            return _has_constants(inner)
        case OneOf(_, values):
            return not values
        case _:
            return False


@pytest.mark.parametrize("where", [Equals("nope", 1), Exists("content"), OneOf("", ("x",)), Range("id", 1)])
def test_unknown_fields_are_refused(where: Filter) -> None:
    """Only keywords, numbers and booleans can be filtered by, at any depth; the refusal lists them."""
    with pytest.raises(EngineRefusedError, match="cannot be filtered by") as refusal:
        prepare(Index.CODE, Not(And((ADA, where))))
    assert "author" in refusal.value.fix


def test_depth_is_bounded() -> None:
    """The deepest allowed filter passes, one level more does not."""
    where: Filter = ADA
    for _ in range(MAX_DEPTH):
        where = Not(where)
    assert prepare(Index.CODE, where) == ADA
    with pytest.raises(EngineRefusedError, match="levels deep"):
        prepare(Index.CODE, Not(where))
