"""Go programs built from a committed module whose `go.sum` is the lock."""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from stack.toolchain.cache import TEMPORARY
from stack.toolchain.errors import LockMismatchError, ToolchainError
from stack.toolchain.locks import sha256
from stack.toolchain.manifest import GoSource
from stack.toolchain.sources import ocb
from stack.toolchain.sources.job import Job, Laid

__all__ = ["install"]

_BUILD_LIMIT = 3600.0  # seconds; versitygw takes 4 minutes on two busy cores with an empty build cache
# Go keeps every core busy by itself: two builds side by side only take twice the memory.
_ONE_AT_A_TIME = threading.Lock()
_POLL = 0.5  # seconds
_SUM_COMPLAINTS = ("checksum mismatch", "SECURITY ERROR", "missing go.sum entry")


def install(job: Job, source: GoSource) -> Laid:
    """Build the program into `bin/` of the root.

    Raises:
        ToolchainError: Go is missing, cannot fetch a module, or the build fails.
        LockMismatchError: a module is not what `go.sum` promises.
    """
    with _turn(job), tempfile.TemporaryDirectory(prefix=TEMPORARY, dir=job.downloads) as work:
        return _build(job, source, Path(work))


@contextlib.contextmanager
def _turn(job: Job) -> Iterator[None]:
    while not _ONE_AT_A_TIME.acquire(timeout=_POLL):
        if job.stop.is_set():
            raise ToolchainError(f"{job.entry.name} was not built: stopped")
    try:
        yield
    finally:
        _ONE_AT_A_TIME.release()


def _build(job: Job, source: GoSource, work: Path) -> Laid:
    target = job.root / "bin" / source.program
    job.say(f"building {source.package} {job.entry.version} (minutes, the first time)")
    # Flags on the command line win over the user's GOFLAGS, so the lock cannot be switched off by accident.
    flags = ["-mod=readonly", "-buildvcs=false", "-trimpath", "-ldflags", "-s -w"]
    try:
        module = job.folder / source.folder if source.builder is None else ocb.generate(job, source, work)
        job.run(
            [job.tool("go").program("go"), "build", "-C", module, *flags, "-o", target, source.package],
            timeout=_BUILD_LIMIT,
            attempt=f"{source.package} could not be built",
            env={"GOWORK": "off", "CGO_ENABLED": "0"},
            fix="see whether `go build` works in that folder",
        )
    except ToolchainError as error:
        output = getattr(error.__cause__, "output", "")
        if any(complaint in output for complaint in _SUM_COMPLAINTS):
            lock = str(job.folder / source.folder / "go.sum")
            raise LockMismatchError(source.package, expected="what go.sum says", got=error.got, lock=lock) from error
        raise
    digest = sha256(target)
    return Laid(job.entry.version, {source.program: digest}, digest)
