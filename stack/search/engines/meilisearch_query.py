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
            return f"({name} EXISTS AND {name} IS NOT NULL AND {name} IS NOT EMPTY)"


def _one(name: str, value: str | bool | int) -> str:
    if isinstance(value, bool):
        return f"{name} = {'true' if value else 'false'}"
    digest = exact(value)
    if digest is not None:
        return f"{shadow_of_value(name)} = {digest}"
    if value == "":
        return f"{name} IS EMPTY"  # = "" finds nothing
    return f"{name} = {_quoted(value)}"


def _one_of(name: str, values: Sequence[str | int]) -> str:
    plain = [value for value in values if value != "" and exact(value) is None]
    others = [value for value in values if value == "" or exact(value) is not None]
    parts = [_one(name, value) for value in others]
    if plain:
        parts.append(f"{name} IN [{', '.join(map(_quoted, plain))}]")
    return parts[0] if len(parts) == 1 else f"({' OR '.join(parts)})"


def _quoted(value: str | int) -> str:
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def queries(request: SearchRequest, question: Question, index: str) -> list[Json]:
    """The queries that answer a request: one for the hits, the others for totals and facets.

    Meilisearch only estimates the total beside hits, and counting distinct values takes it as long as there are hits;
    so files of one part, nearly all of them, are counted as documents, and only the others as distinct values.

    Raises:
        EngineRefusedError: more words, or more values per facet, than Meilisearch looks at.
    """
    if request.facet_limit > MAX_FACET_VALUES and request.facets:
        raise EngineRefusedError(
            f"Meilisearch counts at most {MAX_FACET_VALUES:,} values of a facet", on=index, got=f"{request.facet_limit}"
        )
    common: Json = {"indexUid": index, "q": _text(question, index), "matchingStrategy": "all"}
    if request.within:
        common["attributesToSearchOn"] = [name for field in request.within for name in (field, shadow_of_cjk(field))]
    asked = [common | _hits(request, question)] if request.limit else []
    count: Json = common | {"hitsPerPage": 0, "facets": list(request.facets)}
    if request.distinct is None or not _has_parts(request):
        distinct = {} if request.distinct in (None, "file_id") else {"distinct": request.distinct}
        return [*asked, count | _where(question.where) | distinct]
    single = Equals("parts", 1)
    return [
        *asked,
        count | _where(_and(question.where, single)),
        count | _where(_and(question.where, Not(single))) | {"distinct": request.distinct},
    ]


def _has_parts(request: SearchRequest) -> bool:
    return request.distinct == "file_id" and "parts" in SCHEMAS[request.index].numbers


def _and(where: Filter, other: Filter) -> Filter:
    return other if where == ALL else And((where, other))


def _where(where: Filter) -> Json:
    return {} if where == ALL else {"filter": expression(where)}


def _hits(request: SearchRequest, question: Question) -> Json:
    asked: Json = {
        **_where(question.where),
        "offset": request.offset,
        "limit": request.limit,
        "attributesToRetrieve": _retrieved(request),
        "showRankingScore": True,
    }
    if question.sort:
        asked["sort"] = [f"{name}:{'desc' if down else 'asc'}" for name, down in question.sort]
    if request.distinct is not None and (_has_parts(request) or request.distinct != "file_id"):
        asked["distinct"] = request.distinct
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
    hits: list[Hit] = []
    counted = list(results)
    if request.limit:
        hits = [_hit(entry, request.fields) for entry in counted.pop(0)["hits"]]
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
