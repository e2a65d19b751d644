"""How each index is laid out in OpenSearch."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from stack.search.engines.base import Index
from stack.search.engines.schema import SCHEMAS
from stack.search.engines.words import LUCENE_PATTERN, MAX_LENGTH

__all__ = ["POSITIONLESS", "digest", "layout"]

POSITIONLESS = frozenset({"identifiers"})
"""Bags of words, in which nothing stands next to anything: kept without positions, and left out of phrases."""

# Lucene's limit is 32,766 bytes for one value; 8,191 characters of 4 bytes fit. Longer values are kept, not found.
_LONGEST_KEYWORD = 8191

_ANALYSIS = {
    "tokenizer": {"words": {"type": "simple_pattern", "pattern": LUCENE_PATTERN}},
    "filter": {"shorten": {"type": "truncate", "length": MAX_LENGTH}},
    "analyzer": {
        "words": {"type": "custom", "tokenizer": "words", "filter": ["lowercase", "shorten"]},
        # Not used. A slim Java runtime has no Thai dictionary, and then OpenSearch refuses to make any index at all,
        # because it builds every analyzer it knows; naming it here replaces the one that cannot be built.
        "thai": {"type": "standard"},
    },
}


def layout(index: Index) -> dict[str, Any]:
    """Settings and mappings of one index.

    One shard, because scores and distinct counts are exact only within one, and no replica, because an index can be
    made again from the forge. Nothing is searchable until `Ticket.wait` refreshes, so a timer need not. The codec is
    the default: on half of the Go standard library's sources, `best_compression` took 0.68 instead of 0.94 bytes per
    byte of source, for a third more work when writing and twice as much when reading 200 hits.
    """
    schema = SCHEMAS[index]
    properties: dict[str, Any] = {"id": {"type": "keyword"}}
    for name in schema.searchable:
        properties[name] = {"type": "text", "analyzer": "words"}
        if name in POSITIONLESS:
            properties[name] |= {"index_options": "docs", "norms": False}
    properties |= {name: {"type": "keyword", "ignore_above": _LONGEST_KEYWORD} for name in schema.keywords}
    properties |= {name: {"type": "long"} for name in schema.numbers}
    properties |= {name: {"type": "boolean"} for name in schema.booleans}
    properties |= {name: {"type": "object", "enabled": False} for name in schema.stored}
    return {
        "settings": {
            "number_of_shards": 1,
            "number_of_replicas": 0,
            "refresh_interval": "-1",
            "analysis": _ANALYSIS,
        },
        "mappings": {"dynamic": "strict", "properties": properties},
    }


def digest() -> str:
    """Changes when any layout does."""
    text = json.dumps({index.value: layout(index) for index in Index}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
