"""Which documents can contain a match, as a formula over trigrams."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from stack.search.exact.fold import fold, fold_character, is_known

__all__ = [
    "EVERYTHING",
    "NOTHING",
    "AllGrams",
    "AnyGrams",
    "Gram",
    "TrigramQuery",
    "all_grams",
    "any_grams",
    "bytes_query",
    "literal_query",
]

GRAM = 3


@dataclass(frozen=True, slots=True)
class Gram:
    """The document has these bytes: 1 to 3 of them, folded."""

    data: bytes


@dataclass(frozen=True, slots=True)
class AllGrams:
    """Every part holds; without parts, every document."""

    parts: tuple[TrigramQuery, ...]


@dataclass(frozen=True, slots=True)
class AnyGrams:
    """At least one part holds; without parts, no document."""

    parts: tuple[TrigramQuery, ...]


TrigramQuery = Gram | AllGrams | AnyGrams

EVERYTHING = AllGrams(())
NOTHING = AnyGrams(())


def all_grams(parts: Iterable[TrigramQuery]) -> TrigramQuery:
    """All of the parts, flat and without repetition."""
    flat: dict[TrigramQuery, None] = {}
    for part in parts:
        if part == NOTHING:
            return NOTHING
        flat |= dict.fromkeys(part.parts if isinstance(part, AllGrams) else (part,))
    return next(iter(flat)) if len(flat) == 1 else AllGrams(tuple(flat))


def any_grams(parts: Iterable[TrigramQuery]) -> TrigramQuery:
    """Any of the parts, flat and without repetition."""
    flat: dict[TrigramQuery, None] = {}
    for part in parts:
        if part == EVERYTHING:
            return EVERYTHING
        flat |= dict.fromkeys(part.parts if isinstance(part, AnyGrams) else (part,))
    return next(iter(flat)) if len(flat) == 1 else AnyGrams(tuple(flat))


def bytes_query(data: bytes) -> TrigramQuery:
    """The document has these folded bytes side by side."""
    if not data:
        return EVERYTHING
    if len(data) <= GRAM:
        return Gram(data)
    return all_grams(Gram(data[at : at + GRAM]) for at in range(len(data) - GRAM + 1))


def literal_query(text: str) -> TrigramQuery:
    r"""The document can contain the text, in whatever case.

    Args:
        text: any; characters whose folding is not certain (see `is_known`), and `\r`, are left out of account.
    """
    pieces: list[str] = [""]
    for character in text:
        if character == "\r" or not is_known(character):
            pieces.append("")
        else:
            pieces[-1] += fold_character(character)
    return all_grams(bytes_query(fold(piece)) for piece in pieces)
