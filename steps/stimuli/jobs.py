"""Stimuli by people who run jobs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from steps.stimuli.base import Bench, Stimulus, StimulusError
from steps.stimuli.outages import killed

__all__ = ["STIMULI"]

_REPOSITORY = "jobs"
_NEEDS = ("api", "runner", "objects")
_QUEUED, _SLEEP = 4, 4  # jobs at once, and seconds that each takes
_LEASE = 90.0  # seconds within which a job whose runner died is somebody else's


def _prepare(bench: Bench) -> None:
    bench.repository(_REPOSITORY)


def _path(bench: Bench) -> str:
    return f"/api/v1/repos/{bench.repository(_REPOSITORY)}/jobs"


def _start(bench: Bench, run: str) -> int:
    body = {"kind": "steps", "ref": "main", "steps": [{"name": "panel", "run": run, "timeout_seconds": 120}]}
    return int(str(bench.expect(bench.ask("POST", _path(bench), json=body), 200, 201, 202).field("id")))


def _state(bench: Bench, job: int) -> str:
    return str(bench.expect(bench.ask("GET", f"{_path(bench)}/{job}"), 200).field("state"))


def _until(bench: Bench, job: int, states: frozenset[str], seconds: float) -> None:
    deadline = time.monotonic() + seconds * bench.slow
    while (state := _state(bench, job)) not in states:
        if time.monotonic() > deadline:
            raise StimulusError(f"A job did not become {' or '.join(sorted(states))}", got=f"it is {state}")
        time.sleep(0.2)


@contextmanager
def _of_steps(bench: Bench, run: str, *, every: float, most: int) -> Iterator[None]:
    """Jobs with one step, again and again; none of them is left afterwards."""
    started: list[int] = []
    try:
        with bench.repeated(lambda _: started.append(_start(bench, run)), every=every, most=most):
            yield
    finally:
        for job in started:
            bench.ask("POST", f"{_path(bench)}/{job}/cancel")


@contextmanager
def _run(bench: Bench) -> Iterator[None]:
    with _of_steps(bench, "for n in 1 2 3 4 5; do echo line $n; done", every=1, most=15):
        yield


@contextmanager
def _failing(bench: Bench) -> Iterator[None]:
    with _of_steps(bench, "echo this fails; exit 3", every=0.7, most=25):
        yield


@contextmanager
def _queued(bench: Bench) -> Iterator[None]:
    # A new one as often as one ends, so that some wait all the time.
    with _of_steps(bench, f"sleep {_SLEEP}", every=0.2, most=_QUEUED * 3):
        yield


@contextmanager
def _lost(bench: Bench) -> Iterator[None]:
    job = _start(bench, "sleep 8")
    _until(bench, job, frozenset({"running"}), 30)
    bench.stack.kill("runner")
    bench.stack.restart("runner")
    try:
        yield
    finally:
        # It is taken up again once its lease is over; a job that is still running would be lost to the next scenario.
        bench.ask("POST", f"{_path(bench)}/{job}/cancel")


@contextmanager
def _printing(bench: Bench) -> Iterator[None]:
    with _of_steps(bench, "for n in $(seq 1 40); do echo part $n; sleep 0.25; done", every=0.5, most=2):
        yield


STIMULI: dict[str, Stimulus] = {
    "failing-jobs": Stimulus(_failing, prepare=_prepare, needs=_NEEDS),
    "job-run": Stimulus(_run, prepare=_prepare, needs=_NEEDS),
    "jobs-queued": Stimulus(_queued, prepare=_prepare, needs=_NEEDS),
    "lost-jobs": Stimulus(_lost, prepare=_prepare, needs=_NEEDS, within=_LEASE),
    "object-store-away": Stimulus(_printing, killed("objects"), prepare=_prepare, needs=_NEEDS, within=40.0),
}
