"""Removes a run of containers whose owner died without a chance to."""

from __future__ import annotations

import sys
from pathlib import Path

from stack.runtimes.leftovers import erase
from stack.runtimes.watchdog import watch

__all__ = ["MODULE"]

MODULE = "stack.runtimes.containers.watchdog"
_CALL_WITHIN = 60


def _remove(run: str, folder: Path) -> None:
    # Only now: until then this process is small.
    from stack.runtimes.containers.engine import engine  # noqa: PLC0415
    from stack.runtimes.containers.pod import remove_run  # noqa: PLC0415

    client = engine(within=_CALL_WITHIN)
    # A call of the owner's that was under way may still make something: look until nothing is there twice.
    while remove_run(client, run):
        pass
    erase(folder)


if __name__ == "__main__":
    watch(sys.argv[1:], _remove)
