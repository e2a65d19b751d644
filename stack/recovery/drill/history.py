"""Drills before this one: a file with a line for each, and what monitoring is told of the last."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from reports.evidence import write_atomically
from reports.verdict import Finding, Verdict
from stack.errors import UsageError
from stack.recovery.drill.report import Report, Trend
from stack.recovery.rules import broken

__all__ = ["append", "late", "metrics", "read"]

_KEPT = 400  # lines: more than a year of nights


def read(path: Path, archive: str = "") -> tuple[Trend, ...]:
    """All that are known, oldest first; none where there is no file.

    Args:
        path: of the file.
        archive: only drills of this one.

    Raises:
        UsageError: the file is not one of these.
    """
    if not path.exists():
        return ()
    try:
        known = [Trend.model_validate_json(line) for line in path.read_text("utf-8").splitlines() if line]
    except (ValidationError, UnicodeDecodeError) as error:
        raise UsageError(
            "The history of drills cannot be read", on=str(path), got=str(error).splitlines()[0], fix="move it away"
        ) from error
    return tuple(each for each in known if not archive or each.archive in {archive, ""})


def append(path: Path, report: Report) -> None:
    """Add a drill; the file is replaced as a whole, so that no half line stays."""
    lines = [*read(path), report.trend()][-_KEPT:]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, "".join(f"{json.dumps(each.model_dump(mode='json'), sort_keys=True)}\n" for each in lines))


def late(known: tuple[Trend, ...], hours: float, now: datetime | None = None) -> list[Finding]:
    """An alarm when the drill itself is late: nobody else would notice that nobody drills."""
    if not known:
        return [broken("DRILL_LATE", "there was never a drill")]
    age = ((now or datetime.now(UTC)) - known[-1].began).total_seconds() / 3600
    if age <= hours:
        return []
    return [broken("DRILL_LATE", f"the last drill began {age:.1f} hours ago, the limit is {hours:g} hours")]


def metrics(known: tuple[Trend, ...], server: str) -> str:
    """Of the last drill of a server, in Prometheus' text format; nothing of what was not measured."""
    if not known:
        return ""
    last = known[-1]
    passed = [each for each in known if each.verdict is Verdict.PASS]
    values: list[tuple[str, str, float | None]] = [
        ("last_timestamp_seconds", "When the last drill began.", last.began.timestamp()),
        ("last_passed", "Whether the last drill passed.", float(last.verdict is Verdict.PASS)),
        ("last_seconds", "How long the last drill took.", last.seconds),
        ("last_rto_seconds", "From the restore's beginning to the first push, in the last drill.", last.rto),
        ("last_rpo_seconds", "What a loss would have taken, by the last drill.", last.rpo),
        (
            "last_success_timestamp_seconds",
            "When the last drill that passed began.",
            passed[-1].began.timestamp() if passed else None,
        ),
    ]
    lines = []
    for name, text, value in values:
        if value is not None:
            full = f"engineroom_drill_{name}"
            lines += [f"# HELP {full} {text}", f"# TYPE {full} gauge", f'{full}{{server="{server}"}} {value:.3f}']
    return "\n".join(lines) + "\n"
