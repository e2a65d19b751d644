"""One scenario while it runs: what happened at each stage, and the verdict that follows from it.

The rules: a Given that cannot be met, a fixture that fails, a step nobody defined or that only returned something yet
to run, a skip and an expected failure are could_not_verify; a missing need is could_not_verify or, where waived,
not_configured; any other error in a When or a Then is a fail; a component that died without the scenario's doing is
could_not_verify whatever the steps said. A pass needs every step to have run, a Then among them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import pytest
from pytest_bdd.exceptions import StepDefinitionNotFoundError

from reports.errors import missing_need
from reports.evidence import redacted
from reports.inventory import Place
from reports.needs import Missing, Needs
from reports.rules import finding
from reports.step_calls import StepNotRunError
from reports.verdict import Finding, ScenarioResult, Severity, StepResult, Verdict, merge

__all__ = ["Identity", "Phase", "Recording", "Step"]

When = Literal["setup", "call", "teardown"]
_SKIPS = (pytest.skip.Exception, pytest.xfail.Exception)


@dataclass(frozen=True)
class Identity:
    """What tells a scenario from every other one of the run."""

    id: str
    kind: Literal["scenario", "test"]
    place: Place
    title: str
    variant: str | None
    tags: tuple[str, ...]
    needs: tuple[str, ...]


@dataclass
class Step:
    """A step as its feature file has it, and what became of it; `type` is given, when or then."""

    keyword: str
    text: str
    type: str
    verdict: Verdict | None = None
    duration: float | None = None


@dataclass(frozen=True)
class Phase:
    """What pytest says about one of an item's three phases.

    Attributes:
        error: what was raised.
        failed: whether pytest counts it as failed, which it does without an error when an expected failure passed.
        expected: the reason, where a failure was expected.
        started: when the phase began.
        duration: seconds it took.
        text: the traceback and the captured output, redacted.
    """

    when: When
    error: BaseException | None
    failed: bool
    expected: str | None
    started: datetime
    duration: float
    text: str


@dataclass
class Recording:
    """What is known so far about one scenario or test."""

    identity: Identity
    steps: list[Step]
    needs: Needs
    redact: Callable[[str], str]
    findings: list[Finding] = field(default_factory=list)
    waiver: str | None = None
    waived: list[str] = field(default_factory=list)
    started: datetime | None = None
    duration: float = 0.0
    begun: bool = False
    finished: bool = False
    _said: list[Verdict] = field(default_factory=list)
    _dead: bool = False
    _settled: bool = False
    _called: bool = False
    _in_body: bool = False
    _current: Step | None = None
    _current_is_running: bool = False
    _step_started: float | None = None

    def needs_missing(self, missing: Sequence[Missing]) -> None:
        """Needs turned out to be missing before anything ran."""
        for one in missing:
            self._miss(one)
        self._settled = True

    def step_began(self, index: int) -> None:
        """The step's arguments and fixtures are about to be found."""
        self._current = self.steps[index]
        self._current_is_running = False
        self._step_started = time.perf_counter()

    def step_is_running(self) -> None:
        """The current step has what it asked for."""
        self._current_is_running = True

    def step_passed(self) -> None:
        """The current step came to its end."""
        self.step_stopped()
        self._mark(Verdict.PASS)
        self._current = None

    def step_stopped(self) -> None:
        """The current step, if there is one, came to some end: its clock stops."""
        if self._current is not None and self._step_started is not None:
            self._current.duration = time.perf_counter() - self._step_started
        self._step_started = None

    def steps_are_over(self) -> None:
        """Every hook after the last step ran; if all of them passed, the body of the test function is left."""
        self._in_body = all(step.verdict is Verdict.PASS for step in self.steps)

    def died(self, deaths: Sequence[str]) -> None:
        """Components died that the scenario did not kill."""
        for death in deaths:
            first, _, output = self.redact(death).strip().partition("\n")
            self._dead = True
            self._add("components", "component-died", f"died without being killed by the scenario: {first}", output)

    def deaths_unknown(self, error: Exception) -> None:
        """The stack could not say whether a component died."""
        self._dead = True
        self._add("components", "deaths-unknown", f"nobody can tell whether a component died: {_line(error)}", "")

    def phase(self, phase: Phase) -> None:
        """A phase is over."""
        if phase.when == "call" or (self.started is None and phase.error is not None and not self._settled):
            self.started, self.duration = phase.started, phase.duration
        self._called = self._called or phase.when == "call"
        self.finished = phase.when == "teardown"
        if phase.expected is not None or (phase.failed and phase.error is None):
            what = "it passed, though it was expected to fail" if phase.error is None else "it was expected to fail"
            why = (phase.expected or "").removeprefix("reason: ")
            self._say(Verdict.COULD_NOT_VERIFY, phase, "expected-failure", f"{what}: {why}" if why else what)
        elif isinstance(phase.error, _SKIPS):
            # Raised by the check of needs, which has said why.
            if not self._settled:
                self._say(Verdict.COULD_NOT_VERIFY, phase, "skipped", _line(phase.error))
        elif phase.error is not None:
            self._failed(phase, phase.error)

    def interrupted(self) -> None:
        """The run was broken off while this ran."""
        self._said.append(Verdict.COULD_NOT_VERIFY)
        self._add("run", "interrupted", "the run was broken off before it ended", "")

    def not_run(self, why: str) -> None:
        """It was found but never begun."""
        self._said.append(Verdict.COULD_NOT_VERIFY)
        self._add("scope", "not-run", why, "")

    @property
    def verdict(self) -> Verdict:
        """What follows from everything so far."""
        if self._dead:
            return Verdict.COULD_NOT_VERIFY
        if self._said:
            return merge(self._said)
        if not (self.finished and self._called and self._proved):
            return Verdict.COULD_NOT_VERIFY
        return Verdict.SIMULATED if "simulated" in self.identity.tags else Verdict.PASS

    def result(self, *, required: bool) -> ScenarioResult:
        """The result as it goes into the evidence."""
        verdict, findings = self.verdict, list(self.findings)
        if not findings and verdict is Verdict.COULD_NOT_VERIFY:
            rule, message = ("not-run", "it did not run to its end")
            if self._called and self.finished:
                rule, message = ("nothing-proved", "not every step ran, or none of them is a Then")
            findings = [finding("scope", rule, message)]
        elif verdict is Verdict.SIMULATED:
            message = "it passed against something that only behaves like the real thing"
            findings = [finding("scope", "simulated", message, severity=Severity.WARNING)]
        identity = self.identity
        return ScenarioResult(
            id=identity.id,
            kind=identity.kind,
            area=identity.place.area,
            feature=identity.place.feature,
            title=identity.title,
            variant=identity.variant,
            tags=identity.tags,
            verdict=verdict,
            required=required,
            findings=tuple(findings),
            steps=tuple(
                StepResult(
                    keyword=step.keyword,
                    text=step.text,
                    verdict=step.verdict or Verdict.COULD_NOT_VERIFY,
                    duration=None if step.duration is None else round(step.duration, 3),
                )
                for step in self.steps
            ),
            started=self.started,
            duration=round(self.duration, 3),
            needs=identity.needs,
            waiver=self.waiver if verdict is Verdict.NOT_CONFIGURED else None,
        )

    @property
    def _proved(self) -> bool:
        if self.identity.kind == "test":
            return True
        return any(s.type == "then" for s in self.steps) and all(s.verdict is Verdict.PASS for s in self.steps)

    def _failed(self, phase: Phase, error: BaseException) -> None:
        need = missing_need(error)
        if need is not None:
            missing = self.needs.raised(need, _first_line(error), evidence=phase.text)
            self._miss(missing)
            if phase.when == "call":
                self._mark(missing.verdict)
        elif phase.when != "call":
            rule = "fixture-failed" if phase.when == "setup" else "teardown-failed"
            self._say(Verdict.COULD_NOT_VERIFY, phase, rule, _line(error), fix=_text(error, "fix"))
        else:
            verdict, stage, rule = self._blame(error)
            message = "nobody defined this step" if rule == "step-undefined" else _line(error)
            self._say(verdict, phase, rule, message, stage=stage, fix=_text(error, "fix"))

    def _blame(self, error: BaseException) -> tuple[Verdict, str, str]:
        step = self._current
        if step is None:
            if self.identity.kind == "test" or self._in_body:
                return Verdict.FAIL, "test", "test-failed"
            if isinstance(error, StepDefinitionNotFoundError):
                # Nothing tells of this step before it is looked up: it is the first one that nothing became of.
                self._current = next((s for s in self.steps if s.verdict is None), None)
                return Verdict.COULD_NOT_VERIFY, "steps", "step-undefined"
            return Verdict.COULD_NOT_VERIFY, "steps", "hook-failed"
        unmet = "fixture-failed" if not self._current_is_running else ""
        if isinstance(error, StepNotRunError):
            unmet = "step-not-run"
        if unmet or step.type == "given":
            return Verdict.COULD_NOT_VERIFY, step.type, unmet or "given-not-met"
        false = step.type == "then" and isinstance(error, AssertionError)
        return Verdict.FAIL, step.type, "then-is-false" if false else "step-failed"

    def _miss(self, missing: Missing) -> None:
        self._said.append(missing.verdict)
        self.findings.append(redacted(missing.finding, self.redact))
        if missing.waiver is not None:
            self.waived.append(missing.need)
            self.waiver = "; ".join(filter(None, (self.waiver, f"{missing.need}: {missing.waiver.reason}")))

    def _say(
        self, verdict: Verdict, phase: Phase, rule: str, message: str, *, stage: str | None = None, fix: str = ""
    ) -> None:
        self._said.append(verdict)
        if phase.when == "call":
            self._mark(verdict)
            if self._current is not None:
                message = f"{self._current.keyword} {self._current.text}: {message}"
        self._add(stage or phase.when, rule, message, phase.text, fix=fix)

    def _mark(self, verdict: Verdict) -> None:
        if self._current is not None and self._current.verdict is None:
            self._current.verdict = verdict

    def _add(self, stage: str, rule: str, message: str, evidence: str, *, fix: str = "") -> None:
        self.findings.append(finding(stage, rule, self.redact(message), evidence=evidence, fix=self.redact(fix)))


def _line(error: BaseException) -> str:
    first = _first_line(error)
    name = type(error).__name__
    return f"{name}: {first}" if first else name


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else ""


def _text(error: BaseException, name: str) -> str:
    value = getattr(error, name, "")
    return value if isinstance(value, str) else ""
