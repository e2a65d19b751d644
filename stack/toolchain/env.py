"""What the services' own tests and linters need to know of the toolchain: `python -m stack.toolchain.env`.

Prints shell lines; `make` evaluates them. What is not here is left out, and the tests that need it say so themselves.
"""

from __future__ import annotations

import shlex
import sys

from stack.errors import EngineRoomError
from stack.settings import load
from stack.toolchain.installed import Installed
from stack.toolchain.npm import npm_command
from stack.toolchain.toolchain import Toolchain

__all__ = ["lines", "main"]

_BUILDERS = ("rust", "go", "npm")


def lines(toolchain: Toolchain) -> list[str]:
    """One line for each variable, as a shell takes it."""
    found = {"ENGINEROOM_CACHE_DIR": str(toolchain.cache.folder), "GOWORK": "off"}
    found["CARGO_TARGET_DIR"] = str(toolchain.cache.folder / "build" / "git")
    for variable, name, program, is_folder in (
        ("POSTGRES_BIN", "postgresql", "postgres", True),
        ("REDIS_BIN", "redis", "redis-server", False),
        ("GIT_SERVICE_BIN", "git-service", "engineroom-git", False),
        ("API_BIN", "api", "api", False),
    ):
        tool = _find(toolchain, name)
        if tool is not None:
            place = tool.program(program)
            found[variable] = str(place.parent if is_folder else place)
    npm = _find(toolchain, "npm")
    if npm is not None:
        found["NPM"] = shlex.join(map(str, npm_command(npm)))
    exports = [f"export {name}={shlex.quote(value)}" for name, value in found.items()]
    ours = [tool for name in _BUILDERS if (tool := _find(toolchain, name)) is not None and tool.origin == "cache"]
    folders = dict.fromkeys(str(place.parent) for tool in ours for place in tool.programs.values())
    # What the machine has is on PATH already.
    return [*exports, *(f'export PATH={shlex.quote(folder)}:"$PATH"' for folder in folders)]


def _find(toolchain: Toolchain, name: str) -> Installed | None:
    return toolchain.find(name) if name in {entry.name for entry in toolchain.entries()} else None


def main() -> int:
    """Print them; exit code 2 when the toolchain cannot be read."""
    try:
        told = lines(Toolchain(load()))
    except EngineRoomError as error:
        print(error, file=sys.stderr)  # noqa: T201 - this is a command
        return 2
    print("\n".join(told))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
