"""Renews lock files from what the sources have now: `python -m stack.toolchain.lock NAME...`.

A lock is only as honest as the moment it was made: review the difference before you commit it.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

from stack.errors import EngineRoomError, UsageError
from stack.settings import load
from stack.toolchain.errors import ToolchainError
from stack.toolchain.locks import sha256, write_lock
from stack.toolchain.manifest import (
    ArchiveSource,
    CheckoutSource,
    DebianSource,
    Entry,
    GoSource,
    MavenSource,
    PythonSource,
    WheelSource,
)
from stack.toolchain.sources import archive, maven, ocb, python, wheel
from stack.toolchain.sources.job import Job
from stack.toolchain.toolchain import Toolchain

__all__ = ["main", "renew"]

_GO_LIMIT = 900.0  # seconds
_MACHINES = ("x86_64", "aarch64")
_GLIBCS = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014")
_USAGE, _FAILED = 64, 1


def renew(toolchain: Toolchain, name: str) -> list[str]:
    """Obtain one tool's artefacts afresh and write what they are into its lock.

    Args:
        toolchain: the toolchain file and the cache (for Maven, Go and Java, if they are needed).
        name: the tool.

    Returns:
        What was done, for a person to read.

    Raises:
        UsageError: nothing is to be locked for this kind of source.
        ToolchainError: an artefact cannot be had.
    """
    entry = toolchain.manifest.entry(name)
    with tempfile.TemporaryDirectory(prefix="engineroom-lock-") as folder:
        job = _job(toolchain, entry, Path(folder))
        match entry.source:
            case WheelSource():
                return _wheels(job, entry.source)
            case MavenSource():
                return _jars(job, entry.source)
            case GoSource():
                return _module(job, entry.source)
            case ArchiveSource():
                return _archive(job, entry.source)
            case PythonSource():
                return _python(job, entry.source)
            case DebianSource():
                why = "Debian's signed package index is the lock; `engineroom setup` checks it and records what it says"
            case CheckoutSource():
                why = (
                    f"{entry.source.lock} in {entry.source.folder} is the lock; {entry.source.builder} itself renews it"
                )
            case _:
                why = "it is not fetched from anywhere"
    raise UsageError(f"{name} has no lock to renew", got=why)


def _job(toolchain: Toolchain, entry: Entry, folder: Path) -> Job:
    for part in ("root", "downloads"):
        (folder / part).mkdir()
    return Job(
        entry=entry,
        folder=toolchain.manifest.folder,
        root=folder / "root",
        downloads=folder / "downloads",
        checksums=None,
        say=lambda text: print(f"{entry.name}: {text}", file=sys.stderr),  # noqa: T201 - a command's progress
        stop=threading.Event(),
        tool=toolchain.require,
    )


def _wheels(job: Job, source: WheelSource) -> list[str]:
    found: dict[str, str] = {}
    said = []
    for machine in _MACHINES:
        target = job.root / machine
        target.mkdir()
        tags = () if machine == platform.machine() else tuple(f"{glibc}_{machine}" for glibc in _GLIBCS)
        try:
            path = wheel.download(job, source, target, platforms=tags)
        except ToolchainError:
            if not tags:
                raise
            said.append(f"no wheel for {machine}")
            continue
        found[path.name] = sha256(path)
        said.append(f"{found[path.name]}  {path.name}")
    write_lock(Path(job.lock_file), found)
    return said


def _jars(job: Job, source: MavenSource) -> list[str]:
    found = maven.lay(job, source)
    write_lock(Path(job.lock_file), found)
    return [f"{len(found)} jars"]


def _module(job: Job, source: GoSource) -> list[str]:
    if source.builder is not None:
        return ocb.renew(job, source, job.downloads)
    module = job.folder / source.folder
    wanted = f"{source.package}@v{job.entry.version}"
    go = job.tool("go").program("go")
    arguments: list[str | Path] = [go, "get", "-C", module, "-tool", wanted]
    job.run(arguments, timeout=_GO_LIMIT, attempt=f"{wanted} cannot be had", env={"GOWORK": "off", "GOFLAGS": ""})
    return [f"{wanted} in {module / 'go.mod'} and go.sum"]


def _python(job: Job, source: PythonSource) -> list[str]:
    text = python.lock_text(job, source)
    (job.folder / source.requirements).write_text(text, "utf-8")
    return [line.removesuffix(" \\") for line in text.splitlines() if "==" in line]


def _archive(job: Job, source: ArchiveSource) -> list[str]:
    said = []
    for file in source.files:
        path = job.downloads / file.machine
        try:
            archive.fetch(file.address, path, allowed=source.redirects, job=job)
        except OSError as error:
            raise ToolchainError("A release file could not be fetched", on=file.address, got=str(error)) from error
        said.append(f'put  sha256 = "{sha256(path)}"  below  machine = "{file.machine}"  of {job.entry.name}')
    return said


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m stack.toolchain.lock", description="Renew lock files.")
    parser.add_argument("names", nargs="+", metavar="NAME", help="tools, as in toolchain.toml")
    try:
        toolchain = Toolchain(load())
        for name in parser.parse_args(arguments).names:
            for line in renew(toolchain, name):
                print(f"{name}: {line}")  # noqa: T201 - this is a command
    except EngineRoomError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return _USAGE if isinstance(error, UsageError) else _FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
