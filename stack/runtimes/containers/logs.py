"""Output of containers as files: an engine keeps it, a person wants to read and follow a file."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from docker.errors import DockerException, NotFound

if TYPE_CHECKING:
    from docker.models.containers import Container

__all__ = ["Follower", "copy_without"]

_CAUGHT_UP_WITHIN = 5.0


class Follower:
    """Copies one container's output into a file from its beginning, for as long as the container runs."""

    def __init__(self, container: Container, path: Path) -> None:
        """Begin; the file is new, whoever reads the one that was there before keeps it."""
        self._container = container
        self._path = path
        path.unlink(missing_ok=True)
        path.touch(0o600)
        self._inode = path.stat().st_ino
        self._thread = threading.Thread(target=self._copy, name=f"log-{container.name}", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether it still copies into the file that is there now."""
        try:
            return self._thread.is_alive() and self._path.stat().st_ino == self._inode
        except FileNotFoundError:
            return False

    def catch_up(self) -> None:
        """Wait until the file has all that had been written when asked; gives up after a few seconds."""
        try:
            known = len(self._container.logs())
        except DockerException:
            return
        deadline = time.monotonic() + _CAUGHT_UP_WITHIN
        while self.alive and self._path.stat().st_size < known and time.monotonic() < deadline:
            time.sleep(0.02)

    def _copy(self) -> None:
        try:
            with self._path.open("ab", buffering=0) as file:
                for piece in self._container.logs(stream=True, follow=True):
                    file.write(piece)
        except (DockerException, OSError):
            # The container or the run's folder is gone: so is the reader.
            return


def copy_without(container: Container, destination: Path, hidden: Iterable[str]) -> Path | None:
    """Copy a container's output into a file, with secrets taken out; `None` when the container is gone."""
    try:
        text = container.logs().decode("utf-8", "replace")
    except NotFound:
        return None
    for secret in hidden:
        text = text.replace(secret, "**********")
    destination.write_text(text, "utf-8")
    return destination
