"""Turns extracted documents into what the engines store: exactly the fields that `engines.schema` names, plus `id`."""

from __future__ import annotations

import time
from collections.abc import Mapping

from stack.search.engines.base import Document, JsonValue
from stack.search.extract.document import CodeDocument, RepositoryFacts
from stack.search.extract.records import RecordDocument
from stack.search.extract.symbol import Symbol

__all__ = [
    "code",
    "numbers",
    "path_tokens",
    "record",
    "repository_patch",
    "symbol_line",
    "symbols",
    "texts",
    "weight",
    "year",
]

_MAX_DEPTH = 12  # aligned sub-paths grow with the square of the depth; deeper paths keep their last components


def year(date: int) -> str:
    """The UTC year of a time in seconds since 1970; `unknown` for 0."""
    return str(time.gmtime(date).tm_year) if date else "unknown"


def path_tokens(path: str) -> list[str]:
    """What `path:` and `file:` can be answered with by equality alone, in lower case.

    Every run of neighbouring components (`src`, `src/net`, `net/tcp.rs`), the file's own name as `/tcp.rs`, and its
    extension as `*.rs`.
    """
    parts = path.lower().split("/")[-_MAX_DEPTH:]
    tokens = {"/".join(parts[i:j]) for i in range(len(parts)) for j in range(i + 1, len(parts) + 1)}
    tokens.add(path.lower())
    name = parts[-1]
    tokens.add(f"/{name}")
    tokens.update(f"*{name[i:]}" for i, letter in enumerate(name) if letter == "." and i)
    return sorted(tokens)


def symbol_line(symbol: Symbol) -> str:
    """A symbol as one stored line: line number, kind, name, scope and the definition's own line, tabs between."""
    fields = (str(symbol.line), symbol.kind, symbol.name, symbol.scope, symbol.text)
    return "\t".join(field.replace("\t", " ").replace("\n", " ") for field in fields)


def symbols(stored: JsonValue) -> list[Symbol]:
    """The symbols back from the stored field of their lines; none where a document has no such field."""
    found = []
    for line in stored if isinstance(stored, (list, tuple)) else ():
        number, kind, name, scope, text = str(line).split("\t", 4)
        found.append(Symbol(name=name, kind=kind, line=int(number), scope=scope, text=text))
    return found


def repository_patch(facts: RepositoryFacts) -> dict[str, str | int | bool]:
    """The fields that every document of a repository repeats."""
    return {
        "repository": facts.full_name,
        "owner": facts.owner,
        "visibility": facts.visibility,
        "stars": facts.stars,
        "archived": facts.archived,
    }


def code(document: CodeDocument) -> Document:
    """A part of a file as an engine stores it."""
    return {
        "id": document.id,
        "file_id": document.file_id,
        "repository_id": document.repository_id,
        "repository": document.full_name,
        "owner": document.owner,
        "visibility": document.visibility,
        "stars": document.stars,
        "archived": document.archived,
        "path": document.path,
        "path_parts": list(document.path_parts),
        "path_tokens": path_tokens(document.path),
        "basename": document.basename,
        "language": document.language or "",
        "author": document.last_author,
        "date": document.last_date,
        "year": year(document.last_date),
        "commit": document.last_commit,
        "blob": document.blob,
        "mode": document.mode,
        "branch": document.branch,
        "status": document.status.value,
        "size": document.size,
        "part": document.part,
        "parts": document.parts,
        "first_line": document.first_line,
        "is_test": document.is_test,
        "is_vendored": document.is_vendored,
        "is_generated": document.is_generated,
        "symbol_names": list(document.symbol_names),
        "symbols": [symbol_line(symbol) for symbol in document.symbols],
        "definitions": list(document.definitions),
        "identifiers": list(document.identifiers),
        "content": document.content,
    }


def record(document: RecordDocument) -> Document:
    """One part of a record as an engine stores it; what a kind has no field for is left out."""
    fields: dict[str, JsonValue] = {
        "id": document.id,
        "file_id": document.file_id,
        "kind": document.kind,
        "title": document.title,
        "body": document.body,
        "identifiers": list(document.identifiers),
        "author": document.author,
        "state": document.state,
        "labels": list(document.labels),
        "number": document.number,
        "created": document.created,
        "updated": document.updated,
        "year": year(document.updated),
        "repository": document.repository,
        "owner": document.owner,
        "visibility": document.visibility,
        "stars": document.stars,
        "url": document.url,
    }
    if document.repository_id is not None:
        fields |= {"repository_id": document.repository_id}
    if document.kind in {"issue", "pull_request", "wiki"}:
        fields |= {"archived": document.archived, "comments": list(document.comments)}
    elif document.kind == "repository":
        fields |= {"archived": document.archived, "fork": document.fork}
    return fields


def weight(document: CodeDocument) -> int:
    """About how many bytes a document takes on the wire."""
    return 1500 + len(document.content) + 120 * len(document.symbols) + 12 * len(document.identifiers)


def texts(fields: Mapping[str, JsonValue], name: str) -> str:
    """A stored text field; empty when it is missing."""
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def numbers(fields: Mapping[str, JsonValue], name: str) -> int:
    """A stored number; 0 when it is missing."""
    value = fields.get(name)
    return value if isinstance(value, int) else 0
