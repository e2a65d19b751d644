"""Where an operator sits: a folder with settings in it, from which the commands of backups are run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from stack.recovery.settings import RecoverySettings
from stack.runtimes.base import Stack
from stack.settings import Settings

__all__ = ["Desk"]

_ENGINEROOM = [sys.executable, "-c", "from stack.cli import main; main()"]


class Desk:
    """Runs `engineroom backup …` about one running stack, each command a process of its own.

    Args:
        folder: made, with its `engineroom.toml`; the output of commands is kept in it.
        settings: of the run.
        recovery: the `[recovery]` table.
        stack: what is backed up.
    """

    def __init__(self, folder: Path, settings: Settings, recovery: RecoverySettings, stack: Stack) -> None:
        """Write the settings down."""
        self._folder = folder
        self._run = stack.name
        table = recovery.model_dump(mode="json", exclude_defaults=True)
        lines = [
            f"state_dir = {json.dumps(str(settings.state_dir))}",
            f"cache_dir = {json.dumps(str(settings.cache_dir))}",
        ]
        lines += ["[recovery]", *(f"{name} = {json.dumps(value)}" for name, value in table.items())]
        folder.mkdir(mode=0o700)
        (folder / "engineroom.toml").write_text("\n".join(lines) + "\n", "utf-8")

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """Begin `engineroom backup` with these words."""
        with self.log(words[0]).open("ab") as log:
            return subprocess.Popen(
                [*_ENGINEROOM, "backup", *words, "--run", self._run],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def log(self, verb: str) -> Path:
        """What the commands of a verb said."""
        return self._folder / f"{verb}.log"
