"""Makes filters small and safe before an engine sees them: constants folded, levels merged, fields checked."""

from __future__ import annotations

from dataclasses import dataclass

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
from stack.search.engines.schema import SCHEMAS

__all__ = ["MAX_DEPTH", "NONE", "filterable", "prepare"]

MAX_DEPTH = 40
"""Levels of and/or/not. Meilisearch allows 150 including parentheses, OpenSearch's parser recurses per level."""

NONE: Filter = Or(())
"""Holds for nothing."""


def filterable(index: Index) -> frozenset[str]:
    """The fields of an index that filters, facets and sorting may name."""
    schema = SCHEMAS[index]
    return frozenset((*schema.keywords, *schema.numbers, *schema.booleans))


def prepare(index: Index, where: Filter) -> Filter:
    """The same filter, simplified: `ALL`, `NONE`, or a tree without either in it.

    Raises:
        EngineRefusedError: it names a field that can't be filtered by, or is nested too deep.
    """
    return _Preparation(filterable(index), index.value).run(where, 0)


@dataclass(frozen=True)
class _Preparation:
    fields: frozenset[str]
    index: str

    def run(self, where: Filter, depth: int) -> Filter:  # noqa: PLR0911 - one for each kind of filter
        if depth > MAX_DEPTH:
            raise EngineRefusedError(
                f"A filter is nested more than {MAX_DEPTH} levels deep", on=self.index, fix="write it with fewer levels"
            )
        match where:
            case And(inner):
                return self._join(And, inner, depth, neutral=ALL, absorbing=NONE)
            case Or(inner):
                return self._join(Or, _merged(inner), depth, neutral=NONE, absorbing=ALL)
            case Not(inner):
                found = self.run(inner, depth + 1)
                if found in (ALL, NONE):
                    return NONE if found == ALL else ALL
                return found.inner if isinstance(found, Not) else Not(found)
            case OneOf(name, values):
                self._known(name)
                return OneOf(name, tuple(dict.fromkeys(values))) if values else NONE
            case Range(name, low, high):
                self._known(name)
                return where if low is not None or high is not None else Exists(name)
            case Equals(name) | Exists(name):
                self._known(name)
                return where

    def _known(self, name: str) -> None:
        if name not in self.fields:
            raise EngineRefusedError(
                f"The index {self.index} cannot be filtered by {name}",
                on=self.index,
                got=name,
                fix=f"filter by one of {', '.join(sorted(self.fields))}",
            )

    def _join(
        self, kind: type[And | Or], inner: tuple[Filter, ...], depth: int, *, neutral: Filter, absorbing: Filter
    ) -> Filter:
        kept: list[Filter] = []
        for each in inner:
            found = self.run(each, depth + 1)
            if found == absorbing:
                return absorbing
            if isinstance(found, kind):
                kept += found.inner
            elif found not in kept:
                kept.append(found)
        if not kept:
            return neutral
        return kept[0] if len(kept) == 1 else kind(tuple(kept))


def _merged(inner: tuple[Filter, ...]) -> tuple[Filter, ...]:
    """Alternatives on one field as one set: engines look a set up at once, and evaluate alternatives one by one."""
    values: dict[str, list[str | int]] = {}
    rest: list[Filter] = []
    for each in inner:
        match each:
            case Equals(name, value) if not isinstance(value, bool):
                values.setdefault(name, []).append(value)
            case OneOf(name, several) if several:
                values.setdefault(name, []).extend(several)
            case _:
                rest.append(each)
    return (*(OneOf(name, tuple(found)) for name, found in values.items()), *rest)
