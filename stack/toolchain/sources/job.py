"""What an installer is handed, what it hands back, and how it runs the programs it needs."""

from __future__ import annotations

import functools
import platform
import re
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stack.process import Completed, ProgramFailedError, run, tail
from stack.toolchain.errors import ToolchainError
from stack.toolchain.installed import Installed
from stack.toolchain.manifest import Entry

__all__ = ["Job", "Laid", "telling"]

_KEPT = 6
# As Maven, apt, pip, Cargo and npm begin them.
_ERROR_LINE = re.compile(r"(\[ERROR\]|E:|ERROR:|error(\[\w+\])?:|npm error)\s*\S")
_SAYS_FULL = ("no space left on device", "disk quota exceeded")


@dataclass(frozen=True)
class Job:
    """One tool to lay.

    Attributes:
        entry: what the toolchain file says of it.
        folder: what its lock file and its Go module are relative to.
        root: empty folder to fill.
        downloads: folder that keeps artefacts, so that a later run need not fetch them again.
        checksums: its lock, file name to SHA-256; None when it has none yet.
        say: tells a step.
        stop: set when the user wants to end.
        tool: another tool, already installed.
        machine: machine type as `uname -m` tells it.
        builds: folder that keeps what incremental builds need.
    """

    entry: Entry
    folder: Path
    root: Path
    downloads: Path
    checksums: Mapping[str, str] | None
    say: Callable[[str], None]
    stop: threading.Event
    tool: Callable[[str], Installed]
    machine: str = field(default_factory=platform.machine)
    builds: Path = Path("build")

    @property
    def lock_file(self) -> str:
        """The lock file's path, for messages."""
        return str(self.folder / self.entry.lock) if self.entry.lock else ""

    def run(
        self,
        arguments: Sequence[str | Path],
        *,
        timeout: float,
        attempt: str,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        fix: str = "",
    ) -> Completed:
        """Run a program; say what was attempted when it fails.

        Args:
            arguments: program and arguments.
            timeout: seconds.
            attempt: what it is for, as in "X could not be downloaded".
            cwd: working folder.
            env: variables to add.
            fix: what the reader can do.

        Raises:
            ToolchainError: it failed, was missing, or was stopped.
        """
        try:
            return run([*_dying_with_us(), *arguments], timeout=timeout, cwd=cwd, env=env, stop=self.stop)
        except ProgramFailedError as error:
            shown = " ".join(map(str, arguments))
            if self.stop.is_set():
                raise ToolchainError(f"{attempt}: stopped", on=shown) from error
            if any(words in error.output.lower() for words in _SAYS_FULL):
                fix = "there is no space left: free some, or set ENGINEROOM_CACHE_DIR to a folder on a larger disk"
            raise ToolchainError(attempt, on=shown, got=telling(error.output) or error.what, fix=fix) from error


@functools.cache
def _dying_with_us() -> tuple[str, ...]:
    # Where util-linux is: a killed setup (kill -9) takes the build or the download under way with it.
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", "KILL", "--") if setpriv else ()


def telling(output: str) -> str:
    """The lines of an output that tell what went wrong, or its last ones when none says so."""
    lines = [line for line in output.splitlines() if _ERROR_LINE.match(line)]
    return "\n".join(lines[:_KEPT]) or tail(output, _KEPT)


@dataclass(frozen=True)
class Laid:
    """What an installer laid.

    Attributes:
        version: of what was really obtained.
        artefacts: name to SHA-256 of each artefact.
        checksum: of the main artefact, None when nothing vouched for it beforehand.
        env: variables its programs need; `{root}` is its root.
        files: paths below the root that it cannot do without, besides its programs.
        libraries: folders below the root with shared libraries that its programs need.
    """

    version: str
    artefacts: dict[str, str]
    checksum: str | None
    env: dict[str, str] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
