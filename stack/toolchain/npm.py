"""How npm is run: the machine's by itself, ours by its own Node.js."""

from __future__ import annotations

from pathlib import Path

from stack.toolchain.installed import Installed

__all__ = ["npm_command"]


def npm_command(npm: Installed) -> list[Path]:
    """Program and first arguments; ours is a script that looks for `node` on PATH, where there may be none."""
    if "npm" in npm.programs:
        return [npm.program("npm")]
    return [npm.program("node"), npm.program("npm-cli.js")]
