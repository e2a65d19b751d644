"""What a span says of a statement."""

from __future__ import annotations

import pytest
from psycopg.sql import SQL, Identifier

from stack.services.common.statements import _text


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("SELECT *  FROM a\n WHERE b = %s", "SELECT * FROM a WHERE b = %s"),
        ("SELECT 'it''s a secret', 42 FROM a1", "SELECT ?, ? FROM a1"),
        (b"SELECT 1", "SELECT ?"),
        (SQL("SELECT {}").format(Identifier("b")), 'SELECT "b"'),
    ],
)
def test_no_value_is_shown(query: object, shown: str) -> None:
    """Neither parameters nor literals."""
    assert _text(query, None) == shown


def test_it_is_bounded() -> None:
    """A statement may be long."""
    assert len(_text("SELECT " + "a, " * 5000, None)) <= 2000
