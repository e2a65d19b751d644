"""A job as the runner sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from stack.errors import EngineRoomError

__all__ = ["Job", "Lease", "Outcome", "Payload", "PayloadError", "Step", "StepResult"]

StepState = Literal["succeeded", "failed", "timed_out", "cancelled", "skipped"]
Outcome = Literal["succeeded", "failed", "cancelled", "retried", "lost"]

_NO_NUL = r"^[^\x00]*$"
Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=_NO_NUL)]
Script = Annotated[str, StringConstraints(min_length=1, max_length=65536, pattern=_NO_NUL)]


class PayloadError(EngineRoomError):
    """What a job says that should be done can't be understood; trying again would not help."""


class Step(BaseModel):
    """A piece of shell."""

    model_config = ConfigDict(frozen=True)

    name: Name
    run: Script
    timeout_seconds: float | None = Field(default=None, gt=0)


class Payload(BaseModel):
    """`job.payload`; what is not known here is somebody else's."""

    model_config = ConfigDict(frozen=True)

    ref: Annotated[str, StringConstraints(max_length=255, pattern=_NO_NUL)] = ""
    commit: str = Field(pattern="^([0-9a-f]{40}|[0-9a-f]{64})$")
    steps: tuple[Step, ...] = Field(min_length=1, max_length=100)
    context: Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=_NO_NUL)] | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to say what becomes of a job: gone as soon as the row names another runner or another attempt."""

    job_id: int
    holder: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Job:
    """A job that this runner has taken.

    Args:
        lease: the right to it.
        kind: what kind.
        payload: as it was written.
        repository_id: where it belongs.
        owner: of that repository.
        name: of that repository.
        max_attempts: how often it may be tried.
        waited: seconds since it could have been taken.
        taken_over: another runner had it, and was not heard of any more.
        created_at: when.
    """

    lease: Lease
    kind: str
    payload: Mapping[str, Any]
    repository_id: int | None
    owner: str | None
    name: str | None
    max_attempts: int
    waited: float
    taken_over: bool
    created_at: datetime

    @property
    def traceparent(self) -> str | None:
        """Of whoever asked for the job."""
        found = self.payload.get("traceparent")
        return found if isinstance(found, str) else None

    @property
    def context(self) -> str:
        """The name of its commit status."""
        found = self.payload.get("context")
        return found[:100] if isinstance(found, str) and found else f"jobs/{self.kind}"

    @property
    def commit(self) -> str | None:
        """The commit it is about, if it names one."""
        found = self.payload.get("commit")
        known = isinstance(found, str) and len(found) in {40, 64} and set(found) <= set("0123456789abcdef")
        return str(found) if known else None

    def read(self) -> Payload:
        """What is to be done.

        Raises:
            PayloadError: it can't be understood.
        """
        try:
            return Payload.model_validate(dict(self.payload))
        except ValidationError as error:
            problems = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:5])
            raise PayloadError("The job can't be understood", on=f"job {self.lease.job_id}", got=problems) from error


@dataclass(frozen=True, slots=True)
class StepResult:
    """What became of a step; `exit_code` is `None` where it didn't come to one."""

    name: str
    state: StepState
    exit_code: int | None = None
    seconds: float = 0.0
