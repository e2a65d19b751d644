"""Reading the services' log files: which, how far, and what a line's fields become."""

from __future__ import annotations

import json
from pathlib import Path

__all__ = ["LOG_FILES", "file_log"]

# A service's log file and what it is called in telemetry.
LOG_FILES = {
    "git-http.log": "git",
    "api.log": "api",
    "search.log": "search",
    "indexer.log": "indexer",
    "runner.log": "runner",
    "web.log": "web",
}
# RFC 3339 as Go writes it; when reading, it takes any fraction of a second.
_TIMESTAMP = "2006-01-02T15:04:05Z07:00"
_LONGEST_LINE = "64KiB"


def file_log(folder: Path, storage: str) -> dict[str, object]:
    """The receiver that follows the services' logs.

    Lines of JSON become records with time, severity, trace and span of their own; any other line (a panic, what a
    library prints) is a record as it is. Name and offset tell two lines apart that are alike in everything else.

    Args:
        folder: where the files are.
        storage: the extension that keeps how far each file was read.
    """
    return {
        "include": [str(folder / name) for name in LOG_FILES],
        "start_at": "beginning",
        "storage": storage,
        "poll_interval": "200ms",
        "max_log_size": _LONGEST_LINE,
        "include_file_name": True,
        "include_file_record_offset": True,
        # While a queue is full, the rest waits in the file.
        "retry_on_failure": {"enabled": True, "max_elapsed_time": "0s"},
        "operators": [*_operators()],
    }


def _operators() -> list[dict[str, object]]:
    services = json.dumps(LOG_FILES)
    return [
        {"type": "json_parser", "if": 'body startsWith "{"', "on_error": "send_quiet"},
        _when("timestamp", {"type": "time_parser", "layout_type": "gotime", "layout": _TIMESTAMP}),
        _when("level", {"type": "severity_parser"}),
        {
            "type": "trace_parser",
            "if": 'attributes["trace_id"] != nil',
            "trace_id": {"parse_from": "attributes.trace_id"},
            "span_id": {"parse_from": "attributes.span_id"},
            "on_error": "send_quiet",
        },
        {
            "type": "add",
            "field": 'resource["service.name"]',
            "value": f'EXPR({services}[attributes["log.file.name"]])',
        },
        {
            "type": "move",
            "if": 'attributes["message"] != nil',
            "from": "attributes.message",
            "to": "body",
        },
        # They are fields of the record now, and `service` is its resource.
        *(_without(name) for name in ("timestamp", "trace_id", "span_id", "service")),
    ]


def _when(name: str, operator: dict[str, object]) -> dict[str, object]:
    given = {"if": f'attributes["{name}"] != nil', "parse_from": f"attributes.{name}", "on_error": "send_quiet"}
    return {**operator, **given}


def _without(name: str) -> dict[str, object]:
    return {"type": "remove", "if": f'attributes["{name}"] != nil', "field": f"attributes.{name}"}
