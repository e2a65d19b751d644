"""Copies an archive to a second bucket with rclone, and looks at what came of it.

What is there already is never touched and nothing is ever deleted there: a copy that follows every damage and every
deletion is none (KDE, 2013). Catalogues go last, so a set exists in the copy when all of it does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stack.process import ProgramFailedError, run
from stack.recovery import layout
from stack.recovery.errors import BackupError
from stack.recovery.store import Bucket

__all__ = ["Copied", "copy_archive"]

_DROPPED = ("RCLONE_", "AWS_")
_SHOWN = 5


@dataclass(frozen=True)
class Copied:
    """What is in the copy now: objects and bytes, and how many came with this run."""

    objects: int
    bytes: int
    added: int


def copy_archive(
    source: Bucket,
    target: Bucket,
    rclone: Path,
    *,
    within: float = 24 * 3600.0,
    progress: Callable[[str], None] = lambda _: None,
) -> Copied:
    """Copy whatever the target lacks.

    Args:
        source: the archive.
        target: the folder of the copy; its bucket is there.
        rclone: the program.
        within: seconds.
        progress: told what is done.

    Raises:
        RefusedError: a bucket is away, or does not let us in.
        BackupError: not all of it is in the copy.
    """
    source.require()
    target.require()
    before = {stored.key for stored in target.list()}
    wanted = {stored.key: stored.size for stored in source.list() if not _is_lock(stored.key)}
    progress(f"{len(wanted.keys() - before)} objects to copy")
    for filters in (("- /sets/**", f"- /{layout.RESTIC}/locks/**"), ("- /sets/*/catalogue.json", "+ /sets/**", "- **")):
        _copy(source, target, rclone, filters, within)
    _copy(source, target, rclone, ("+ /sets/*/catalogue.json", "- **"), within)
    there = {stored.key: stored.size for stored in target.list()}
    lacking = [key for key, size in wanted.items() if there.get(key) != size]
    # What was deleted at the source meanwhile was not ours to copy any more.
    lacking = [key for key in lacking if source.head(key) is not None]
    if lacking:
        raise BackupError(
            "BACKUP_FAILED",
            "rclone said that it was done, and the copy does not show it",
            on=str(target),
            got=f"{len(lacking)} objects are missing or have another size: {', '.join(sorted(lacking)[:_SHOWN])}",
            fix="copy again; what has another size must be deleted there first",
        )
    return Copied(len(there), sum(there.values()), len(there.keys() - before))


def _copy(source: Bucket, target: Bucket, rclone: Path, filters: tuple[str, ...], within: float) -> None:
    words: list[str | Path] = [rclone, "copy", "--config", "", "--ignore-existing", "--fast-list", "--transfers", "4"]
    words += ["--stats", "0", "--retries", "3", "--s3-no-check-bucket"]
    words += [word for each in filters for word in ("--filter", each)]
    words += [_remote("source", source), _remote("target", target)]
    env = _described("SOURCE", source) | _described("TARGET", target)
    try:
        run(words, timeout=within, env=env, drop=_DROPPED)
    except ProgramFailedError as error:
        raise BackupError("BACKUP_FAILED", "rclone did not copy", on=str(target), got=error.got) from error


def _remote(name: str, bucket: Bucket) -> str:
    return f"{name}:{bucket.bucket}/{bucket.prefix}"


def _described(name: str, bucket: Bucket) -> dict[str, str]:
    # By environment: arguments can be read by anybody on the machine.
    told = {
        "TYPE": "s3",
        "PROVIDER": "Other",
        "ENDPOINT": bucket.address.endpoint,
        "REGION": bucket.address.region,
        "ACCESS_KEY_ID": bucket.address.access_key,
        "SECRET_ACCESS_KEY": bucket.address.secret_key.get_secret_value(),
        "FORCE_PATH_STYLE": "true",
    }
    return {f"RCLONE_CONFIG_{name}_{key}": value for key, value in told.items()}


def _is_lock(key: str) -> bool:
    return key.startswith(f"{layout.RESTIC}/locks/")
