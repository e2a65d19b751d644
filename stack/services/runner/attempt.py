"""One attempt at one job, from reading what is to be done to writing how it ended."""

from __future__ import annotations

import time
from typing import Literal

import structlog

from stack.errors import EngineRoomError
from stack.forge.database import DatabaseError
from stack.services.common.logs import said
from stack.services.common.telemetry import span
from stack.services.runner.checkout import checkout
from stack.services.runner.fetch import CheckoutError
from stack.services.runner.folders import JobFolder, Workplace
from stack.services.runner.joblog import JobLog
from stack.services.runner.jobs import Jobs
from stack.services.runner.model import Job, Outcome, Payload, PayloadError, Step, StepResult, StepState
from stack.services.runner.sandbox import run_script
from stack.services.runner.settings import RunnerSettings
from stack.services.runner.watch import Watch

__all__ = ["Attempt"]

_log = structlog.get_logger("runner")
_SHORT_LOG_SECONDS = 10.0
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Attempt:
    """To be run once."""

    def __init__(
        self, settings: RunnerSettings, jobs: Jobs, workplace: Workplace, *, job: Job, watch: Watch, log: JobLog
    ) -> None:
        """Begin.

        Args:
            settings: limits and addresses.
            jobs: where the end is written.
            workplace: for a folder.
            job: what was taken.
            watch: says when to stop.
            log: is closed at the end.
        """
        self._settings = settings
        self._jobs = jobs
        self._workplace = workplace
        self._job = job
        self._watch = watch
        self._log = log
        self._results: list[StepResult] = []
        self._steps = 0

    def run(self) -> Outcome:
        """Do it all."""
        job, log = self._job, self._log
        try:
            log.say(f"job {job.lease.job_id}, attempt {job.lease.attempt} of {job.max_attempts}")
            self._do(job.read())
        except (PayloadError, CheckoutError) as error:
            if self._watch.reason is None and not (isinstance(error, CheckoutError) and error.worth_retrying):
                return self._end("failed", _said(error))
            log.say(f"not done: {_said(error)}")
            return self._stopped(_said(error))
        except (EngineRoomError, OSError) as error:
            # The machine's trouble, not the job's: another attempt, perhaps elsewhere, may not have it.
            _log.warning("attempt failed", **said(error))
            log.say("not done: the runner could not go on")
            return self._stopped(f"{type(error).__name__}: {_said(error)}")
        except BaseException:
            log.close(0)
            raise
        if not self._is_through():
            return self._stopped("")
        failed = next((result for result in self._results if result.state != "succeeded"), None)
        if failed is None:
            return self._end("succeeded", "")
        how = "took too long" if failed.state == "timed_out" else f"ended with exit code {failed.exit_code}"
        return self._end("failed", f"step {failed.name!r} {how}")

    def _do(self, payload: Payload) -> None:
        """Check out, and run the steps in their order; after one that failed, the rest is skipped."""
        job, log = self._job, self._log
        if job.owner is None or job.name is None:
            raise PayloadError("The job's repository is not there", on=f"job {job.lease.job_id}")
        with self._workplace.folder(f"{job.lease.job_id}-{job.lease.attempt}") as folder:
            self._steps = len(payload.steps)
            environment = self._environment(payload, folder)
            log.say(f"checking out {payload.commit}")
            checkout(
                self._settings,
                f"{job.owner}/{job.name}",
                payload.commit,
                folder=folder.checkout,
                environment=_bare(environment),
                stop=self._watch.stop,
            )
            for number, step in enumerate(payload.steps, 1):
                if self._watch.stop():
                    return
                if self._results and self._results[-1].state != "succeeded":
                    self._results.append(StepResult(step.name, "skipped"))
                    continue
                log.say(f"step {number} of {len(payload.steps)}: {step.name}")
                result = self._step(number, step, folder, environment)
                self._results.append(result)
                log.say(f"step {number} {result.state} after {result.seconds:.1f} s")
                self._note()

    def _step(self, number: int, step: Step, folder: JobFolder, environment: dict[str, str]) -> StepResult:
        script = folder.scripts / f"step-{number}.sh"
        script.write_text(step.run, "utf-8")
        script.chmod(0o644)
        wanted = step.timeout_seconds or self._settings.step_seconds
        with span("step", attributes={"job.step": number}) as made:
            ended = run_script(
                script,
                settings=self._settings,
                cwd=folder.checkout,
                environment=environment,
                seconds=min(wanted, self._settings.longest_step_seconds),
                sink=self._log.write,
                stop=self._watch.stop,
            )
            state: StepState = "succeeded" if ended.code == 0 else "failed"
            if ended.timed_out:
                state = "timed_out"
            elif ended.stopped:
                state = "cancelled"
            made.set_attribute("job.step.state", state)
        code = None if ended.timed_out or ended.stopped else ended.code
        return StepResult(step.name, state, code, ended.seconds)

    def _is_through(self) -> bool:
        """Whether every step came to an end of its own; a runner that ends still says so, one that lost the job not."""
        through = len(self._results) == self._steps and all(one.state != "cancelled" for one in self._results)
        return through and self._watch.reason in {None, "stopping"}

    def _note(self) -> None:
        """Let people see how far it is; the end, which is what counts, says it again."""
        try:
            self._jobs.progress(self._job.lease, self._results)
        except DatabaseError as error:
            _log.warning("progress not written", **said(error))

    def _end(self, state: Literal["succeeded", "failed"], error: str) -> Outcome:
        """Write how it ended, if that is still this runner's to write."""
        self._log.say(f"{state}: {error}" if error else state)
        self._close_log()
        uncertain = False
        while self._watch.reason in {None, "stopping"}:
            try:
                if self._jobs.finish(self._job.lease, state, self._results, error=error):
                    return state
                if uncertain and self._jobs.is_ended(self._job.lease, state):
                    return state
                break
            except DatabaseError as trouble:
                # As long as the lease lasts nobody else takes it, so it may be said a little later.
                _log.warning("end not written; trying again", **said(trouble))
                uncertain = True
                time.sleep(min(1.0, self._settings.heartbeat))
        return "cancelled" if self._watch.reason == "cancelled" else self._fenced()

    def _stopped(self, error: str) -> Outcome:
        """It didn't come to an end: it was cancelled or taken away, the runner ends, or something was missing."""
        reason = self._watch.reason
        if reason == "cancelled":
            self._log.say("cancelled")
        elif reason == "stopping":
            self._log.say("the runner ends; the job is given back")
        self._close_log()
        if reason in {"cancelled", "lost"}:
            return "cancelled" if reason == "cancelled" else "lost"
        lease, free = self._job.lease, reason == "stopping"
        after = 0.0 if free else self._settings.retry_seconds * lease.attempt
        why = "the runner ended" if free else error
        try:
            given = self._jobs.give_back(lease, error=why, after=after, free=free)
        except DatabaseError as trouble:
            _log.warning("job not given back; its lease will end", **said(trouble))
            return "lost"
        if not given:
            return self._fenced()
        return "retried" if free or lease.attempt < self._job.max_attempts else "failed"

    def _close_log(self) -> None:
        """Wait until the log is kept: long while the store may come back, short where something else waits."""
        short = {"cancelled": _SHORT_LOG_SECONDS, "stopping": _SHORT_LOG_SECONDS, "lost": 0.0}
        reason = self._watch.reason
        seconds = self._settings.log_wait_seconds if reason is None else short[reason]
        if not self._log.close(seconds):
            _log.warning("the log is not complete")

    def _fenced(self) -> Outcome:
        _log.warning("the job is not this runner's any more; nothing was written")
        try:
            return "cancelled" if self._jobs.is_cancelled(self._job.lease) else "lost"
        except DatabaseError:
            return "lost"

    def _environment(self, payload: Payload, folder: JobFolder) -> dict[str, str]:
        """All that a step knows."""
        return {
            "PATH": _PATH,
            "HOME": str(folder.home),
            "TMPDIR": str(folder.temporary),
            "LANG": "C.UTF-8",
            "CI": "true",
            "ENGINEROOM_JOB_ID": str(self._job.lease.job_id),
            "ENGINEROOM_ATTEMPT": str(self._job.lease.attempt),
            "ENGINEROOM_REPOSITORY": f"{self._job.owner}/{self._job.name}",
            "ENGINEROOM_COMMIT": payload.commit,
            "ENGINEROOM_REF": payload.ref,
        }


def _bare(environment: dict[str, str]) -> dict[str, str]:
    """The environment of the runner's own git: no configuration but its own, and nothing that asks."""
    own = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_TERMINAL_PROMPT": "0"}
    return {name: environment[name] for name in ("PATH", "HOME", "TMPDIR", "LANG")} | own


def _said(error: Exception) -> str:
    if not isinstance(error, EngineRoomError):
        return type(error).__name__
    return " ".join(": ".join(part for part in (error.what, error.got) if part).split())
