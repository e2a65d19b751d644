"""Listens to a run of pytest: tells the recorder what happens, prints verdicts as they fall, writes the evidence."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Generator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from _pytest._code import Traceback
from pytest_bdd.parser import Feature, Scenario
from pytest_bdd.parser import Step as BddStep

from reports.errors import EvidenceError
from reports.evidence import Evidence, redacted, write_atomically
from reports.judge import doubted
from reports.output import write_all
from reports.recording import Phase, Recording
from reports.redact import printable
from reports.session import RunRecorder
from reports.terminal import Printer, counts_line
from reports.verdict import ExitCode, Verdict

__all__ = ["RunListener"]

_HARNESS = {"_pytest", "pluggy", "pytest_bdd"}
_CALL_TRACEBACK = pytest.StashKey[object]()
# Characters kept from the end of a traceback, and of each captured output behind it.
_TRACEBACK = 8_000
_OUTPUT = 4_000


class RunListener:
    """The hooks of one run; made when its scope is known, so none of them has to ask whether there is a run."""

    def __init__(self, recorder: RunRecorder, printer: Printer | None) -> None:
        """Take the recorder, and the printer unless pytest has no terminal."""
        self._recorder = recorder
        self._printer = printer
        self._evidence: Evidence | None = None
        self._page: Path | None = None
        self._problem: str | None = None

    # Collection

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leave out what was collected only because of where a selected feature file is bound, and note the rest."""
        others = self._recorder.unselected(items)
        if others:
            left_out = set(others)
            items[:] = [item for item in items if item not in left_out]
            config.hook.pytest_deselected(items=others)
        self._recorder.collected(items)

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        """Note what was taken out."""
        self._recorder.deselected(items)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note what could not be read, or skipped itself whole."""
        if report.passed:
            return
        text = self._redact(report.longreprtext).strip()
        message = text.splitlines()[-1].removeprefix("E").strip() if text else report.outcome
        self._recorder.could_not_collect(report.nodeid, message, text[-_TRACEBACK:])

    # One scenario

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        """Note that a test begins."""
        recording = self._recording(item)
        recording.begun = True
        self._recorder.context.scenario = recording.identity.id

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Ask for the needs before any fixture is made."""
        recording = self._recording(item)
        missing = self._recorder.needs.missing(recording.identity.needs)
        if missing:
            recording.needs_missing(missing)
            pytest.skip("; ".join(one.finding.message for one in missing))

    @pytest.hookimpl(trylast=True)
    def pytest_bdd_before_step(self, request: pytest.FixtureRequest, scenario: Scenario, step: BddStep) -> None:
        """Note that a step begins."""
        self._recording(request.node).step_began(scenario.steps.index(step))

    @pytest.hookimpl(trylast=True)
    def pytest_bdd_before_step_call(self, request: pytest.FixtureRequest) -> None:
        """Note that a step has its fixtures and arguments."""
        self._recording(request.node).step_is_running()

    @pytest.hookimpl(tryfirst=True)
    def pytest_bdd_after_step(self, request: pytest.FixtureRequest) -> None:
        """Note that a step did not fail."""
        self._recording(request.node).step_passed()

    @pytest.hookimpl(trylast=True)
    def pytest_bdd_after_scenario(self, request: pytest.FixtureRequest, feature: Feature) -> None:  # noqa: ARG002 - the hook's
        """Note that only the body of the test function is left."""
        self._recording(request.node).steps_are_over()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Judge a phase that is over, after every other plugin had its say about it."""
        recording, context = self._recording(item), self._recorder.context
        recording.step_stopped()
        report = yield
        if call.excinfo is not None and report.failed and not item.config.getoption("fulltrace", default=False):
            style = item.config.getoption("tbstyle", default="auto")
            report.longrepr = call.excinfo.getrepr(style="long" if style == "auto" else style, tbfilter=_own_frames)
        self._clean(report)
        if call.when == "call" or (call.when == "setup" and report.failed):
            self._ask_for_deaths(recording)
        if call.when == "call":
            item.stash[_CALL_TRACEBACK] = report.longrepr
        recording.phase(
            Phase(
                when=report.when,
                error=None if call.excinfo is None else call.excinfo.value,
                failed=report.failed,
                expected=getattr(report, "wasxfail", None),
                started=datetime.fromtimestamp(call.start, UTC),
                duration=call.duration,
                text=self._seen(report, call.excinfo),
            )
        )
        if call.when == "teardown":
            recording.died(context.take_deaths())
            context.scenario = None
            if recording.verdict is Verdict.FAIL and report.longrepr is None:
                # This last report is the one that tells the status, and pytest shows the traceback it carries.
                report.longrepr = item.stash.get(_CALL_TRACEBACK, None)  # type: ignore[assignment]
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Count a scenario by its verdict, when that is final; no letter, since the printer has a line for it."""
        recording = self._recorder.get(report.nodeid)
        if recording is None or not isinstance(report, pytest.TestReport):
            return None
        if report.when != "teardown":
            return "", "", ""
        # While the run goes on a word would be printed; pytest asks again for its summary.
        return recording.verdict.counted, "", "" if self._evidence is None else recording.verdict.counted.upper()

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Print the verdict of a scenario that is over."""
        recording = self._recorder.get(report.nodeid)
        if report.when == "teardown" and recording is not None and self._printer is not None:
            self._printer.scenario(redacted(self._recorder.result(recording), self._redact))

    # The end

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Tell Ctrl-C from pytest's own ways to stop early."""
        error = excinfo.value
        if isinstance(error, KeyboardInterrupt) and not isinstance(error, pytest.Session.Interrupted):
            self._recorder.interrupted = True

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> Generator[None, object, object]:
        """Write the evidence when every fixture is torn down, and set the exit code, whatever else goes wrong here."""
        try:
            return (yield)
        finally:
            session.exitstatus = self._finish(exitstatus)

    def print_summary(self) -> None:
        """Print what the run came to; the last line is for programs."""
        if self._printer is None or self._evidence is None:
            return
        self._printer.summary(self._evidence, None if self._page is None else _near(self._page))
        if self._problem is not None:
            self._printer.line(f"the evidence is not complete: {self._problem}")
        self._printer.line(counts_line(self._evidence))

    def _finish(self, exitstatus: int) -> int:
        context = self._recorder.context
        self._recorder.interrupted |= exitstatus == ExitCode.INTERRUPTED
        evidence = self._recorder.evidence()
        if exitstatus == ExitCode.USAGE:
            evidence = evidence.model_copy(update={"exit_code": int(ExitCode.USAGE)})
        # A test that failed for pytest has its verdict in the evidence; anything else it reports was not foreseen.
        if exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            evidence = doubted(evidence, f"pytest itself ended with {int(exitstatus)}")
        folder = context.evidence_dir / context.run_id
        try:
            self._page = write_all(evidence, folder)
        except Exception as error:  # noqa: BLE001 - a page that cannot be drawn must not hide the verdict
            lines = traceback.format_exception(error) if not str(error) else [str(error)]
            self._problem = self._redact("".join(lines))
            evidence = doubted(evidence, "the evidence is not complete")
            # What could be written before must not say anything else.
            with contextlib.suppress(EvidenceError):
                write_atomically(folder / "evidence.json", evidence.json_text())
        self._evidence = evidence
        return evidence.exit_code

    def _recording(self, item: pytest.Item) -> Recording:
        return self._recorder[item.nodeid]

    def _redact(self, text: str) -> str:
        return self._recorder.context.redactor(text)

    def _clean(self, report: pytest.TestReport) -> None:
        """Take secrets out of what pytest itself prints."""
        report.sections = [(name, self._redact(content)) for name, content in report.sections]
        plain = report.longreprtext
        if plain and self._redact(plain) != printable(plain):
            report.longrepr = self._redact(plain)

    def _seen(self, report: pytest.TestReport, excinfo: pytest.ExceptionInfo[BaseException] | None) -> str:
        """What the phase left to read: a short traceback, and the ends of the captured outputs."""
        text = report.longreprtext
        if excinfo is not None and report.failed:
            text = self._redact(str(excinfo.getrepr(style="short", tbfilter=_own_frames)))
        parts = [text[-_TRACEBACK:]]
        parts += [f"--- {name} ---\n{content[-_OUTPUT:]}" for name, content in report.sections]
        return "\n".join(part.strip("\n") for part in parts if part.strip())

    def _ask_for_deaths(self, recording: Recording) -> None:
        context = self._recorder.context
        try:
            recording.died([] if context.deaths is None else list(context.deaths()))
        except Exception as error:  # noqa: BLE001 - whatever it raises, nobody can tell
            recording.deaths_unknown(error)
        recording.died(context.take_deaths())


def _own_frames(excinfo: pytest.ExceptionInfo[BaseException]) -> Traceback:
    """The traceback without the frames of pytest, pluggy and pytest-bdd; its last one where nothing else is left."""
    own = excinfo.traceback.filter(lambda entry: not _HARNESS & set(Path(entry.path).parts))
    return own or excinfo.traceback[-1:]


def _near(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
