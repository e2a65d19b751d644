"""What OpenSearch's refusals and silences mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opensearchpy.exceptions import ConnectionError as NoConnectionError
from opensearchpy.exceptions import ConnectionTimeout, OpenSearchException, TransportError

from stack.search.engines.base import (
    EngineError,
    EngineFullError,
    EngineRefusedError,
    EngineUnavailableError,
    IndexMissingError,
)

__all__ = ["BUSY", "is_full", "reason", "translate"]

BUSY = frozenset({429, 500, 502, 503, 504})
"""Statuses that ask for another try."""

_MAKE_ROOM = (
    "make room on its disk; the block goes away when usage falls below the high watermark, "
    "or with index.blocks.read_only_allow_delete: null"
)


def reason(error: object) -> str:
    """The innermost explanation that an error body gives."""
    if not isinstance(error, Mapping):
        return str(error)
    parts = [f"{error.get('type', '')}: {error.get('reason', '')}"]
    cause = error.get("caused_by")
    while isinstance(cause, Mapping):
        parts.append(str(cause.get("reason", "")))
        cause = cause.get("caused_by")
    return " <- ".join(part for part in parts if part.strip(": "))


def is_full(error: object) -> bool:
    """Whether an error body tells of the flood-stage block (or of an index made read-only by hand)."""
    if not isinstance(error, Mapping) or error.get("type") != "cluster_block_exception":
        return False
    text = str(error.get("reason", ""))
    return "read-only" in text or "disk usage" in text


def translate(error: OpenSearchException, on: str) -> EngineError:
    """The error to raise for one of the client's.

    Args:
        error: what the client raised.
        on: address and index.
    """
    if isinstance(error, ConnectionTimeout):
        return EngineUnavailableError("OpenSearch did not answer in time", on=on, got=str(error.error))
    if isinstance(error, NoConnectionError):
        fix = "is it running? `engineroom restart opensearch` starts that of a stack again"
        return EngineUnavailableError("OpenSearch cannot be reached", on=on, got=str(error.error), fix=fix)
    if not isinstance(error, TransportError):
        return EngineUnavailableError("OpenSearch's answer could not be read", on=on, got=str(error))
    return _by_status(error, on)


def _by_status(error: TransportError, on: str) -> EngineError:  # noqa: PLR0911 - a table of causes
    body: Any = error.info.get("error") if isinstance(error.info, Mapping) else error.error
    got = f"{error.status_code} {reason(body)}"
    kind = body.get("type", "") if isinstance(body, Mapping) else ""
    if is_full(body):
        return EngineFullError("OpenSearch's disk is full", on=on, got=got, fix=_MAKE_ROOM)
    if kind == "circuit_breaking_exception":
        fix = "send smaller batches, or give it a larger heap"
        return EngineUnavailableError("OpenSearch is short of memory", on=on, got=got, fix=fix)
    if error.status_code in BUSY:
        return EngineUnavailableError("OpenSearch is not able to answer now", on=on, got=got)
    if error.status_code in {401, 403}:
        fix = "check the key of the engine's address"
        return EngineRefusedError("OpenSearch does not accept the credentials", on=on, got=got, fix=fix)
    if kind == "index_not_found_exception":
        return IndexMissingError("The index is not there", on=on, got=got, fix="index the forge first")
    if error.status_code == 413:  # noqa: PLR2004 - HTTP's own number
        return EngineRefusedError("OpenSearch takes no batch this large", on=on, got=got, fix="send smaller batches")
    return EngineRefusedError("OpenSearch refused a request", on=on, got=got)
