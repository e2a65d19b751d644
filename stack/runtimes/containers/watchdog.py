"""Removes a run whose owner died without a chance to: it is woken when the owner's end of a pipe closes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from stack.runtimes.leftovers import erase
from stack.runtimes.watchdog import RELEASED

__all__ = ["ContainersWatchdog", "main"]

_PACKAGE_ROOT = Path(__file__).resolve().parents[3]
_RELEASE_WITHIN = 10.0
_CALL_WITHIN = 60


class ContainersWatchdog:
    """The owner's handle on its watchdog, which finds the engine as the owner did."""

    def __init__(self, run: str, folder: Path) -> None:
        """Start it in a session of its own, so that the terminal's Ctrl-C does not reach it."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "stack.runtimes.containers.watchdog", run, str(folder)],
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


def main(arguments: list[str]) -> int:
    """Wait for the owner to release us or to die; then remove what it left. `arguments`: run id, run folder."""
    run, folder = arguments[0], Path(arguments[1])
    if os.read(0, len(RELEASED)) == RELEASED:
        return 0
    # Only now: until then this process is small.
    from stack.runtimes.containers.engine import engine  # noqa: PLC0415
    from stack.runtimes.containers.pod import remove_run  # noqa: PLC0415

    client = engine(within=_CALL_WITHIN)
    # A call of the owner's that was under way may still make something: look until nothing is there twice.
    while remove_run(client, run):
        pass
    erase(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
