"""What each index holds: the searchable fields in order of weight, the fields to filter by, the fields to count by."""

from __future__ import annotations

from dataclasses import dataclass

from stack.search.engines.base import Index

__all__ = ["SCHEMAS", "Schema"]


@dataclass(frozen=True)
class Schema:
    """One index.

    Args:
        searchable: fields that words are looked up in, the weightiest first.
        keywords: exact-match fields: filter, facet, sort.
        numbers: integer fields: filter by range, sort.
        booleans: true/false fields: filter.
        stored: fields that are kept but neither searched nor filtered.
    """

    searchable: tuple[str, ...]
    keywords: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    booleans: tuple[str, ...] = ()
    stored: tuple[str, ...] = ()


_RECORD_KEYWORDS = ("file_id", "repository", "owner", "visibility", "author", "state", "labels", "kind", "year")
_RECORD_NUMBERS = ("repository_id", "number", "created", "updated", "stars")

_RECORD = Schema(
    searchable=("title", "identifiers", "body", "comments"),
    keywords=_RECORD_KEYWORDS,
    numbers=_RECORD_NUMBERS,
    booleans=("archived",),
    stored=("url",),
)

SCHEMAS: dict[Index, Schema] = {
    Index.CODE: Schema(
        searchable=("symbol_names", "definitions", "basename", "path_parts", "identifiers", "content"),
        keywords=(
            "file_id",
            "path",
            "path_tokens",
            "repository",
            "owner",
            "visibility",
            "language",
            "author",
            "status",
            "branch",
            "blob",
            "mode",
            "year",
        ),
        numbers=("repository_id", "size", "part", "parts", "date", "stars", "first_line"),
        booleans=("is_test", "is_vendored", "is_generated", "archived"),
        stored=("symbols", "commit"),
    ),
    Index.ISSUES: _RECORD,
    Index.PULL_REQUESTS: _RECORD,
    Index.WIKI: _RECORD,
    Index.USERS: _RECORD,
    Index.ORGANIZATIONS: _RECORD,
    Index.REPOSITORIES: Schema(
        searchable=_RECORD.searchable,
        keywords=(*_RECORD_KEYWORDS, "language"),
        numbers=_RECORD_NUMBERS,
        booleans=("archived", "fork"),
        stored=("url",),
    ),
}
