"""Translates a question into Meilisearch's query language, and its answers back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from stack.search.engines.base import (
    ALL,
    And,
    EngineRefusedError,
    Equals,
    Exists,
    Filter,
    Hit,
    Not,
    OneOf,
    Or,
    Range,
    SearchRequest,
    SearchResponse,
)
from stack.search.engines.documents import fields_of
from stack.search.engines.filters import NONE
from stack.search.engines.meilisearch_documents import exact
from stack.search.engines.meilisearch_index import CUTOFF_MS, MAX_FACET_VALUES, shadow_of_cjk, shadow_of_value
from stack.search.engines.question import Question, Term
from stack.search.engines.schema import SCHEMAS
from stack.search.engines.words import is_cjk

__all__ = ["answer", "expression", "impossible", "nothing", "queries"]

Json = dict[str, Any]

_MAX_WORDS = 10  # Meilisearch leaves out words beyond these without saying so
_MAX_TOKENS = 450  # limits.rs, MAX_TOKEN_COUNT: 1,000 tokens, spaces included
_LONGEST_FILTER = 400_000  # characters; reading one takes time with the square of its length, some 5 s for this
_LONG_FILTER = 20_000  # from here on, reading it twice takes longer than counting exhaustively
_LISTS = frozenset({"path_tokens", "labels"})
_LONGEST_WORD = 250  # milli/src/lib.rs, MAX_WORD_LENGTH in bytes: longer words are not indexed


def expression(where: Filter) -> str:  # noqa: PLR0911 - one for each kind of filter
    """A prepared filter as a filter expression, every value quoted."""
    match where:
        case And(inner):
            return "(" + " AND ".join(expression(each) for each in inner) + ")"
        case Or(inner):
            return "(" + " OR ".join(expression(each) for each in inner) + ")"
        case Not(inner):
            return f"NOT {expression(inner)}"
        case Equals(name, value):
            return _one(name, value)
        case OneOf(name, values):
            return _one_of(name, values)
        case Range(name, low, high):
            limits = [f"{name} >= {low}" if low is not None else "", f"{name} < {high}" if high is not None else ""]
            return "(" + " AND ".join(limit for limit in limits if limit) + ")"
        case Exists(name):
            # An empty list has no value, an empty string is one.
            some = f" AND {name} IS NOT EMPTY" if name in _LISTS else ""
            return f"({name} EXISTS AND {name} IS NOT NULL{some})"


def _one(name: str, value: str | bool | int) -> str:
    if isinstance(value, bool):
        return f"{name} = {'true' if value else 'false'}"
    if isinstance(value, int) and exact(value) is None:
        return f"{name} = {value}"
    digest = exact(value)
    if digest is not None:
        return f"{shadow_of_value(name)} = {digest}"
    if value == "":
        return f"{name} IS EMPTY"  # = "" finds nothing
    return f"{name} = {_quoted(str(value))}"


def _one_of(name: str, values: Sequence[str | int]) -> str:
    plain = [value for value in values if value != "" and exact(value) is None]
    others = [value for value in values if value == "" or exact(value) is not None]
    parts = [_one(name, value) for value in others]
    numbers = sorted(value for value in plain if isinstance(value, int))
    single = [value for value in plain if isinstance(value, str)]
    for low, high in _runs(numbers):
        if high - low > 1:
            parts.append(f"{name} {low} TO {high}")
        else:
            single += dict.fromkeys((str(low), str(high)))
    if single:
        parts.append(f"{name} IN [{', '.join(map(_quoted, single))}]")
    return parts[0] if len(parts) == 1 else f"({' OR '.join(parts)})"


def _runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First and last of each run of consecutive numbers."""
    for _, group in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        run = [number for _, number in group]
        yield run[0], run[-1]


