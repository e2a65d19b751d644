"""What Meilisearch needs in a document beyond what the document says.

- CJK characters one by one (`shadow_of_cjk`).
- A digest of every value that Meilisearch would compare wrongly: it reads numbers as 64-bit floats, so integers from
  2^53 on run into their neighbours, and it cuts strings to filter by after 468 bytes (`MAX_FACET_VALUE_LENGTH` in
  milli/src/lib.rs).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from stack.search.engines.base import Document, Index, JsonValue
from stack.search.engines.meilisearch_index import shadow_of_cjk, shadow_of_value
from stack.search.engines.schema import SCHEMAS
from stack.search.engines.words import cjk_runs

__all__ = ["exact", "prepared"]

_SAFE_INTEGER = 2**53 - 1
_SAFE_BYTES = 400  # below 468, because decomposing accents and folding case can make a string longer
_BETWEEN_RUNS = " ; "  # a hard separator: what stands on both sides of it is far apart


def exact(value: str | int) -> str | None:
    """A digest of a value that Meilisearch cannot compare exactly; `None` for the others."""
    if isinstance(value, str):
        # A character takes at most 4 bytes: most values need no encoding to be known as short.
        if len(value) * 4 <= _SAFE_BYTES or len(value.encode("utf-8", "replace")) <= _SAFE_BYTES:
            return None
    elif abs(value) <= _SAFE_INTEGER:
        return None
    return hashlib.sha256(f"{value}".encode("utf-8", "replace")).hexdigest()[:32]


def prepared(index: Index, document: Document, *, partial: bool) -> Document:
    """A document with its extra fields; a partial one also clears those that no longer apply."""
    schema = SCHEMAS[index]
    extra: dict[str, JsonValue] = {}
    for field in schema.searchable:
        if field in document:
            runs = [run for text in _texts(document[field]) for run in cjk_runs(text)]
            if runs or partial:
                extra[shadow_of_cjk(field)] = _BETWEEN_RUNS.join(" ".join(run) for run in runs)
    for field in (*schema.keywords, *schema.numbers):
        if field in document:
            digests = [digest for value in _values(document[field]) if (digest := exact(value)) is not None]
            if digests or partial:
                extra[shadow_of_value(field)] = digests
    return {**document, **extra} if extra else document


def _texts(value: JsonValue) -> Iterable[str]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, Iterable):
        return (each for each in value if isinstance(each, str))
    return ()


def _values(value: JsonValue) -> Iterable[str | int]:
    if isinstance(value, str | int):
        return (value,)
    if isinstance(value, Iterable):
        return (each for each in value if isinstance(each, str | int))
    return ()
