"""What counts more than what, in both engines. The service ranks the best few hundred again on the real text."""

from __future__ import annotations

from stack.search.engines.schema import Schema

__all__ = ["DEMOTED", "DEMOTION", "weight", "weights"]

# In the order of https://github.com/sourcegraph/zoekt doc/design.md: symbol, file name, parts of either, plain text.
_WEIGHTS = {
    "symbol_names": 8.0,
    "definitions": 5.0,
    "basename": 6.0,
    "path_parts": 2.0,
    "identifiers": 1.5,
    "title": 5.0,
}

DEMOTED = ("is_vendored", "is_generated", "is_test")
"""Flags of files that are seldom what somebody looks for."""

DEMOTION = 0.4
"""What a score is multiplied by when one of them is set."""


def weight(field: str) -> float:
    """How much a word in this field counts."""
    return _WEIGHTS.get(field, 1.0)


def weights(schema: Schema, within: tuple[str, ...]) -> dict[str, float]:
    """Weight by field: of those asked for, or of all searchable ones."""
    return {name: weight(name) for name in within or schema.searchable}
