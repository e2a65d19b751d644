"""How tasks are awaited."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from stack.search.engines.base import EngineError, EngineRefusedError, EngineUnavailableError
from stack.search.engines.meilisearch_write import Enqueued, TaskTicket, await_task

THEN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Task:
    status: str
    error: dict[str, object] | None = None
    index_uid: str | None = "x"
    enqueued_at: datetime = THEN


def looking(*states: Task) -> Callable[[int], Task]:
    """A server that gives these states one after the other, the last one for ever."""
    left = list(states)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


def wait(*states: Task, seconds: float = 30, missing_ok: bool = False) -> None:
    """Await a task that goes through these states."""
    until = time.monotonic() + seconds
    await_task(Enqueued(7, "x", THEN), looking(*states), until=until, on="there", missing_ok=missing_ok)


def test_a_task_is_done_when_it_succeeded() -> None:
    """Enqueued and processing are waited out."""
    wait(Task("enqueued"), Task("processing"), Task("succeeded"))


NOT_FOUND: dict[str, object] = {"code": "index_not_found", "message": "m"}


@pytest.mark.parametrize(
    ("state", "kind", "what"),
    [
        (Task("failed", {"code": "invalid_document_id", "message": "m"}), EngineRefusedError, "refused a batch"),
        (Task("failed", NOT_FOUND), EngineRefusedError, "not there"),
        (Task("canceled"), EngineUnavailableError, "cancelled"),
        (Task("succeeded", enqueued_at=datetime(2026, 1, 2, tzinfo=UTC)), EngineUnavailableError, "lost a task"),
        (Task("succeeded", index_uid="y"), EngineUnavailableError, "lost a task"),
    ],
)
def test_anything_but_its_own_success_is_an_error(state: Task, kind: type[EngineError], what: str) -> None:
    """A failure, a cancellation, and another task with the same number after data was lost."""
    with pytest.raises(kind, match=what):
        wait(state)


def test_a_missing_index_may_be_fine() -> None:
    """Dropping what is not there is done."""
    wait(Task("failed", NOT_FOUND), missing_ok=True)


def test_waiting_ends() -> None:
    """A task that never finishes is unavailable, and what it was last is told."""
    with pytest.raises(EngineUnavailableError, match="in time") as trouble:
        wait(Task("processing"), seconds=0.1)
    assert trouble.value.got == "task 7 is processing"


def test_a_ticket_that_was_done_stays_done() -> None:
    """Tasks that succeeded are not asked for again, even if the server is gone by then."""
    sending: Future[Sequence[Enqueued]] = Future()
    sending.set_result([Enqueued(7, "x", THEN), Enqueued(8, "x", THEN)])
    states = iter([Task("succeeded"), Task("succeeded")])
    ticket = TaskTicket(sending, lambda _: next(states), "there")
    ticket.wait(30)
    ticket.wait(30)
