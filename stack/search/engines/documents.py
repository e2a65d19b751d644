"""Documents on their way to an engine: checked before anything is sent, written as JSON that no engine chokes on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence

from stack.search.engines.base import Document, EngineRefusedError, Index
from stack.search.engines.schema import SCHEMAS

__all__ = ["ID", "bodies", "check", "encode", "fields_of"]

# What Meilisearch takes as an id (and OpenSearch takes more of): one bad id would fail a whole batch there.
ID = re.compile(r"[A-Za-z0-9_-]{1,511}")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_SHOWN = 3


def fields_of(index: Index) -> tuple[str, ...]:
    """Every field that a document of this index may have."""
    schema = SCHEMAS[index]
    names = (*schema.searchable, *schema.keywords, *schema.numbers, *schema.booleans, *schema.stored)
    return ("id", *dict.fromkeys(names))


def check(index: Index, documents: Sequence[Document], deletes: Sequence[str] = ()) -> None:
    """See that a batch can be taken at all.

    Raises:
        EngineRefusedError: an id or a field is not valid; names every such document.
    """
    known = frozenset(fields_of(index))
    problems: dict[str, str] = {}
    for document in documents:
        name = document.get("id")
        if not isinstance(name, str) or ID.fullmatch(name) is None:
            problems[str(name)] = "an id is 1 to 511 of A-Z a-z 0-9 - _"
        elif not known.issuperset(document):
            problems[name] = f"no such field: {', '.join(sorted(set(document) - known))}"
    for name in deletes:
        if ID.fullmatch(name) is None:
            problems[name] = "an id is 1 to 511 of A-Z a-z 0-9 - _"
    if problems:
        shown = [f"{name!r}: {problem}" for name, problem in list(problems.items())[:_SHOWN]]
        more = len(problems) - len(shown)
        raise EngineRefusedError(
            f"{len(problems)} documents cannot be indexed",
            ids=tuple(problems),
            on=index.value,
            got="; ".join(shown) + (f"; and {more} more" if more else ""),
            fix="leave them out, or correct what makes them",
        )


def encode(document: Document) -> bytes:
    """One line of JSON in UTF-8; half a surrogate pair, about which JSON parsers disagree, becomes U+FFFD.

    Raises:
        EngineRefusedError: it holds a number that JSON does not have.
    """
    try:
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError as error:
        name = str(document.get("id"))
        raise EngineRefusedError("A document is no JSON", ids=(name,), on=name, got=str(error)) from error
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _LONE_SURROGATE.sub("\ufffd", text).encode()


def bodies(lines: Iterable[bytes], max_bytes: int) -> Iterator[bytes]:
    """Join lines into request bodies no larger than asked; one larger line stands alone."""
    body: list[bytes] = []
    size = 0
    for line in lines:
        if body and size + len(line) > max_bytes:
            yield b"".join(body)
            body, size = [], 0
        body.append(line)
        size += len(line)
    if body:
        yield b"".join(body)
