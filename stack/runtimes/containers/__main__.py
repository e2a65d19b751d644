"""`python -m stack.runtimes.containers` builds the images that the engine lacks."""

from __future__ import annotations

import sys

from stack.errors import EngineRoomError
from stack.runtimes.containers import prepare
from stack.settings import load

__all__ = ["main"]


def main() -> int:
    """Say each step; exit code 2 when it cannot be done."""
    try:
        done = prepare(load(), lambda image, doing: print(f"{image}: {doing}", flush=True))  # noqa: T201 - a command
    except EngineRoomError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    print(f"{len(done.built)} built, {len(done.already)} already there")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
