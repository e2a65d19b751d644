"""What Meilisearch's refusals and silences mean."""

from __future__ import annotations

from collections.abc import Mapping

from meilisearch.errors import (
    MeilisearchApiError,
    MeilisearchCommunicationError,
    MeilisearchError,
    MeilisearchTimeoutError,
)

from stack.search.engines.base import (
    EngineError,
    EngineFullError,
    EngineRefusedError,
    EngineUnavailableError,
    IndexMissingError,
)

__all__ = ["of_task", "translate"]

# Codes of https://www.meilisearch.com/docs/reference/errors/error_codes that tell about the server, not the request.
_FULL = frozenset({"no_space_left_on_device", "database_size_limit_reached"})
_AILING = frozenset({"internal", "io_error", "too_many_open_files", "unretrievable_document", "task_queue_full"})
_UNAUTHORIZED = frozenset({401, 403})
_BUSY = frozenset({408, 429})
_TOO_LARGE = 413
_SERVER = 500


def translate(error: Exception, on: str) -> EngineError:  # noqa: PLR0911 - a table of causes
    """The error to raise for one of the client's.

    Args:
        error: what the client (or `requests` below it) raised.
        on: address and index.
    """
    if isinstance(error, MeilisearchTimeoutError):
        return EngineUnavailableError("Meilisearch did not answer in time", on=on, got=error.message)
    if isinstance(error, MeilisearchCommunicationError):
        fix = "is it running? `engineroom restart meilisearch` starts that of a stack again"
        return EngineUnavailableError("Meilisearch cannot be reached", on=on, got=error.message, fix=fix)
    if not isinstance(error, MeilisearchApiError):
        message = error.message if isinstance(error, MeilisearchError) else str(error)
        return EngineUnavailableError("Meilisearch's answer could not be read", on=on, got=message)
    got = f"{error.status_code} {error.code or ''}: {error.message}"
    if error.code in _FULL:
        return EngineFullError("Meilisearch's disk is full", on=on, got=got, fix="make room on its disk")
    if error.status_code in _UNAUTHORIZED:
        fix = "check the key of the engine's address"
        return EngineRefusedError("Meilisearch does not accept the key", on=on, got=got, fix=fix)
    if error.status_code == _TOO_LARGE:
        fix = "send smaller batches, or raise its --http-payload-size-limit"
        return EngineRefusedError("Meilisearch takes no batch this large", on=on, got=got, fix=fix)
    if error.status_code in _BUSY or error.status_code >= _SERVER:
        return EngineUnavailableError("Meilisearch is not able to answer now", on=on, got=got)
    if error.code == "index_not_found":
        return IndexMissingError("The index is not there", on=on, got=got, fix="index the forge first")
    return EngineRefusedError("Meilisearch refused a request", on=on, got=got)


def of_task(error: Mapping[str, object] | None, on: str) -> EngineError:
    """The error to raise for a task that failed."""
    code = str((error or {}).get("code", "unknown"))
    got = f"{code}: {(error or {}).get('message', '')}"
    if code in _FULL:
        return EngineFullError("Meilisearch's disk is full", on=on, got=got, fix="make room on its disk")
    if code in _AILING:
        return EngineUnavailableError("Meilisearch could not do a task", on=on, got=got)
    if code == "index_not_found":
        return IndexMissingError("The index is not there", on=on, got=got, fix="index the forge first")
    return EngineRefusedError("Meilisearch refused a batch", on=on, got=got)
