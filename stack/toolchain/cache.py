"""The folder outside the checkout: `tools/`, `downloads/`, `locks/`; installed whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import stat
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from stack.toolchain.errors import ToolchainError

__all__ = ["TEMPORARY", "Cache", "make_readable", "size_of"]

TEMPORARY = ".new-"  # what a name begins with until the thing is whole
_LOCK_WAIT = 1800.0  # seconds; the longest build from source takes a few minutes on two cores
_LOCK_POLL = 0.2  # seconds
_MEGABYTE = 1_000_000


class Cache:
    """Where tools and downloads are kept."""

    def __init__(self, folder: Path) -> None:
        """Nothing is made until something is installed.

        Args:
            folder: the cache; made with mode 0755, since servers that refuse root read it as another user.
        """
        self.folder = folder.absolute()
        self.downloads = self.folder / "downloads"

    def tool(self, name: str, key: str) -> Path:
        """The folder of one version of one tool."""
        return self.folder / "tools" / name / key

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """Turn a full disk or an unwritable cache into an error that says what to do.

        Raises:
            ToolchainError: for either; any other OSError passes.
        """
        try:
            yield
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise ToolchainError(
                    "There is no space left for the cache",
                    on=str(self.folder),
                    got=str(error),
                    fix="free some, or set ENGINEROOM_CACHE_DIR to a folder on a larger disk",
                ) from error
            if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}:
                raise ToolchainError(
                    "The cache cannot be written",
                    on=str(self.folder),
                    got=str(error),
                    fix="set ENGINEROOM_CACHE_DIR to a folder you may write",
                ) from error
            raise

    def make(self, *parts: str) -> Path:
        """Make a folder below the cache, each missing one with mode 0755 whatever the umask is."""
        path = self.folder
        missing = [folder for folder in (path, *path.parents) if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o755)
        for part in parts:
            path = path / part
            if not path.is_dir():
                path.mkdir(exist_ok=True)
                path.chmod(0o755)
        return path

    def require_space(self, megabytes: int) -> None:
        """Refuse to begin what cannot fit.

        Raises:
            ToolchainError: fewer than `megabytes` MB are free.
        """
        free = shutil.disk_usage(self.make()).free // _MEGABYTE
        if free < megabytes:
            raise ToolchainError(
                "There is not enough space for the cache",
                on=str(self.folder),
                got=f"{megabytes} MB are needed, {free} MB are free",
                fix="free some, or set ENGINEROOM_CACHE_DIR to a folder on a larger disk",
            )

    @contextlib.contextmanager
    def exclusive(self, name: str, *, stop: threading.Event | None = None, wait: float = _LOCK_WAIT) -> Iterator[None]:
        """Hold the lock of one tool; the kernel frees it when its holder dies, however it dies.

        Args:
            name: the tool.
            stop: once set, waiting ends.
            wait: seconds to wait for another setup.

        Raises:
            ToolchainError: another setup still holds it.
        """
        path = self.make("locks") / f"{name}.lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            self._acquire(descriptor, path, stop, wait)
            yield
        finally:
            os.close(descriptor)

    def _acquire(self, descriptor: int, path: Path, stop: threading.Event | None, wait: float) -> None:
        def attempt() -> bool:
            if stop is not None and stop.is_set():
                raise ToolchainError("Waiting for another setup was stopped", on=str(path))
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        polling = Retrying(
            stop=stop_after_delay(wait), wait=wait_fixed(_LOCK_POLL), retry=retry_if_result(lambda held: not held)
        )
        try:
            polling(attempt)
        except RetryError as error:
            raise ToolchainError(
                "Another setup is still installing this tool",
                on=str(path),
                got=f"the lock was not free within {wait:.0f} s",
                fix="wait for it, or end it",
            ) from error

    def clean(self, name: str) -> list[str]:
        """Remove what a killed setup left of one tool; call it holding the tool's lock."""
        places = (self.folder / "tools" / name, self.downloads / name)
        left = sorted(folder for place in places for folder in place.glob(f"{TEMPORARY}*"))
        for folder in left:
            shutil.rmtree(folder)
        return [folder.name for folder in left]

    def prune(self, name: str, *, keep: int, newest: str) -> list[str]:
        """Remove old versions of one tool; call it holding the tool's lock.

        Args:
            name: the tool.
            keep: how many stay, those that were laid last.
            newest: the one that stays in any case.

        Returns:
            The keys of those that went.
        """
        others = [folder for folder in (self.folder / "tools" / name).iterdir() if folder.name != newest]
        others.sort(key=lambda folder: folder.stat().st_mtime_ns, reverse=True)
        gone = [folder for folder in others[max(0, keep - 1) :] if not folder.name.startswith(TEMPORARY)]
        for folder in gone:
            shutil.rmtree(folder)
        return [folder.name for folder in gone]

    @contextlib.contextmanager
    def laying(self, name: str, key: str) -> Iterator[Path]:
        """A temporary folder that takes the tool's place when the block ends well, and vanishes when it does not."""
        parent = self.make("tools", name)
        temporary = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=parent))
        try:
            yield temporary
            temporary.chmod(0o755)
            final = parent / key
            if final.exists():  # damaged: find() did not accept it
                shutil.rmtree(final)
            temporary.rename(final)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def make_readable(root: Path) -> None:
    """Let every user read the tree and run its programs: folders and executables 0755, other files 0644."""
    for folder, _, files in os.walk(root):
        Path(folder).chmod(0o755)
        for name in files:
            path = Path(folder, name)
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode):
                path.chmod(0o755 if mode & 0o111 else 0o644)


def size_of(root: Path) -> int:
    """Bytes of all regular files below a folder."""
    return sum(
        path.lstat().st_size
        for folder, _, files in os.walk(root)
        for name in files
        if not (path := Path(folder, name)).is_symlink()
    )
