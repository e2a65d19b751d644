"""Starts a stack in a process of its own, so that a test can end that process in every way.

Arguments: state folder, `foreground` or `detached`, components. Prints one line per step as JSON, then holds the stack
until its standard input closes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from stack.runtimes import start
from stack.settings import load


def say(**what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def main(state: str, form: str, *components: str) -> None:
    stack = start(
        load(state_dir=Path(state)),
        components=components,
        detached=form == "detached",
        progress=lambda component, doing: say(component=component, doing=doing),
    )
    say(ready=stack.name, pids=[status.pid for status in stack.status()])
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
