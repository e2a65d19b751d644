"""Programs written in Python: wheels with hashes, laid in a folder of their own and run by an interpreter that is here.

Nothing is compiled and nothing is installed into any Python: the folder is only on the path of these programs.
"""

from __future__ import annotations

import configparser
import os
import re
import shutil
import stat
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from stack.toolchain.errors import ToolchainError
from stack.toolchain.locks import sha256
from stack.toolchain.manifest import PythonSource
from stack.toolchain.sources.job import Job, Laid

__all__ = ["install", "interpreter", "lock_text", "requirements_of"]

_LIMIT = 900.0  # seconds
_LIBRARY = "lib"
_PROGRAMS = "bin"
_OLDEST = 11
_NEWEST = 14
# The root is found from the launcher's own place, since a tool is laid in one folder and kept in another.
_LAUNCHER = """\
#!/bin/sh
# Runs Python with the packages beside it, and with no others.
root=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")
PYTHONPATH="$root/lib" PYTHONNOUSERSITE=1 PYTHONDONTWRITEBYTECODE=1
export PYTHONPATH PYTHONNOUSERSITE PYTHONDONTWRITEBYTECODE
exec "{interpreter}" {arguments}"$@"
"""
_CALL = 'import sys; from {module} import {name}; sys.argv[0] = "{program}"; sys.exit({name}())'
_ENTRY = re.compile(r"([\w.]+):(\w+)")


@cache
def interpreter() -> Path:
    """The Python that runs such programs: one that every user may execute, where there is one.

    Servers that refuse root call these programs as another user, for whom a Python in root's home is out of reach.

    Raises:
        ToolchainError: no Python from 3.11 on is here.
    """
    found = list(_interpreters())
    for path in found:
        if _is_open(path):
            return path
    if not found:
        raise ToolchainError("There is no Python from 3.11 on", fix="install python3")
    return found[0]


def _interpreters() -> Iterator[Path]:
    minor = sys.version_info.minor
    names = [f"python3.{number}" for number in sorted(range(_OLDEST, _NEWEST + 1), key=lambda each: each != minor)]
    for folder in (Path(sys.base_prefix) / "bin", Path("/usr/bin"), Path("/usr/local/bin")):
        for name in names:
            path = shutil.which(name, path=str(folder))
            if path is not None:
                yield Path(path).resolve()


def _is_open(path: Path) -> bool:
    try:
        return all(each.stat().st_mode & stat.S_IXOTH for each in (path, *path.parents))
    except OSError:
        return False


def requirements_of(folder: Path, source: PythonSource) -> str:
    """The text of its lock: requirements with the SHA-256 of every wheel that may be taken."""
    try:
        return (folder / source.requirements).read_text("utf-8")
    except OSError as error:
        raise ToolchainError("A lock file cannot be read", on=str(folder / source.requirements)) from error


def install(job: Job, source: PythonSource) -> Laid:
    """Lay the wheels in the root and write a launcher for each console script.

    Raises:
        ToolchainError: pip cannot have one, or it has another hash than the lock says.
    """
    lock = job.folder / source.requirements
    python = interpreter()
    job.say(f"downloading {job.entry.name} {job.entry.version} and what it needs")
    # Downloaded for, and laid by, the interpreter that will run it: wheels differ between releases of Python.
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-input"]
    pip += ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--target", job.root / _LIBRARY]
    job.run(
        [*pip, "--requirement", lock],
        timeout=_LIMIT,
        attempt=f"{job.entry.name} could not be laid by pip",
        fix="see whether this machine's pip reaches its package index",
    )
    _write_launchers(job.root, python)
    digest = sha256(lock)
    return Laid(job.entry.version, {lock.name: digest}, digest, files=(f"{_PROGRAMS}/python",))


def _write_launchers(root: Path, python: Path) -> None:
    folder = root / _PROGRAMS
    folder.mkdir()
    _write(folder / "python", _LAUNCHER.format(interpreter=python, arguments=""))
    for file in sorted((root / _LIBRARY).glob("*.dist-info/entry_points.txt")):
        points = configparser.ConfigParser(delimiters=("=",), interpolation=None)
        points.read(file, "utf-8")
        if not points.has_section("console_scripts"):
            continue
        for program, target in points.items("console_scripts"):
            match = _ENTRY.fullmatch(target.strip())
            if match is None:
                continue
            call = _CALL.format(module=match[1], name=match[2], program=program)
            _write(folder / program, _LAUNCHER.format(interpreter=python, arguments=f"-c '{call}' "))


def _write(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")
    os.chmod(path, 0o755)  # noqa: PTH101, S103 - other users run it: it is in a cache for all


def lock_text(job: Job, source: PythonSource) -> str:
    """Requirements with the hashes of all wheels that the index has of each pinned version.

    Raises:
        ToolchainError: they cannot be resolved or had.
    """
    wanted = job.downloads / "wanted.in"
    wanted.write_text("\n".join(source.packages) + "\n", "utf-8")
    resolved = job.downloads / "resolved.txt"
    compile_: list[str | Path] = [sys.executable, "-m", "piptools", "compile", "--quiet", "--generate-hashes"]
    compile_ += [
        "--no-header",
        "--no-annotate",
        "--strip-extras",
        "--no-emit-index-url",
        "--no-emit-find-links",
        "--output-file",
        resolved,
    ]
    job.run([*compile_, wanted], timeout=_LIMIT, attempt=f"what {job.entry.name} needs could not be resolved")
    text = resolved.read_text("utf-8")
    for package in source.alone:
        folder = job.downloads / package.partition("==")[0]
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        job.run([*pip, "--dest", folder, package], timeout=_LIMIT, attempt=f"{package} could not be downloaded by pip")
        hashes = " \\\n    ".join(f"--hash=sha256:{sha256(path)}" for path in sorted(folder.glob("*.whl")))
        text += f"{package} \\\n    {hashes}\n"
    return text
