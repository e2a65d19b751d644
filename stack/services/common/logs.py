"""JSON logs, one line for each event on standard output, with the ids of the trace they belong to."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any

import structlog
from opentelemetry import trace

from stack.errors import EngineRoomError

__all__ = ["configure", "said"]

_LEVELS = {"warning": "warn", "critical": "error", "exception": "error"}
_NUMBERS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
_FIRST = ("timestamp", "level", "service", "message", "request_id", "trace_id", "span_id")
# These tell at info or louder what is told here already, or what nobody asked for.
_QUIET = (
    "asyncio",
    "boto3",
    "botocore",
    "opentelemetry",
    "opensearch",
    "s3transfer",
    "urllib3",
    "uvicorn",
    "uvicorn.access",
    "uvicorn.error",
)

Event = MutableMapping[str, Any]


def configure(service: str, level: str) -> None:
    """Send everything that is logged in this process to standard output.

    Args:
        service: name in each line.
        level: `debug`, `info`, `warn` or `error`; what is below is left out.
    """

    def shape(_: Any, method: str, event: Event) -> Event:
        found = str(event.pop("level", method))
        event["level"] = _LEVELS.get(found, found)
        event["timestamp"] = datetime.now(tz=UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        event["service"] = service
        event["message"] = event.pop("event", "")
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            event["trace_id"] = f"{context.trace_id:032x}"
            event["span_id"] = f"{context.span_id:016x}"
        return {key: event[key] for key in sorted(event, key=_place)}

    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                shape,
                structlog.processors.JSONRenderer(sort_keys=False, ensure_ascii=False, default=str),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(_NUMBERS[level])
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.ERROR)


def said(error: BaseException) -> dict[str, str]:
    """An error as fields of a log line."""
    fields = {"error_type": type(error).__name__}
    if isinstance(error, EngineRoomError):
        parts = {"error": error.what, "error_on": error.on, "error_got": error.got, "error_fix": error.fix}
        return fields | {name: " ".join(text.split()) for name, text in parts.items() if text}
    return fields | {"error": " ".join(str(error).split())[:500]}


def _place(key: str) -> tuple[int, str]:
    return (_FIRST.index(key), "") if key in _FIRST else (len(_FIRST), key)
