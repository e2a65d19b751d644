"""What a setup shows."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from stack.toolchain import PlainProgress, RichProgress, progress_for

from .kit import toolchain


def console(*, terminal: bool) -> tuple[Console, io.StringIO]:
    """A console and what it wrote."""
    written = io.StringIO()
    return Console(file=written, force_terminal=terminal, width=200), written


def test_lines_without_a_terminal_name_tool_and_step(tmp_path: Path) -> None:
    """A log has one plain line per step."""
    out, written = console(terminal=False)
    shown = progress_for(out)
    assert isinstance(shown, PlainProgress)
    toolchain(tmp_path).setup(progress=shown)
    lines = written.getvalue().splitlines()
    assert lines[0] == "hello: unpacking"
    assert lines[-1].startswith("hello: 1.2 in ")
    assert "\x1b" not in written.getvalue()


def test_a_failure_is_marked_in_the_lines() -> None:
    """Square brackets in an error are not taken for markup."""
    out, written = console(terminal=False)
    PlainProgress(out).end("hello", "[ERROR] no [bold]", good=False)
    assert written.getvalue() == "hello: FAILED: [ERROR] no [bold]\n"


def test_a_terminal_keeps_one_line_per_finished_tool(tmp_path: Path) -> None:
    """The live lines go, the results stay."""
    out, written = console(terminal=True)
    shown = progress_for(out)
    assert isinstance(shown, RichProgress)
    toolchain(tmp_path).setup(progress=shown)
    shown.end("other", "[ERROR] [x]", good=False)
    assert "1.2 in" in written.getvalue()
    assert "[ERROR] [x]" in written.getvalue()
