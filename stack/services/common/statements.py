"""Spans around statements sent to PostgreSQL, whoever in this process sends them: their text, never their values."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import Any

import psycopg
from opentelemetry import trace
from opentelemetry.context import attach, detach, get_value, set_value
from opentelemetry.util.types import AttributeValue
from psycopg.sql import Composable

from stack.services.common.telemetry import client_span

__all__ = ["at_most", "trace_statements"]

_LONGEST = 2000
_COUNTER = "engineroom-statements"
_LITERAL = re.compile(r"'(?:[^']|'')*'|\b\d+\b")
_OPERATION = re.compile(r"[A-Za-z]+")
_done: list[bool] = []


class at_most:  # noqa: N801 - reads as a sentence
    """Record no more than so many statements inside the block: a run over a whole forge sends a hundred thousand."""

    def __init__(self, number: int) -> None:
        """The number of spans."""
        self._left = [number]
        self._token: Any = None

    def __enter__(self) -> None:
        """Begin to count."""
        self._token = attach(set_value(_COUNTER, self._left))

    def __exit__(self, *error: object) -> None:
        """End."""
        detach(self._token)


def trace_statements() -> None:
    """Put a span around every statement of psycopg's from now on; only inside a trace, so polling makes none."""
    if _done:
        return
    _done.append(True)
    for cursor in (psycopg.Cursor, psycopg.ServerCursor):
        for method in ("execute", "executemany"):
            setattr(cursor, method, _traced(getattr(cursor, method)))


def _traced(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def traced(self: Any, query: Any, *arguments: Any, **options: Any) -> Any:
        if self.connection.closed or not trace.get_current_span().is_recording() or not _counted():
            return original(self, query, *arguments, **options)
        text = _text(query, self)
        found = _OPERATION.search(text)
        operation = found[0].upper() if found else "QUERY"
        with client_span(f"{operation} {self.connection.info.dbname}", _attributes(self, operation, text)):
            return original(self, query, *arguments, **options)

    return traced


def _counted() -> bool:
    left: Any = get_value(_COUNTER)
    if left is None:
        return True
    left[0] -= 1
    return bool(left[0] >= 0)


def _attributes(cursor: Any, operation: str, text: str) -> dict[str, AttributeValue]:
    info = cursor.connection.info
    return {
        "db.system.name": "postgresql",
        "db.namespace": info.dbname,
        "db.operation.name": operation,
        "db.query.text": text,
        "server.address": info.host,
        "server.port": info.port,
        "peer.service": "postgresql",
    }


def _text(query: Any, cursor: Any) -> str:
    if isinstance(query, Composable):
        query = query.as_string(cursor)
    if isinstance(query, bytes):
        query = query.decode("utf-8", "replace")
    # Values go beside the text; a literal in it is a constant of the program, and is masked all the same.
    return _LITERAL.sub("?", " ".join(str(query).split()))[:_LONGEST]
