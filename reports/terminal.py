"""What a person sees while a run goes on and when it is over; plain text where there is no terminal."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from rich.console import Console, RenderableType
from rich.rule import Rule
from rich.text import Text

from reports.evidence import Evidence, NotTested
from reports.problems import Problem, problems
from reports.verdict import ScenarioResult, Verdict

__all__ = ["Printer", "counts_line"]

_STYLES = {
    Verdict.PASS: "green",
    Verdict.FAIL: "bold red",
    Verdict.COULD_NOT_VERIFY: "bold yellow",
    Verdict.NOT_CONFIGURED: "cyan",
    Verdict.SIMULATED: "magenta",
}
_LABEL = max(len(verdict.label) for verdict in Verdict)
_INDENT = " " * (_LABEL + 4)
_NAMED = 8
_EVIDENCE_LINES = 12


def counts_line(evidence: Evidence) -> str:
    """The last line of a run, for programs: what JUnit calls errors and skipped is called so here too."""
    counts = evidence.counts
    skipped = counts[Verdict.NOT_CONFIGURED] + counts[Verdict.SIMULATED]
    return (
        f"{counts[Verdict.PASS]} passed, {counts[Verdict.FAIL]} failed, {skipped} skipped, "
        f"{counts[Verdict.COULD_NOT_VERIFY]} errors"
    )


class Printer:
    """Prints a run, scenario by scenario, then what it comes to."""

    def __init__(self, write: Callable[[str], object], *, colour: bool, width: int) -> None:
        """Take where to write, whether it is a terminal with colours, and its width in columns."""
        self._write = write
        self._colour = colour
        self._width = width
        self._place: str | None = None

    def scenario(self, result: ScenarioResult) -> None:
        """One line per finished scenario, and the reason below it if it did not pass; features get a heading."""
        if result.place != self._place:
            self._place = result.place
            self._print(Text(f"\n{result.place}", style="bold"))
        line = Text("  ").append(f"{result.verdict.label:<{_LABEL}}", style=_STYLES[result.verdict])
        line.append(f"  {result.id.removeprefix(f'{result.place}: ')}")
        if result.started is not None:
            line.append(f"  {_seconds(result.duration)}", style="dim")
        self._print(line)
        if result.verdict is not Verdict.PASS:
            for finding in result.findings:
                self._print(Text(f"{_INDENT}{finding.message}"))

    def summary(self, evidence: Evidence, page: str | None) -> None:
        """What went wrong, what was not tested, the headline and where the page is."""
        tried = [problem for problem in problems(evidence.results) if not _never_ran(problem)]
        if tried:
            self._heading("what went wrong")
            for problem in tried:
                self._problem(problem)
        if evidence.not_tested:
            self._heading("what was not tested")
            told = {name for problem in tried for name in problem.ids}
            for line in _grouped(one for one in evidence.not_tested if one.id not in told):
                self._print(line)
            above = sum(one.id in told for one in evidence.not_tested)
            if above:
                self._print(Text(f"{Verdict.COULD_NOT_VERIFY.label}: {above} of the scenarios above"))
        unused = [waiver.need for waiver in evidence.waivers if not waiver.used_by]
        if unused:
            self._print(Text(f"\nwaivers that this run did not use: {', '.join(unused)}", style="dim"))
        self._print(Text(f"\n{evidence.headline}", style=_STYLES[evidence.verdict]))
        if page is not None:
            self._print(Text(f"report: {page}"))

    def line(self, text: str) -> None:
        """One line as it is."""
        self._write(f"{text}\n")

    def _problem(self, problem: Problem) -> None:
        label = problem.verdict.label
        self._print(Text(f"\n{label}", style=_STYLES[problem.verdict]).append(f"  {problem.ids[0]}", "bold"))
        for name in _shortened(problem.ids[1:]):
            self._print(Text(f"{' ' * len(label)}  {name}", style="bold"))
        for finding in problem.findings:
            self._print(Text(f"  {finding.message}"))
            self._print(Text(f"  rule: {finding.rule}, at: {finding.stage}", style="dim"))
            # pytest prints the whole traceback of a fail itself.
            if finding.evidence and problem.verdict is not Verdict.FAIL:
                tail = finding.evidence.rstrip().splitlines()[-_EVIDENCE_LINES:]
                self._print(Text("\n".join(f"  | {line}" for line in tail), style="dim"))
            if finding.fix:
                self._print(Text(f"  next: {finding.fix}"))

    def _heading(self, title: str) -> None:
        self._print(Text(""))
        self._print(Rule(title, characters="-", style="dim") if self._colour else Text(f"--- {title} ---"))

    def _print(self, renderable: RenderableType) -> None:
        # Rendered to a text first: the writer behind `write` knows what to do where the terminal is no UTF-8.
        stream = io.StringIO()
        console = Console(
            file=stream,
            force_terminal=self._colour,
            color_system="standard" if self._colour else None,
            width=self._width,
            highlight=False,
            markup=False,
            emoji=False,
            legacy_windows=False,
        )
        console.print(renderable, soft_wrap=True)
        self._write(stream.getvalue())


def _never_ran(problem: Problem) -> bool:
    return all(finding.rule in ("not-run", "not-bound") for finding in problem.findings)


def _seconds(duration: float) -> str:
    return f"{duration:.2f} s"


def _grouped(untested: Iterable[NotTested]) -> Iterable[Text]:
    """One entry per verdict and reason: a hundred scenarios that lack one server are one thing to know."""

    def key(one: NotTested) -> tuple[str, str]:
        return one.verdict.label if one.verdict is not None else "NOT SELECTED", one.why

    for (label, why), group in groupby(sorted(untested, key=key), key=key):
        names = [one.id for one in group]
        yield Text(f"{label}: {why or 'no reason is known'}")
        yield Text("\n".join(f"    {name}" for name in _shortened(names)))


def _shortened(names: Sequence[str]) -> list[str]:
    if len(names) <= _NAMED:
        return list(names)
    return [*names[: _NAMED - 1], f"... and {len(names) - _NAMED + 1} more, named in the report"]
