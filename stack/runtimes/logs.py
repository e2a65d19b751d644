"""Copies of logs that may leave the machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

__all__ = ["copy_masked"]

_MASK = "**********"


def copy_masked(folder: Path, destination: Path, hidden: Sequence[str]) -> list[Path]:
    """Copy every log below `folder`, line by line, with secrets replaced by asterisks.

    Args:
        folder: holds files named `*.log`.
        destination: is made if it is not there.
        hidden: what must not be in a copy.
    """
    destination.mkdir(parents=True, exist_ok=True)
    copies = []
    for log in sorted(folder.glob("*.log")):
        copy = destination / log.name
        with log.open(encoding="utf-8", errors="replace") as source, copy.open("w", encoding="utf-8") as target:
            for original in source:
                line = original
                for secret in hidden:
                    line = line.replace(secret, _MASK)
                target.write(line)
        copies.append(copy)
    return copies
