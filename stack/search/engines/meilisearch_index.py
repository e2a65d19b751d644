"""How each index is set up in Meilisearch."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from stack.search.engines.base import Index
from stack.search.engines.documents import fields_of
from stack.search.engines.ranking import DEMOTED
from stack.search.engines.schema import SCHEMAS

__all__ = ["CUTOFF_MS", "MAX_FACET_VALUES", "digest", "settings", "shadow_of_cjk", "shadow_of_value"]

MAX_FACET_VALUES = 1_000
CUTOFF_MS = 3_000

# Meilisearch takes these for letters, and would find neither `next` in `p->next` nor `x` in `x=1`.
_SEPARATORS = ["$", "<", "=", ">", "^", "`", "|", "~"]

_MAX_TOTAL = 1_000_000_000


def shadow_of_cjk(field: str) -> str:
    """The extra field that holds the CJK characters of a field one by one.

    How Meilisearch itself cuts CJK text depends on the features it was built with, and on a dictionary.
    """
    return f"_cjk_{field}"


def shadow_of_value(field: str) -> str:
    """The extra field that holds a digest of a value too large to be compared exactly (see `meilisearch_documents`)."""
    return f"_exact_{field}"


def settings(index: Index) -> dict[str, Any]:
    """The settings of one index, complete, to be given before its first document.

    Measured on a quarter of the Go standard library's sources (2,485 files, 24 MB, 2 cores): `byAttribute` 3.1 MB/s and
    94 MB on disk; `byWord` 1.5 MB/s and 240 MB; prefixes cost a tenth of either. So code goes without distances between
    words (the exact layer checks phrases on the text), while records, short and few, have them.

    `typo` stays among the rules though no typing error is forgiven: it puts words that merely begin like the last one
    before texts in which Meilisearch finds that one cut in two.
    """
    schema = SCHEMAS[index]
    code = index is Index.CODE
    searchable = [name for field in schema.searchable for name in (field, shadow_of_cjk(field))]
    by_value = [*schema.keywords, *schema.booleans, *(shadow_of_value(field) for field in _compared(index))]
    ties = ["file_id:asc", *(["part:asc"] if "part" in schema.numbers else [])]
    demoted = [f"{name}:asc" for name in DEMOTED if name in schema.booleans]
    return {
        "searchableAttributes": searchable,
        "displayedAttributes": list(fields_of(index)),
        "filterableAttributes": [_filterable(by_value, ranges=False), _filterable(list(schema.numbers), ranges=True)],
        "sortableAttributes": [*schema.keywords, *schema.numbers, *schema.booleans],
        "rankingRules": ["sort", "words", "typo", "attributeRank", "proximity", *demoted, "exactness", *ties],
        "typoTolerance": {"enabled": False},
        "separatorTokens": _SEPARATORS,
        "nonSeparatorTokens": ["_"],
        "proximityPrecision": "byAttribute" if code else "byWord",
        "prefixSearch": "indexingTime",
        "facetSearch": False,
        "faceting": {"maxValuesPerFacet": MAX_FACET_VALUES, "sortFacetValuesBy": {"*": "count"}},
        "pagination": {"maxTotalHits": _MAX_TOTAL},
        "searchCutoffMs": CUTOFF_MS,
    }


def _compared(index: Index) -> tuple[str, ...]:
    schema = SCHEMAS[index]
    return (*schema.keywords, *schema.numbers)


def _filterable(names: list[str], *, ranges: bool) -> dict[str, Any]:
    features = {"facetSearch": False, "filter": {"equality": True, "comparison": ranges}}
    return {"attributePatterns": names, "features": features}


def digest() -> str:
    """Changes when any setting does."""
    text = json.dumps({index.value: settings(index) for index in Index}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
