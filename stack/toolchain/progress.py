"""How a setup shows what it does: a live table on a terminal, plain lines elsewhere, nothing in tests."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress as Live
from rich.progress import SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

__all__ = ["PlainProgress", "Progress", "RichProgress", "SilentProgress", "progress_for"]


class Progress(Protocol):
    """What a setup tells; called from several threads."""

    def begin(self, name: str) -> None:
        """A tool's installation begins."""

    def say(self, name: str, text: str) -> None:
        """A step of it."""

    def end(self, name: str, text: str, *, good: bool) -> None:
        """It is over."""

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop showing."""


class SilentProgress:
    """Shows nothing."""

    def begin(self, name: str) -> None:
        """Nothing."""

    def say(self, name: str, text: str) -> None:
        """Nothing."""

    def end(self, name: str, text: str, *, good: bool) -> None:
        """Nothing."""

    def __enter__(self) -> Self:
        """Nothing."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing."""


class PlainProgress(SilentProgress):
    """One line per step, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        """Lines go to `console`."""
        self._console = console

    def _line(self, name: str, text: str) -> None:
        self._console.print(f"{name}: {text}", markup=False, highlight=False, soft_wrap=True)

    def say(self, name: str, text: str) -> None:
        """One line."""
        self._line(name, text)

    def end(self, name: str, text: str, *, good: bool) -> None:
        """One line."""
        self._line(name, text if good else f"FAILED: {text}")


class RichProgress(SilentProgress):
    """One live line per tool under way, and a lasting one for each that is done."""

    def __init__(self, console: Console) -> None:
        """Shown on `console`, which is a terminal."""
        self._live = Live(
            SpinnerColumn(),
            TextColumn("[bold]{task.fields[tool]}[/]"),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}
        self._guard = threading.Lock()

    def begin(self, name: str) -> None:
        """A new live line."""
        with self._guard:
            self._tasks[name] = self._live.add_task("begins", tool=name, total=None)

    def say(self, name: str, text: str) -> None:
        """The live line's text."""
        with self._guard:
            if name in self._tasks:
                self._live.update(self._tasks[name], description=escape(text))

    def end(self, name: str, text: str, *, good: bool) -> None:
        """The live line becomes a lasting one."""
        with self._guard:
            if name in self._tasks:
                self._live.remove_task(self._tasks.pop(name))
        mark = "[green]ready[/] " if good else "[red]failed[/]"
        self._live.console.print(f"{mark} [bold]{name}[/] {escape(text)}", highlight=False)

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop drawing."""
        self._live.stop()


def progress_for(console: Console) -> Progress:
    """Live on a terminal, plain lines otherwise."""
    return RichProgress(console) if console.is_terminal else PlainProgress(console)
