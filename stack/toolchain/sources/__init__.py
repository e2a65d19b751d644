"""One installer module per kind of source; each fills an empty folder or raises."""

from __future__ import annotations

from stack.toolchain.errors import ToolchainError
from stack.toolchain.manifest import (
    ArchiveSource,
    CheckoutSource,
    DebianSource,
    GoSource,
    MavenSource,
    PythonSource,
    WheelSource,
)
from stack.toolchain.sources import archive, checkout, debian, gomodule, maven, python, wheel
from stack.toolchain.sources.job import Job, Laid

__all__ = ["Job", "Laid", "install"]


def install(job: Job) -> Laid:  # noqa: PLR0911 - one line for each kind
    """Obtain, verify and lay one tool in `job.root`.

    Raises:
        ToolchainError: it cannot be had; nothing outside `job.root` and `job.downloads` was touched.
    """
    source = job.entry.source
    match source:
        case WheelSource():
            return wheel.install(job, source)
        case DebianSource():
            return debian.install(job, source)
        case GoSource():
            return gomodule.install(job, source)
        case MavenSource():
            return maven.install(job, source)
        case ArchiveSource():
            return archive.install(job, source)
        case CheckoutSource():
            return checkout.install(job, source)
        case PythonSource():
            return python.install(job, source)
    machine, given = job.entry.machine, job.entry.given
    hint = machine.hint if machine else f"give its path in {given.variable}" if given else ""
    raise ToolchainError(f"{job.entry.name} is not on this machine, and nothing here installs it", fix=hint)
