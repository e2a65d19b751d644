"""Shows an index run and a search's answer to a person in a terminal, or as plain lines to a pipe."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from stack.search.indexer import Progress, Report
from stack.search.results import CodeHit, RecordHit, Results

__all__ = ["IndexProgress", "show_report", "show_results"]

_LINES_SHOWN = 3
_PROBLEMS_SHOWN = 20
_EVERY = 5.0  # seconds between lines where there is no terminal


class IndexProgress:
    """A line that changes on a terminal; a line now and then elsewhere."""

    def __init__(self, console: Console) -> None:
        """Show on `console`."""
        self._console = console
        self._live = Live(console=console, transient=True, refresh_per_second=8) if console.is_terminal else None
        self._last = time.monotonic()

    def __enter__(self) -> Self:
        """Begin to show."""
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop showing."""
        if self._live:
            self._live.stop()

    def update(self, progress: Progress) -> None:
        """Show where the run stands: repositories, files, rate and remaining time."""
        left = progress.remaining
        text = (
            f"{progress.repositories}/{progress.total} repositories, {progress.files} files,"
            f" {progress.rate / 2**20:.1f} MB/s"
            + (f", about {left:.0f} s left" if left is not None else "")
            + f"  {progress.current}"
        )
        if self._live:
            self._live.update(Text(text))
        elif time.monotonic() - self._last > _EVERY:
            self._last = time.monotonic()
            self._console.print(f"  {text}", markup=False, highlight=False)


def show_report(console: Console, report: Report) -> None:
    """What a run did, then what could not be indexed and why."""
    statuses = ", ".join(f"{number} {status}" for status, number in report.counts.items())
    _line(
        console,
        f"{report.engine}: {report.repositories} repositories, {report.writes} writes"
        f" in {report.seconds:.1f} s; {statuses}",
    )
    if report.lost or report.extra:
        _line(console, f"  {report.lost} files were missing and put again, {report.extra} stray documents removed")
    for outcome in report.broken:
        _line(console, f"  {outcome.repository}: {outcome.status}: {outcome.detail}", style="red")
    for problem in report.problems[:_PROBLEMS_SHOWN]:
        _line(console, f"  {problem.repository}/{problem.path}: {problem.status} {problem.detail}", style="yellow")
    if len(report.problems) > _PROBLEMS_SHOWN:
        _line(console, f"  ... and {len(report.problems) - _PROBLEMS_SHOWN} more files", style="yellow")
    for key in report.refused:
        _line(console, f"  the engine refused the record {key}", style="red")


def show_results(console: Console, results: Results, *, why: bool = False) -> None:
    """Hits with their lines, then facets, then how many and how long."""
    for hit in results.hits:
        if isinstance(hit, CodeHit):
            _code(console, hit, why=why)
        else:
            _record(console, hit)
    for name, values in results.facets.items():
        if values:
            _line(console, f"{name}: " + ", ".join(f"{value or '(none)'} {count}" for value, count in values.items()))
    for hint in results.hints:
        _line(console, hint, style="yellow")
    total = f"{results.total}" if results.exact else f"at least {results.total}"
    what = f"{total} found by {results.engine} in {results.milliseconds:.0f} ms for {results.query}"
    _line(console, f"{what} (page {results.page})", style="bold")


def _code(console: Console, hit: CodeHit, *, why: bool) -> None:
    head = Text.assemble(
        (hit.repository, "cyan"), "/", (hit.path, "bold"), (f":{hit.line}" if hit.line else "", "green")
    )
    head.append(f"  {hit.kind} {hit.symbol}" if hit.symbol else "", "magenta")
    head.append(f"  {hit.language}" if hit.language else "", "dim")
    if hit.status != "indexed":
        head.append(f"  [{hit.status}]", "yellow")
    console.print(head)
    nearest = sorted(hit.lines, key=lambda line: abs(line.number - hit.line))[:_LINES_SHOWN]
    for line in sorted(nearest, key=lambda line: line.number):
        console.print(Text(f"  {line.number:>6}  {line.text[:160]}", "" if line.hit else "dim"))
    if why:
        _line(console, "          " + ", ".join(f"{reason} {points:g}" for reason, points in hit.reasons), style="dim")


def _record(console: Console, hit: RecordHit) -> None:
    place = f"{hit.repository}#{hit.number}" if hit.number else hit.repository
    parts = [hit.kind, place if place != hit.title else "", hit.state, f"by {hit.author}" if hit.author else ""]
    console.print(Text.assemble((hit.title, "bold"), "  ", ("  ".join(part for part in parts if part), "dim")))


def _line(console: Console, text: str, style: str = "") -> None:
    console.print(text, markup=False, highlight=False, style=style or None)
