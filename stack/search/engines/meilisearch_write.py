"""Writes to Meilisearch: tasks that are enqueued, and awaited one by one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from stack.search.engines.base import EngineUnavailableError
from stack.search.engines.meilisearch_errors import of_task
from stack.search.engines.writer import result

__all__ = ["Enqueued", "TaskState", "TaskTicket", "await_task"]

_FIRST_PAUSE = 0.01
_LONGEST_PAUSE = 0.5
_GROWTH = 1.5


class TaskState(Protocol):
    """What is read of a task (`meilisearch.models.task.Task`)."""

    index_uid: str | None
    status: str
    enqueued_at: datetime
    error: dict[str, object] | None


@dataclass(frozen=True)
class Enqueued:
    """A task as Meilisearch acknowledged it; the time tells it from one of the same number after data was lost."""

    uid: int
    index: str | None
    at: datetime


def await_task(
    task: Enqueued, look: Callable[[int], TaskState], *, until: float, on: str, missing_ok: bool = False
) -> None:
    """Return once a task has succeeded.

    Args:
        task: which.
        look: asks for the task with a number.
        until: `time.monotonic()` to give up at.
        on: address and index, for errors.
        missing_ok: an index that is not there is no failure (it was to be deleted).

    Raises:
        EngineRefusedError: it failed; nothing of it was done.
        EngineUnavailableError: it did not finish in time, or the engine does not know it (any more).
    """
    pause = _FIRST_PAUSE
    while True:
        state = look(task.uid)
        if state.enqueued_at != task.at or state.index_uid != task.index:
            raise EngineUnavailableError(
                "Meilisearch has lost a task", on=on, got=f"task {task.uid} is another one now", fix="write again"
            )
        if state.status == "succeeded":
            return
        if state.status == "failed":
            if missing_ok and (state.error or {}).get("code") == "index_not_found":
                return
            raise of_task(state.error, on)
        if state.status == "canceled":
            raise EngineUnavailableError("A task was cancelled in Meilisearch", on=on, got=f"task {task.uid}")
        if time.monotonic() + pause > until:
            raise EngineUnavailableError(
                "Meilisearch did not finish a task in time",
                on=on,
                got=f"task {task.uid} is {state.status}",
                fix="it may still finish; writing the same again does no harm",
            )
        time.sleep(pause)
        pause = min(pause * _GROWTH, _LONGEST_PAUSE)


class TaskTicket:
    """A batch in line, and then the tasks it became."""

    def __init__(self, sending: Future[Sequence[Enqueued]], look: Callable[[int], TaskState], on: str) -> None:
        """Wait for the tasks that `sending` results in."""
        self._sending = sending
        self._look = look
        self._on = on
        self._done = 0

    def wait(self, timeout: float) -> None:
        """Return once each of the tasks has succeeded; Meilisearch then finds the documents."""
        until = time.monotonic() + timeout
        for task in result(self._sending, timeout, self._on)[self._done :]:
            await_task(task, self._look, until=until, on=self._on)
            self._done += 1
