"""What a drill leaves: stages with time and verdict, what a loss would take, and what was not tested."""

from __future__ import annotations

from pydantic import AwareDatetime

from reports.evidence import Project
from reports.verdict import Finding, Record, Verdict, merge
from stack.recovery.rules import verdict

__all__ = ["Loss", "Report", "Stage", "Trend"]


class Stage(Record):
    """One stage.

    Attributes:
        name: of the stage.
        what: what it proves, for people.
        ran: whether it was put to the test; if not, `why` says why not.
        verdict: of what it found; a stage that did not run could not be verified.
        seconds: how long it took.
        findings: what is not as it must be.
        told: what it saw, a line each.
        why: why it did not run.
    """

    name: str
    what: str
    ran: bool
    verdict: Verdict
    seconds: float = 0.0
    findings: tuple[Finding, ...] = ()
    told: tuple[str, ...] = ()
    why: str = ""

    @classmethod
    def of(cls, name: str, what: str, seconds: float, findings: list[Finding], told: list[str]) -> Stage:
        """A stage that ran: nothing found is a pass, since it has looked."""
        return cls(
            name=name,
            what=what,
            ran=True,
            verdict=verdict(findings),
            seconds=round(seconds, 3),
            findings=tuple(findings),
            told=tuple(told),
        )

    @classmethod
    def not_run(cls, name: str, what: str, why: str) -> Stage:
        """A stage that was not reached: never a pass."""
        return cls(name=name, what=what, ran=False, verdict=Verdict.COULD_NOT_VERIFY, why=why)


class Loss(Record):
    """What would have been lost if the forge had been lost while the drill began, by canary, in seconds.

    Attributes:
        rows: from a committed row until the bucket has it; None when it was not measured.
        pushes: from an acknowledged push until the bucket has it; None when it was not measured.
        why: why something was not measured.
    """

    rows: float | None = None
    pushes: float | None = None
    why: str = ""

    @property
    def worse(self) -> float | None:
        """The recovery point objective that is reached: the worse of both; None unless both are known."""
        return max(self.rows, self.pushes) if self.rows is not None and self.pushes is not None else None


class Trend(Record):
    """One earlier drill, as the history keeps it."""

    archive: str = ""
    began: AwareDatetime
    verdict: Verdict
    set: str
    seconds: float
    rto: float | None
    rpo: float | None


class Report(Record):
    """A whole drill.

    Attributes:
        schema_: of this record.
        archive: bucket and prefix.
        began: when.
        seconds: all of it.
        set: id of the set that was restored; empty when there was none.
        set_completed: when that set was complete.
        point: of the database.
        stages: all of them, whether they ran or not.
        loss: what a loss would take.
        rto: seconds from the beginning of the restore to the first push that the restored forge took; None without one.
        limits: what was exceeded, as findings.
        untested: what no stage looks at, a line each.
        earlier: drills before this one, oldest first.
        project: of the code that drilled.
    """

    schema_: str = "engineroom.drill/1"
    archive: str
    began: AwareDatetime
    seconds: float
    set: str
    set_completed: AwareDatetime | None
    point: str
    stages: tuple[Stage, ...]
    loss: Loss
    rto: float | None
    limits: tuple[Finding, ...]
    untested: tuple[str, ...]
    earlier: tuple[Trend, ...]
    project: Project

    @property
    def verdict(self) -> Verdict:
        """Fail over could not verify over pass: one stage that did not run keeps it from being a pass."""
        return merge([*(stage.verdict for stage in self.stages), verdict(list(self.limits))])

    @property
    def not_run(self) -> tuple[Stage, ...]:
        """Stages that were not reached."""
        return tuple(stage for stage in self.stages if not stage.ran)

    def trend(self) -> Trend:
        """What the history keeps of it."""
        return Trend(
            archive=self.archive,
            began=self.began,
            verdict=self.verdict,
            set=self.set,
            seconds=self.seconds,
            rto=self.rto,
            rpo=self.loss.worse,
        )
