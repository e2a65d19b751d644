"""Filters on fields at hand mean what they mean to an engine."""

from __future__ import annotations

import pytest

from stack.search.engines.base import ALL, And, Equals, Exists, Filter, Not, OneOf, Or, Range
from stack.search.filters import matches

FIELDS = {"language": "Rust", "path_tokens": ["src", "src/main.rs"], "date": 100, "is_test": False, "nothing": None}


@pytest.mark.parametrize(
    ("where", "held"),
    [
        (ALL, True),
        (Or(()), False),
        (Equals("language", "Rust"), True),
        (Equals("language", "rust"), False),
        (Equals("path_tokens", "src"), True),
        (Equals("missing", "x"), False),
        (Equals("is_test", value=False), True),
        (OneOf("language", ("Go", "Rust")), True),
        (OneOf("language", ()), False),
        (Range("date", 100, 101), True),
        (Range("date", 101), False),
        (Range("date", None, 100), False),
        (Range("missing", None, None), False),
        (Exists("language"), True),
        (Exists("nothing"), False),
        (Not(Equals("language", "Rust")), False),
        (And((Equals("language", "Rust"), Not(Equals("path_tokens", "lib")))), True),
        (Or((Equals("language", "Go"), Range("date", 0, 1000))), True),
    ],
)
def test_each_filter(where: Filter, held: bool) -> None:
    """Every kind, both ways."""
    assert matches(where, FIELDS) is held
