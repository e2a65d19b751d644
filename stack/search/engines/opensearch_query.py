"""Translates a question into OpenSearch's query language, and its answer back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stack.search.engines.base import (
    ALL,
    And,
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
from stack.search.engines.opensearch_index import POSITIONLESS
from stack.search.engines.question import Question, Term
from stack.search.engines.ranking import DEMOTED, DEMOTION, weight, weights
from stack.search.engines.schema import SCHEMAS
from stack.search.engines.words import MAX_LENGTH

__all__ = ["answer", "body", "clause"]

Json = dict[str, Any]

_MAX_TERMS = 50_000  # index.max_terms_count is 65,536
_MAX_DISTINCT = 10_000  # buckets counted one by one; search.max_buckets is 65,535
_PREFIX_EXPANSIONS = 1_000
_TIE_BREAKER = 0.1
_TOGETHER = 3.0  # how much words next to each other add, relative to a word of the same field
_FACET_SPARE = 10


def clause(where: Filter) -> Json:  # noqa: PLR0911 - one for each kind of filter
    """A prepared filter as a query clause."""
    match where:
        case And(()):
            return {"match_all": {}}
        case Or(()):
            return {"match_none": {}}
        case And(inner):
            return {"bool": {"filter": [clause(each) for each in inner]}}
        case Or(inner):
            return {"bool": {"should": [clause(each) for each in inner], "minimum_should_match": 1}}
        case Not(inner):
            return {"bool": {"must_not": [clause(inner)]}}
        case Equals(name, value):
            return {"term": {name: value}}
        case OneOf(name, values):
            chunks = [list(values[i : i + _MAX_TERMS]) for i in range(0, len(values), _MAX_TERMS)]
            terms = [{"terms": {name: chunk}} for chunk in chunks]
            return terms[0] if len(terms) == 1 else {"bool": {"should": terms, "minimum_should_match": 1}}
        case Range(name, low, high):
            limits = {"gte": low, "lt": high}
            return {"range": {name: {key: limit for key, limit in limits.items() if limit is not None}}}
        case Exists(name):
            return {"exists": {"field": name}}


def body(request: SearchRequest, question: Question) -> Json:
    """The search request as OpenSearch takes it."""
    order = {True: "desc", False: "asc"}
    sort: list[Any] = [{name: {"order": order[down], "missing": "_last"}} for name, down in question.sort]
    asked: Json = {
        "query": _query(request, question),
        "from": request.offset,
        "size": request.limit,
        "track_total_hits": True,
        "_source": list(request.fields) if request.fields else {"excludes": ["content"]},
        "sort": [*(sort or [{"_score": "desc"}]), {"id": "asc"}],
    }
    distinct = _distinct(request)
    if distinct is not None:
        asked["collapse"] = {"field": distinct}
    aggregations = _aggregations(request, distinct)
    if aggregations:
        asked["aggs"] = aggregations
    return asked


def answer(request: SearchRequest, question: Question, got: Json) -> SearchResponse:
    """OpenSearch's answer in our terms."""
    hits = tuple(Hit(hit["_id"], hit["_score"] or 0.0, hit.get("_source", {})) for hit in got["hits"]["hits"])
    found = got.get("aggregations", {})
    total = got["hits"]["total"]["value"]
    exact = not question.inexact and not got["timed_out"]
    if _distinct(request) is not None:
        several = found["several"]
        overflow = several["values"]["sum_other_doc_count"] > 0
        counted = several["about"]["value"] if overflow else several["count"]["count"]
        total += counted - several["doc_count"]
        exact = exact and not overflow
    facets = {name: _facet(found[f"facet_{name}"]["buckets"], request.facet_limit) for name in request.facets}
    return SearchResponse(hits, total, exact, facets)


def _distinct(request: SearchRequest) -> str | None:
    """The field to collapse by; records are one document per file id, so there is nothing to collapse."""
    if request.distinct == "file_id" and "parts" not in SCHEMAS[request.index].numbers:
        return None
    return request.distinct


