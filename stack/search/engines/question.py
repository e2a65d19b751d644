"""Reads a search request once, for every engine: checked, cut into the words that indexes hold."""

from __future__ import annotations

from dataclasses import dataclass

from stack.search.engines.base import EngineRefusedError, Filter, SearchRequest
from stack.search.engines.filters import filterable, prepare
from stack.search.engines.schema import SCHEMAS
from stack.search.engines.words import tokens

__all__ = ["MAX_WINDOW", "Question", "read"]

MAX_WINDOW = 10_000
"""Hits that can be paged through: OpenSearch's default `index.max_result_window`, kept for every engine."""

Term = tuple[str, ...]
"""One word; several tokens when it is written with punctuation inside: they have to stand next to each other."""


@dataclass(frozen=True)
class Question:
    """A request, ready to be translated.

    Args:
        terms: each has to occur.
        prefix: the last of them may go on.
        phrases: each has to occur, its tokens next to each other.
        none_of: none may occur.
        where: the prepared filter.
        unanswerable: there was text, but no word in it: nothing can match.
        inexact: some of the text has no words in it (`->`) and was left out.
        sort: (field, descending).
    """

    terms: tuple[Term, ...]
    prefix: Term | None
    phrases: tuple[Term, ...]
    none_of: tuple[Term, ...]
    where: Filter
    unanswerable: bool
    inexact: bool
    sort: tuple[tuple[str, bool], ...]

    @property
    def required(self) -> tuple[Term, ...]:
        """Terms and phrases: everything that must occur as written."""
        return (*self.terms, *self.phrases)


def read(request: SearchRequest) -> Question:
    """Check and cut a request.

    Raises:
        EngineRefusedError: an unknown field, a filter nested too deep, or a page beyond `MAX_WINDOW`.
    """
    _check(request)
    words = [tokens(word) for word in request.words]
    phrases = [tokens(phrase) for phrase in request.phrases]
    none_of = [tokens(word) for word in request.none_of]
    asked = [*words, *phrases]
    prefix = words.pop() if request.prefix_last and words and words[-1] else None
    return Question(
        terms=_distinct(words),
        prefix=prefix,
        phrases=_distinct(phrases),
        none_of=_distinct(none_of),
        where=prepare(request.index, request.filter),
        unanswerable=bool(asked) and not any(asked),
        inexact=not all((*asked, *none_of)),
        sort=tuple((name.removeprefix("-"), name.startswith("-")) for name in request.sort),
    )


def _distinct(terms: list[Term]) -> tuple[Term, ...]:
    return tuple({tuple(token.lower() for token in term): term for term in terms if term}.values())


def _check(request: SearchRequest) -> None:
    index = request.index
    fields = filterable(index)
    _known(index.value, "search within", request.within, frozenset(SCHEMAS[index].searchable))
    _known(index.value, "count by", request.facets, fields)
    _known(index.value, "sort by", tuple(name.removeprefix("-") for name in request.sort), fields)
    if request.distinct is not None:
        _known(index.value, "make distinct by", (request.distinct,), frozenset(SCHEMAS[index].keywords))
    if request.limit < 0 or request.offset < 0 or request.facet_limit < 0:
        raise EngineRefusedError("limit, offset and facet_limit are 0 or more", on=index.value)
    if request.offset + request.limit > MAX_WINDOW:
        raise EngineRefusedError(
            f"Only the best {MAX_WINDOW:,} hits can be paged through",
            on=index.value,
            got=f"offset {request.offset:,} + limit {request.limit:,}",
            fix="narrow the search instead of paging on",
        )


def _known(index: str, verb: str, names: tuple[str, ...], allowed: frozenset[str]) -> None:
    unknown = sorted(set(names) - allowed)
    if unknown:
        raise EngineRefusedError(
            f"The index {index} cannot {verb} {', '.join(unknown)}",
            on=index,
            got=", ".join(unknown),
            fix=f"it can by {', '.join(sorted(allowed))}",
        )
