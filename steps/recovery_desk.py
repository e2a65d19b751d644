"""Where an operator sits: a folder with settings in it, from which commands are run."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from stack.process import environment
from stack.recovery.drill import Report
from stack.recovery.settings import RecoverySettings
from stack.runtimes.base import Stack
from stack.runtimes.identity import marks
from stack.settings import Settings

__all__ = ["Desk", "Said", "drilled"]

_ENGINEROOM = [sys.executable, "-c", "from stack.cli import main; main()"]
_ENDED = 130  # exit code of what was told to end


@dataclass(frozen=True)
class Said:
    """How a command ended, and all that it said."""

    code: int
    text: str


class Desk:
    """Runs `engineroom …` about one running stack, each command a process of its own.

    Args:
        folder: made, with its `engineroom.toml`; output and evidence of commands are kept in it.
        settings: of the run.
        recovery: the `[recovery]` table.
        stack: what is backed up.
    """

    def __init__(self, folder: Path, settings: Settings, recovery: RecoverySettings, stack: Stack) -> None:
        """Write the settings down."""
        self.folder = folder
        self._of_run = ["--run", stack.name]
        # However the features end, what they typed ends with the stack that it is about.
        self._marks = marks(stack.name, stack.folder)
        table = recovery.model_dump(mode="json", exclude_defaults=True)
        own = {
            "state_dir": settings.state_dir.absolute(),
            "cache_dir": settings.cache_dir.absolute(),
            "evidence_dir": folder / "evidence",
        }
        lines = [f"{name} = {json.dumps(str(value))}" for name, value in own.items()]
        lines += [f"slow = {settings.slow}"]
        # A string or a list of strings in JSON is one in TOML.
        lines += ["[recovery]", *(f"{name} = {json.dumps(value)}" for name, value in table.items())]
        folder.mkdir(mode=0o700)
        (folder / "engineroom.toml").write_text("\n".join(lines) + "\n", "utf-8")

    def start(self, *words: str | Path, log: str, of_run: bool = True) -> subprocess.Popen[bytes]:
        """Begin a command.

        Args:
            words: after `engineroom`.
            log: name of the file that its output is added to.
            of_run: whether it is told which stack is meant.
        """
        with self.log(log).open("ab") as output:
            return subprocess.Popen(
                [*_ENGINEROOM, *words, *(self._of_run if of_run else [])],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment(self._marks),
                start_new_session=True,
            )

    def run(self, *words: str | Path, within: float, of_run: bool = True) -> Said:
        """Run a command to its end; `within` so many seconds."""
        log = f"{words[0]}-run"
        self.log(log).unlink(missing_ok=True)
        process = self.start(*words, log=log, of_run=of_run)
        try:
            code = process.wait(within)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait(60)
            code = _ENDED
        return Said(code, self.log(log).read_text("utf-8"))

    def log(self, name: str) -> Path:
        """What commands said."""
        return self.folder / f"{name}.log"


def drilled(said: Said) -> tuple[Path, Report]:
    """The page that a drill named, and what its JSON says."""
    pages = [line.removeprefix("page: ") for line in said.text.splitlines() if line.startswith("page: ")]
    assert pages, said.text
    told = json.loads(Path(pages[0]).with_name("drill.json").read_text("utf-8"))
    del told["verdict"]  # it follows from the stages
    return Path(pages[0]), Report.model_validate(told)
