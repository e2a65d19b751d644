"""Ends a run whose owner died without a chance to: it is woken when the owner's end of a pipe closes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from stack.runtimes.leftovers import erase, sweep

__all__ = ["RELEASED", "Watchdog", "watch"]

RELEASED = b"released"
_PACKAGE_ROOT = Path(__file__).resolve().parents[2]
_RELEASE_WITHIN = 10.0


class Watchdog:
    """The owner's handle on its watchdog."""

    def __init__(self, run: str, folder: Path, *, module: str = "stack.runtimes.watchdog") -> None:
        """Start it in a session of its own, so that the terminal's Ctrl-C does not reach it.

        Args:
            run: the run's id.
            folder: the run's folder.
            module: what cleans up after that run; it is run with both.
        """
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, run, str(folder)],
            cwd=_PACKAGE_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def release(self) -> None:
        """Tell it that there is nothing to do, and see it off."""
        if self._process.poll() is not None:
            return
        try:
            self._process.communicate(RELEASED, timeout=_RELEASE_WITHIN)
        except (subprocess.TimeoutExpired, BrokenPipeError):
            self._process.kill()
            self._process.wait()


def watch(arguments: list[str], clean_up: Callable[[str, Path], None]) -> None:
    """Wait for the owner to release us or to die; then clean up what it left.

    Args:
        arguments: run id and run folder.
        clean_up: called with both.
    """
    run, folder = arguments[0], Path(arguments[1])
    if os.read(0, len(RELEASED)) != RELEASED:
        clean_up(run, folder)


def _end(run: str, folder: Path) -> None:
    sweep(run, folder)
    erase(folder)


if __name__ == "__main__":
    watch(sys.argv[1:], _end)
