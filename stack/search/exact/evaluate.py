"""Answers a formula over trigrams from one segment."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stack.search.exact.grams import GRAM, AllGrams, AnyGrams, Gram, TrigramQuery
from stack.search.exact.segment import Numbers, Segment

__all__ = ["matching"]

_FEW = 4  # documents that are quicker looked at than narrowed down further
_MAX_LISTS = 64  # of one conjunction, the rarest first
_MAX_RANGE = 2_000_000  # postings of a range that are worth reading


def matching(segment: Segment, query: TrigramQuery) -> Numbers | None:
    """The documents that can match, ascending; `None` for all of them.

    Args:
        segment: the segment.
        query: the formula.

    Raises:
        CorruptSegmentError: the segment's postings are damaged.
    """
    match query:
        case Gram(data):
            return _gram(segment, *_places(segment, data))
        case AllGrams(parts):
            return _all(segment, parts)
        case AnyGrams(parts):
            return _any(segment, parts)


def _places(segment: Segment, data: bytes) -> tuple[int, int]:
    """Positions of the trigrams that begin with these bytes."""
    missing = 8 * (GRAM - len(data))
    low = int.from_bytes(data, "big") << missing
    return segment.gram_range(low, low + (1 << missing))


def _gram(segment: Segment, begin: int, end: int) -> Numbers | None:
    if end - begin <= 1:
        return segment.lists(begin, end)
    if segment.posting_count(begin, end) > _MAX_RANGE:
        return None
    return np.flatnonzero(_mask(segment, segment.lists(begin, end))).astype(np.uint32)


def _all(segment: Segment, parts: tuple[TrigramQuery, ...]) -> Numbers | None:
    grams = [_places(segment, part.data) for part in parts if isinstance(part, Gram)]
    counted = sorted((segment.posting_count(*places), *places) for places in grams)
    current: Numbers | None = None
    for _, begin, end in counted[:_MAX_LISTS]:
        current = _narrow(segment, current, _gram(segment, begin, end))
        if current is not None and current.size <= _FEW:
            return current
    for part in parts:
        if not isinstance(part, Gram):
            current = _narrow(segment, current, matching(segment, part))
            if current is not None and not current.size:
                return current
    return current


def _narrow(segment: Segment, current: Numbers | None, found: Numbers | None) -> Numbers | None:
    if current is None or found is None:
        return found if current is None else current
    return current[_mask(segment, found)[current]]


def _any(segment: Segment, parts: tuple[TrigramQuery, ...]) -> Numbers | None:
    union = np.zeros(segment.header.documents, dtype=np.bool_)
    for part in parts:
        found = matching(segment, part)
        if found is None:
            return None
        union[found] = True
    return np.flatnonzero(union).astype(np.uint32)


def _mask(segment: Segment, numbers: Numbers) -> NDArray[np.bool_]:
    mask = np.zeros(segment.header.documents, dtype=np.bool_)
    mask[numbers] = True
    return mask