def _quoted(value: str) -> str:
    text = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def queries(request: SearchRequest, question: Question, index: str) -> list[Json]:
    """The queries that answer a request: the first brings the hits, the last ones (or the same) totals and facets.

    Meilisearch counts exactly only page by page, and counts distinct values one hit after the other. So an offset that
    is no page is asked for apart; and files of one part, nearly all of them, are counted as documents, and only the
    others as distinct values.

    Raises:
        EngineRefusedError: more words, values of a facet or values in the filter than Meilisearch can look at.
    """
    if request.facet_limit > MAX_FACET_VALUES and request.facets:
        raise EngineRefusedError(
            f"Meilisearch counts at most {MAX_FACET_VALUES:,} values of a facet", on=index, got=f"{request.facet_limit}"
        )
    common: Json = {"indexUid": index, "q": _text(question, index), "matchingStrategy": "all"}
    if request.within:
        common["attributesToSearchOn"] = [name for field in request.within for name in (field, shadow_of_cjk(field))]
    filtered = _where(question.where, index)
    distinct = _distinct(request)
    page: Json = common | filtered | distinct | {"facets": list(request.facets)}
    short = len(filtered.get("filter", "")) < _LONG_FILTER
    if not request.limit:
        return _counts(question, page, index) if distinct and short and _has_parts(request) else [_counted(page)]
    hits = common | filtered | distinct | _hits(request, question)
    if distinct and short and _has_parts(request):
        return [hits | _window(request), *_counts(question, page, index)]
    if request.offset % request.limit:
        return [hits | _window(request), _counted(page)]
    return [page | hits | {"page": request.offset // request.limit + 1, "hitsPerPage": request.limit}]


def _counted(page: Json) -> Json:
    return page | {"hitsPerPage": 0}


def _counts(question: Question, page: Json, index: str) -> list[Json]:
    """Files of one part counted as documents, and the others as distinct values."""
    single = Equals("parts", 1)
    alone = {name: value for name, value in page.items() if name != "distinct"}
    return [
        _counted(alone | _where(_and(question.where, single), index)),
        _counted(page | _where(_and(question.where, Not(single)), index)),
    ]


def _window(request: SearchRequest) -> Json:
    return {"offset": request.offset, "limit": request.limit}


def _distinct(request: SearchRequest) -> Json:
    """Records are one document per file id, so there is nothing to make distinct by it."""
    if request.distinct is None or (request.distinct == "file_id" and not _has_parts(request)):
        return {}
    return {"distinct": request.distinct}


def _has_parts(request: SearchRequest) -> bool:
    return request.distinct == "file_id" and "parts" in SCHEMAS[request.index].numbers


def _and(where: Filter, other: Filter) -> Filter:
    return other if where == ALL else And((where, other))


def _where(where: Filter, index: str) -> Json:
    if where == ALL:
        return {}
    text = expression(where)
    if len(text) > _LONGEST_FILTER:
        raise EngineRefusedError(
            "The filter has more values than Meilisearch can look at", on=index, got=f"{len(text):,} characters"
        )
    return {"filter": text}


def _hits(request: SearchRequest, question: Question) -> Json:
    asked: Json = {"attributesToRetrieve": _retrieved(request), "showRankingScore": True}
    if question.sort:
        asked["sort"] = [f"{name}:{'desc' if down else 'asc'}" for name, down in question.sort]
    return asked


def _retrieved(request: SearchRequest) -> list[str]:
    wanted = request.fields or tuple(name for name in fields_of(request.index) if name != "content")
    return list(dict.fromkeys(("id", *wanted)))


def _text(question: Question, index: str) -> str:
    """Every word in quotes: unquoted ones would also be found joined, split and begun."""
    excluded = [f"-{group}" for term in question.none_of for group in _groups(term)]
    required = [group for term in question.required for group in _groups(term)]
    if question.prefix is not None:
        *before, last = question.prefix
        required += [group for token in before for group in _groups((token,))]
        required.append(f'"{last}"' if is_cjk(last) else last)  # only the last word, unquoted, is taken for a beginning
    required = list(dict.fromkeys(required))
    if len(required) > _MAX_WORDS:
        raise EngineRefusedError(
            f"Meilisearch looks up at most {_MAX_WORDS} words and phrases at a time",
            on=index,
            got=f"{len(required)}",
            fix="leave out the most common words, or put words that stand together in quotes",
        )
    text = " ".join([*excluded, *required])
    if text.count(" ") > _MAX_TOKENS:
        raise EngineRefusedError(f"Meilisearch reads at most {_MAX_TOKENS} words of a query", on=index)
    return text


def _groups(term: Term) -> Iterator[str]:
    for _, group in groupby(term, key=is_cjk):
        yield f'"{" ".join(group)}"'


def _certain(question: Question) -> bool:
    """Whether Meilisearch looks for exactly what was asked.

    It checks phrases pair by pair, in code only that the words share a field, and does not know very long words.
    """
    terms = (*question.required, *question.none_of)
    long = any(len(token.encode("utf-8", "replace")) > _LONGEST_WORD for term in terms for token in term)
    return not (question.inexact or question.prefix or long or any(len(term) > 1 for term in terms))


def answer(request: SearchRequest, question: Question, results: Sequence[Mapping[str, Any]]) -> SearchResponse:
    """The answers to `queries` in our terms."""
    hits = [_hit(entry, request.fields) for entry in results[0]["hits"]] if request.limit else []
    counted = [result for result in results if "totalHits" in result]
    total = sum(result["totalHits"] for result in counted)
    in_time = all(result["processingTimeMs"] < CUTOFF_MS for result in results)
    facets = {
        name: _facet([result.get("facetDistribution", {}).get(name, {}) for result in counted], request.facet_limit)
        for name in request.facets
    }
    return SearchResponse(tuple(hits), total, in_time and _certain(question), facets)


def _hit(entry: Json, fields: tuple[str, ...]) -> Hit:
    source = dict(entry)
    score = source.pop("_rankingScore", 0.0)
    name = source["id"]
    if fields and "id" not in fields:
        del source["id"]
    return Hit(name, score, source)


def _facet(counts: Sequence[Mapping[str, int]], limit: int) -> dict[str, int]:
    summed: dict[str, int] = {}
    for each in counts:
        for value, count in each.items():
            summed[value] = summed.get(value, 0) + count
    ordered = sorted(summed.items(), key=lambda pair: (-pair[1], pair[0]))
    return dict(ordered[:limit])


def nothing(request: SearchRequest, *, exact: bool) -> SearchResponse:
    """The answer when nothing can match."""
    return SearchResponse((), 0, exact, {name: {} for name in request.facets})


def impossible(question: Question) -> bool:
    """Whether nothing can match, whatever the index holds."""
    return question.unanswerable or question.where == NONE
