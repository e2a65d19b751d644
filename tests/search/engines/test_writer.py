"""The line in which batches wait."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from functools import partial
from threading import Event

import pytest

from stack.search.engines.base import EngineUnavailableError
from stack.search.engines.writer import Writer, result


def test_batches_are_sent_in_order() -> None:
    """One after the other, as they were given."""
    writer = Writer("test")
    sent: list[int] = []
    for future in [writer.submit(partial(sent.append, number)) for number in range(50)]:
        result(future, 30, "here")
    assert sent == list(range(50))
    writer.close()


def test_the_line_is_short() -> None:
    """With one under way and three waiting, the fifth has to wait to get in line; nothing is dropped."""
    writer, gate = Writer("test"), Event()
    inside = [writer.submit(partial(gate.wait, 30)) for _ in range(4)]
    with ThreadPoolExecutor(1) as other:
        fifth = other.submit(writer.submit, lambda: True)
        with pytest.raises(FutureTimeoutError):
            fifth.result(0.1)
        gate.set()
        assert result(fifth.result(30), 30, "here")
    assert all(result(future, 30, "here") for future in inside)
    writer.close()


def test_waiting_is_bounded_and_errors_come_through() -> None:
    """A batch that is not sent in time is unavailable, one that failed raises its own error, later ones go on."""
    writer, gate = Writer("test"), Event()
    slow = writer.submit(partial(gate.wait, 30))
    with pytest.raises(EngineUnavailableError, match="in time") as trouble:
        result(slow, 0.05, "index x")
    assert trouble.value.on == "index x"
    gate.set()

    def broken() -> None:
        raise EngineUnavailableError("away")

    with pytest.raises(EngineUnavailableError, match="away"):
        result(writer.submit(broken), 30, "here")
    assert result(writer.submit(lambda: 5), 30, "here") == 5
    writer.close()
