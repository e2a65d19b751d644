"""Applies an engine's filter to fields at hand, so that both layers of the search mean the same by it."""

from __future__ import annotations

from collections.abc import Mapping

from stack.search.engines.base import And, Equals, Exists, Filter, JsonValue, Not, OneOf, Or, Range

__all__ = ["matches"]


def matches(where: Filter, fields: Mapping[str, JsonValue]) -> bool:
    """Whether a filter holds for one document's fields; a missing field equals nothing and is in no range."""
    match where:
        case And(inner):
            held = all(matches(each, fields) for each in inner)
        case Or(inner):
            held = any(matches(each, fields) for each in inner)
        case Not(one):
            held = not matches(one, fields)
        case Equals(name, value):
            held = value in _values(fields.get(name))
        case OneOf(name, allowed):
            held = any(value in allowed for value in _values(fields.get(name)))
        case Exists(name):
            held = bool(_values(fields.get(name)))
        case Range(name):
            held = any(_within(where, value) for value in _values(fields.get(name)))
    return held


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
