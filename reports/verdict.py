"""The verdict: five values, how they merge, what a scenario's result holds, and the exit codes."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum, StrEnum
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

__all__ = ["ExitCode", "Finding", "Record", "ScenarioResult", "Severity", "StepResult", "Verdict", "exit_code", "merge"]


class Verdict(StrEnum):
    """What is known about a promise after it was put to the test, or could not be."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    COULD_NOT_VERIFY = "could_not_verify"
    NOT_CONFIGURED = "not_configured"
    SIMULATED = "simulated"

    @property
    def label(self) -> str:
        """How a person reads it: `COULD NOT VERIFY`."""
        return self.value.replace("_", " ").upper()

    @property
    def mark(self) -> str:
        """One character for it, so that colour is never the only sign."""
        return _MARKS[self.value]

    @property
    def counted(self) -> str:
        """How it reads after a number: `3 passed`, `2 could not verify`."""
        return {"pass": "passed", "fail": "failed"}.get(self.value, self.value.replace("_", " "))


_MARKS = {"pass": "✓", "fail": "✕", "could_not_verify": "?", "not_configured": "○", "simulated": "≈"}


class ExitCode(IntEnum):
    """What the run's process ends with; these numbers are an interface."""

    PASS = 0
    FAIL = 1
    COULD_NOT_VERIFY = 2
    USAGE = 64
    INTERRUPTED = 130


# Weakest first. Neither of the first two can turn a run into a pass, and none of the last two can be outvoted by one.
_STRENGTH = (Verdict.NOT_CONFIGURED, Verdict.SIMULATED, Verdict.PASS, Verdict.COULD_NOT_VERIFY, Verdict.FAIL)


def merge(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict of several together: fail over could_not_verify over pass; of nothing, could_not_verify.

    It is the join of a total order, so grouping and order do not matter. `simulated` and `not_configured` add nothing
    to a pass and never make one.
    """
    return max(verdicts, key=_STRENGTH.index, default=Verdict.COULD_NOT_VERIFY)


def exit_code(verdict: Verdict) -> ExitCode:
    """Zero for a pass and for nothing else."""
    if verdict is Verdict.PASS:
        return ExitCode.PASS
    return ExitCode.FAIL if verdict is Verdict.FAIL else ExitCode.COULD_NOT_VERIFY


class Record(BaseModel):
    """Base of everything that goes into the evidence: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Severity(StrEnum):
    """How much a finding weighs."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Finding(Record):
    """One reason for a verdict: which rule, at which stage, what was seen, and what to do next."""

    stage: str
    rule: str
    severity: Severity
    message: str
    fix: str = ""
    evidence: str = ""


class StepResult(Record):
    """One step of a scenario; `duration` is in seconds, `None` when the step was not reached."""

    keyword: str
    text: str
    verdict: Verdict
    duration: float | None = None


class ScenarioResult(Record):
    """One scenario (or plain test beside the scenarios) and everything known about it.

    Attributes:
        id: unique in a run, as in `search/code: Title [opensearch]`.
        area: first folder of the feature file under the features folder; empty at its top.
        feature: rest of the feature file's path, without its ending.
        variant: what the scenario was parametrised with, such as a search engine.
        required: whether the scope file demands that it passes.
        started: when its steps began, with time zone.
        duration: seconds its steps took.
        needs: names of what must be there for it to run.
        waiver: the scope file's reason, when a missing need was waived.
    """

    id: str
    kind: Literal["scenario", "test"] = "scenario"
    area: str
    feature: str
    title: str
    variant: str | None = None
    tags: tuple[str, ...] = ()
    verdict: Verdict
    required: bool = True
    findings: tuple[Finding, ...] = ()
    steps: tuple[StepResult, ...] = ()
    started: AwareDatetime | None = None
    duration: float = 0.0
    needs: tuple[str, ...] = ()
    waiver: str | None = None

    @property
    def place(self) -> str:
        """Its feature file, as an id begins."""
        return f"{self.area}/{self.feature}" if self.area else self.feature
