"""restic as a program: one repository in the archive's bucket, whose password is derived from the seal key.

Its exit codes are an interface (restic's manual, "Scripting"): 0 done, 1 failed, 3 some sources could not be read, 10
no repository, 11 locked, 12 wrong password. Any other is taken for a failure.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from stack.process import Completed, ProgramFailedError, run, tail
from stack.recovery import layout
from stack.recovery.errors import BackupError, RefusedError
from stack.recovery.sealing import SealKey
from stack.recovery.store import Bucket

__all__ = ["Restic", "Saved", "Trouble"]

LABEL = "restic"
_DROPPED = ("RESTIC_", "AWS_")
_ROOM = 64 << 20  # bytes that are left where the cache is
_INCOMPLETE, _ABSENT, _LOCKED, _PASSWORD = 3, 10, 11, 12


@dataclass(frozen=True)
class Trouble:
    """Something that restic could not read: which, and why."""

    item: str
    reason: str


@dataclass(frozen=True)
class Saved:
    """A snapshot.

    Attributes:
        id: 64 hex digits.
        bytes: what is restored from it.
        added: bytes that it added to the repository, as they lie there.
        troubles: what is not in it.
    """

    id: str
    bytes: int
    added: int
    troubles: tuple[Trouble, ...] = ()


class Restic:
    """One restic repository."""

    def __init__(self, program: Path, bucket: Bucket, key: SealKey, cache: Path | None = None) -> None:
        """Ask nothing yet; without a cache folder nothing is kept on this machine."""
        self.program = program
        self.bucket = bucket
        self._password = key.derive(LABEL)
        self._cache = cache

    @property
    def where(self) -> str:
        """For messages."""
        return f"{self.bucket}/{layout.RESTIC}"

    def run(
        self,
        words: Sequence[str | Path],
        *,
        within: float,
        ok: Sequence[int] = (0,),
        stdin: bytes | None = None,
        cwd: Path | None = None,
    ) -> Completed:
        """Run it; secrets go by environment.

        Raises:
            BackupError: it did not start or did not end in time; an exit code that is not in `ok`.
            RefusedError: it is locked, or the key is not this repository's.
        """
        address = self.bucket.address
        folder = "/".join(part for part in (self.bucket.bucket, self.bucket.prefix, layout.RESTIC) if part)
        env = {
            "RESTIC_REPOSITORY": f"s3:{address.endpoint}/{folder}",
            "RESTIC_PASSWORD": self._password,
            "AWS_ACCESS_KEY_ID": address.access_key,
            "AWS_SECRET_ACCESS_KEY": address.secret_key.get_secret_value(),
            "AWS_DEFAULT_REGION": address.region,
        }
        options: list[str | Path] = ["-o", "s3.bucket-lookup=path"]
        # Restic tries again for a quarter of an hour what it cannot write into its cache, and can do without one.
        has_room = self._cache is not None and _room(self._cache) > _ROOM
        options += ["--cache-dir", str(self._cache)] if has_room else ["--no-cache"]
        try:
            done = run(
                [self.program, *options, *words],
                timeout=within,
                env=env,
                drop=_DROPPED,
                stdin=stdin,
                cwd=cwd,
                ok=range(256),
            )
        except ProgramFailedError as error:
            raise BackupError(
                "BACKUP_FAILED", f"restic {words[0]} did not come to an end", on=self.where, got=error.got
            ) from error
        if done.code not in ok:
            raise self._failed(str(words[0]), done)
        return done

    def _failed(self, verb: str, done: Completed) -> BackupError | RefusedError:
        said = tail((done.stdout + done.stderr).decode("utf-8", "replace"), 5)
        if done.code == _LOCKED:
            return RefusedError(
                "LOCK_LEFT", f"restic {verb} found its repository locked", on=self.where, got=said, fix="see who it is"
            )
        if done.code == _PASSWORD:
            return RefusedError(
                "KEY_WRONG",
                "The restic repository was made with another key",
                on=self.where,
                got=said,
                fix="give the key file of this archive",
            )
        return BackupError("BACKUP_FAILED", f"restic {verb} ended with {done.code}", on=self.where, got=said)

    def version(self) -> str:
        """Of the program."""
        return self.run(["version"], within=30).text.split()[1]

    def ensure(self) -> None:
        """Make the repository where none is.

        Raises:
            BackupError: it cannot be made.
        """
        if self.bucket.head(f"{layout.RESTIC}/config") is None:
            done = self.run(["init"], within=120, ok=range(256))
            if done.code != 0 and self.bucket.head(f"{layout.RESTIC}/config") is None:
                raise self._failed("init", done)

    def unlock(self) -> list[str]:
        """Remove locks of processes that are known to be gone; the ids of those that are left.

        restic removes those of this machine whose process has ended, and any that is older than half an hour.
        """
        self.run(["unlock"], within=120)
        return [stored.key.rpartition("/")[2] for stored in self.bucket.list(f"{layout.RESTIC}/locks/")]

    def backup(
        self,
        paths: Sequence[Path | str],
        *,
        root: Path,
        host: str,
        tags: Sequence[str],
        exclude: Sequence[str] = (),
        within: float = 6 * 3600.0,
    ) -> Saved:
        """Snapshot paths below `root`, by those names; what the host's newest snapshot has is not read again.

        Args:
            paths: relative to `root`.
            root: where to begin.
            host: snapshots of one name follow each other.
            tags: for people.
            exclude: names that are left out.
            within: seconds.

        Raises:
            BackupError: there is no snapshot.
        """
        words: list[str | Path] = ["backup", "--json", "--quiet", "--host", host, "--group-by", "host"]
        words += ["--files-from-raw", "-", *(word for tag in tags for word in ("--tag", tag))]
        words += [word for name in exclude for word in ("--exclude", name)]
        listed = b"".join(str(path).encode("utf-8", "surrogateescape") + b"\0" for path in paths)
        done = self.run(words, within=within, ok=(0, _INCOMPLETE), stdin=listed, cwd=root)
        told = next((each for each in _messages(done.stdout) if each.get("message_type") == "summary"), None)
        if told is None or not told.get("snapshot_id"):
            raise BackupError("BACKUP_FAILED", "restic told of no snapshot", on=self.where, got=tail(done.text, 5))
        added = told.get("data_added_packed", told.get("data_added", 0))
        return Saved(
            str(told["snapshot_id"]), int(str(told["total_bytes_processed"])), int(str(added)), _troubles(done)
        )

    def restore(self, snapshot: str, into: Path, *, include: Sequence[str] = (), within: float = 6 * 3600.0) -> None:
        """Bring back a snapshot below `into`, as it lay below its root.

        Args:
            snapshot: its id.
            into: a folder.
            include: only these paths of it, as in `/owner/name.git`.
            within: seconds.

        Raises:
            BackupError: it could not be restored whole.
        """
        words: list[str | Path] = ["restore", snapshot, "--no-lock", "--target", into]
        words += [word for path in include for word in ("--include", path)]
        self.run(words, within=within)

    def snapshots(self) -> list[dict[str, object]]:
        """Every snapshot, as restic tells of it."""
        found: list[dict[str, object]] = json.loads(self.run(["snapshots", "--json", "--no-lock"], within=600).text)
        return found

    def check(self, *, read: bool, within: float = 6 * 3600.0) -> str | None:
        """Ask restic for damage; what it said, or None when all is well.

        Raises:
            RefusedError: it is locked, or the key is another.
        """
        words = ["check", "--no-lock", *(["--read-data"] if read else [])]
        done = self.run(words, within=within, ok=range(256))
        if done.code in (_LOCKED, _PASSWORD):
            raise self._failed("check", done)
        return None if done.code == 0 else tail((done.stdout + done.stderr).decode("utf-8", "replace"))

    def forget(self, snapshots: Sequence[str], *, within: float = 6 * 3600.0) -> None:
        """Delete snapshots, and what only they needed.

        Raises:
            RefusedError: it is locked by somebody else.
            BackupError: it could not be done.
        """
        if snapshots:
            self.run(["forget", "--prune", *snapshots], within=within)


def _messages(output: bytes) -> Iterator[dict[str, object]]:
    for line in output.splitlines():
        if line.startswith(b"{"):
            try:
                yield json.loads(line)
            except ValueError:
                continue


def _troubles(done: Completed) -> tuple[Trouble, ...]:
    if done.code != _INCOMPLETE:
        return ()
    found = [
        Trouble(str(each.get("item", "")), _reason(each.get("error")))
        for each in (*_messages(done.stderr), *_messages(done.stdout))
        if each.get("message_type") == "error"
    ]
    return tuple(found) or (Trouble("", tail(done.stderr.decode("utf-8", "replace"), 3)),)


def _reason(error: object) -> str:
    return str(error.get("message") or error) if isinstance(error, dict) else str(error)


def _room(folder: Path) -> int:
    """Bytes that are left on the disk of a folder, which may not be there yet."""
    there = next(each for each in (folder, *folder.parents) if each.is_dir())
    return shutil.disk_usage(there).free