def _query(request: SearchRequest, question: Question) -> Json:
    fields = weights(SCHEMAS[request.index], request.within)
    must = [_term(term, fields) for term in question.required]
    if question.prefix is not None:
        must.append(_prefix(question.prefix, fields))
    if question.unanswerable:
        must.append({"match_none": {}})
    parts: Json = {
        "must": must,
        "should": _together(question, fields),
        "filter": [] if question.where == ALL else [clause(question.where)],
        "must_not": [_term(term, fields) for term in question.none_of],
    }
    query: Json = {"bool": {name: clauses for name, clauses in parts.items() if clauses}}
    demoted = [name for name in DEMOTED if name in SCHEMAS[request.index].booleans]
    if must and demoted and not question.sort:
        low = {"bool": {"should": [{"term": {name: True}} for name in demoted]}}
        return {"boosting": {"positive": query, "negative": low, "negative_boost": DEMOTION}}
    return query


def _boosted(fields: Mapping[str, float], *, phrase: bool) -> list[str]:
    return [f"{name}^{boost:g}" for name, boost in fields.items() if not (phrase and name in POSITIONLESS)]


def _term(term: Term, fields: Mapping[str, float]) -> Json:
    phrase = len(term) > 1
    names = _boosted(fields, phrase=phrase)
    if not names:
        return {"match_none": {}}
    kind = "phrase" if phrase else "best_fields"
    return {"multi_match": {"query": " ".join(term), "fields": names, "type": kind, "tie_breaker": _TIE_BREAKER}}


def _prefix(term: Term, fields: Mapping[str, float]) -> Json:
    if len(term) > 1:
        names = _boosted(fields, phrase=True)
        options = {"type": "phrase_prefix", "max_expansions": _PREFIX_EXPANSIONS}
        return {"multi_match": {"query": " ".join(term), "fields": names, **options}} if names else {"match_none": {}}
    start = term[0].lower()[:MAX_LENGTH]
    beginnings = [{"prefix": {name: {"value": start, "boost": boost}}} for name, boost in fields.items()]
    return {"bool": {"should": [_term(term, fields), {"dis_max": {"queries": beginnings}}], "minimum_should_match": 1}}


def _together(question: Question, fields: Mapping[str, float]) -> list[Json]:
    """Words that stand next to each other as they were typed: `fn main` before a file with both somewhere.

    Only in the short, weighty fields: looking for common words side by side in all of the text takes long.
    """
    if len(question.terms) < 2 or question.sort:  # noqa: PLR2004 - one word is always next to itself
        return []
    text = " ".join(token for term in question.terms for token in term)
    return [
        {"match_phrase": {name: {"query": text, "boost": _TOGETHER * weight(name)}}}
        for name in fields
        if weight(name) > 1 and name not in POSITIONLESS
    ]


def _several(request: SearchRequest, distinct: str) -> Json:
    """Documents that may share their value of the field with another one.

    Most files have one part, and need no counting apart; only the parts of larger ones do.
    """
    if distinct == "file_id" and "parts" in SCHEMAS[request.index].numbers:
        return {"bool": {"must_not": [{"term": {"parts": 1}}]}}
    return {"match_all": {}}


def _aggregations(request: SearchRequest, distinct: str | None) -> Json:
    asked: Json = {}
    for name in request.facets:
        asked[f"facet_{name}"] = {"terms": {"field": name, "size": request.facet_limit + _FACET_SPARE}}
    if distinct is None:
        return asked
    several = _several(request, distinct)
    about = {"cardinality": {"field": distinct, "precision_threshold": 40_000}}
    for facet in asked.values():
        facet["aggs"] = {"several": {"filter": several, "aggs": {"about": about}}}
    values = {"terms": {"field": distinct, "size": _MAX_DISTINCT, "execution_hint": "map"}}
    count = {"stats_bucket": {"buckets_path": "values>_count"}}
    asked["several"] = {"filter": several, "aggs": {"about": about, "values": values, "count": count}}
    return asked


def _facet(buckets: list[Json], limit: int) -> dict[str, int]:
    counts: dict[str, int] = {}
    for bucket in buckets:
        count = bucket["doc_count"]
        if "several" in bucket:
            count += bucket["several"]["about"]["value"] - bucket["several"]["doc_count"]
        counts[str(bucket.get("key_as_string", bucket["key"]))] = count
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return dict(ordered[:limit])
