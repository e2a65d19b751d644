"""Launchers of programs that came with shared libraries of their own: whoever has the path can run the program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from stack.toolchain.errors import ToolchainError

__all__ = ["write_launchers"]

_FOLDER = "launch"
# The root is found from the launcher's own place, since a tool is laid in one folder and kept in another.
_LAUNCHER = """\
#!/bin/sh
# Runs the program with the libraries that came with it.
root=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")
LD_LIBRARY_PATH={libraries}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}
export LD_LIBRARY_PATH
exec "$root/{program}" "$@"
"""
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+/")


def write_launchers(root: Path, programs: Mapping[str, str], libraries: Sequence[str]) -> dict[str, str]:
    """Write a launcher for each program.

    Args:
        root: of the tool.
        programs: name of each program and its path below the root.
        libraries: folders below the root that hold shared libraries, in the order they are searched in.

    Returns:
        Name and path of each launcher, to be used instead.

    Raises:
        ToolchainError: a path has a character that means something to a shell.
    """
    odd = [path for path in (*programs.values(), *libraries) if not _PLAIN.issuperset(path)]
    if odd:
        raise ToolchainError("A path of a tool cannot be written into a launcher", got=", ".join(odd))
    (root / _FOLDER).mkdir()
    searched = ":".join(f'"$root/{folder}"' for folder in libraries)
    launchers = {}
    for name, program in programs.items():
        launcher = root / _FOLDER / name
        launcher.write_text(_LAUNCHER.format(libraries=searched, program=program), "utf-8")
        launcher.chmod(0o755)
        launchers[name] = f"{_FOLDER}/{name}"
    return launchers
