"""Applies an engine's filter to fields at hand, so that both layers of the search mean the same by it."""

from __future__ import annotations

from collections.abc import Mapping

from stack.search.engines.base import And, Equals, Exists, Filter, JsonValue, Not, OneOf, Or, Range

__all__ = ["matches"]


def matches(where: Filter, fields: Mapping[str, JsonValue]) -> bool:
    """Whether a filter holds for one document's fields; a missing field equals nothing and is in no range."""
    if isinstance(where, And):
        return all(matches(inner, fields) for inner in where.inner)
    if isinstance(where, Or):
        return any(matches(inner, fields) for inner in where.inner)
    if isinstance(where, Not):
        return not matches(where.inner, fields)
    values = _values(fields.get(where.field))
    if isinstance(where, Equals):
        return where.value in values
    if isinstance(where, OneOf):
        return any(value in where.values for value in values)
    if isinstance(where, Exists):
        return bool(values)
    return any(_within(where, value) for value in values)


def _within(where: Range, value: JsonValue) -> bool:
    if not isinstance(value, int):
        return False
    return (where.low is None or where.low <= value) and (where.high is None or value < where.high)


def _values(value: JsonValue) -> tuple[JsonValue, ...]:
    if value is None:
        return ()
    if isinstance(value, (str, int, float, bool)):
        return (value,)
    return tuple(value)
