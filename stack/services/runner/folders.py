"""Private folders of jobs, and the removal of what a dead runner left."""

from __future__ import annotations

import fcntl
import os
import pwd
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import structlog

__all__ = ["JobFolder", "Workplace"]

_log = structlog.get_logger("folders")
_LOCK = ".lock"
_PASSABLE = 0o711
_PRIVATE = 0o700


@dataclass(frozen=True, slots=True)
class JobFolder:
    """Of one attempt: scripts are the runner's, the rest is the steps'."""

    scripts: Path
    checkout: Path
    home: Path
    temporary: Path


class Workplace:
    """This process's folder below RUNNER_WORK. A lock on it tells the living from the dead."""

    def __init__(self, work: Path, account: pwd.struct_passwd | None) -> None:
        """Make it, and remove those of processes that are no more."""
        self._account = account
        work.mkdir(parents=True, exist_ok=True)
        work.chmod(_PASSABLE if account else _PRIVATE)
        self._sweep(work)
        self._folder = work / f"{os.getpid()}-{secrets.token_hex(4)}"
        self._folder.mkdir(mode=_PRIVATE)
        self._lock: IO[bytes] = (self._folder / _LOCK).open("wb")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._folder.chmod(_PASSABLE if account else _PRIVATE)

    def close(self) -> None:
        """Remove the folder."""
        _remove(self._folder)
        self._lock.close()

    @contextmanager
    def folder(self, name: str) -> Iterator[JobFolder]:
        """A new folder for a job, removed afterwards with everything in it."""
        root = self._folder / f"{name}-{secrets.token_hex(4)}"
        root.mkdir(mode=_PRIVATE)
        try:
            scripts = root / "scripts"
            scripts.mkdir()
            scripts.chmod(0o755)  # whatever the umask
            made = [root / part for part in ("checkout", "home", "tmp")]
            for each in made:
                each.mkdir(mode=_PRIVATE)
                self._give(each)
            root.chmod(_PASSABLE if self._account else _PRIVATE)
            yield JobFolder(scripts, *made)
        finally:
            _remove(root)

    def _give(self, path: Path) -> None:
        if self._account:
            os.chown(path, self._account.pw_uid, self._account.pw_gid)

    def _sweep(self, work: Path) -> None:
        for folder in work.iterdir():
            try:
                with (folder / _LOCK).open("rb") as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _remove(folder)
                    _log.info("removed what a runner left that is no more", folder=folder.name)
            except OSError:
                continue  # a living runner's, or nothing of ours


def _remove(folder: Path) -> None:
    """Remove a folder whose owner may have made parts of it unreadable."""

    def again(_: object, path: str, error: BaseException) -> None:
        del error
        with suppress(OSError):
            parent = Path(path).parent
            for each in (parent, Path(path)):
                if stat.S_ISDIR(each.lstat().st_mode):
                    each.chmod(_PRIVATE)
            if stat.S_ISDIR(Path(path).lstat().st_mode):
                shutil.rmtree(path, ignore_errors=True)
            else:
                Path(path).unlink()

    shutil.rmtree(folder, onerror=lambda function, path, info: again(function, path, info[1]))
    if folder.exists():
        shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        _log.warning("a folder could not be removed", folder=folder.name)
