"""Bounded retries."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stack.search.engines.base import EngineError, EngineFullError, EngineRefusedError, EngineUnavailableError
from stack.search.engines.patience import patiently


def failing(times: int, error: EngineError) -> tuple[Callable[[], str], list[int]]:
    """An action that fails some times before it succeeds, and a list that grows with each call."""
    calls: list[int] = []

    def action() -> str:
        calls.append(1)
        if len(calls) <= times:
            raise error
        return "done"

    return action, calls


def test_an_engine_that_comes_back_is_waited_for() -> None:
    """Unavailable twice and then there is a success."""
    action, calls = failing(2, EngineUnavailableError("away"))
    assert patiently(action, seconds=30) == "done"
    assert len(calls) == 3


def test_patience_ends() -> None:
    """The last error comes out, and says how often it was tried."""
    action, calls = failing(10**6, EngineUnavailableError("away", got="connection refused"))
    with pytest.raises(EngineUnavailableError, match="away") as trouble:
        patiently(action, seconds=0.3)
    assert f"connection refused ({len(calls)} attempts in " in trouble.value.got


@pytest.mark.parametrize("error", [EngineRefusedError("no"), EngineFullError("full")])
def test_what_waiting_does_not_help_is_not_tried_again(error: EngineError) -> None:
    """A refusal and a full disk are raised at once."""
    action, calls = failing(1, error)
    with pytest.raises(type(error)):
        patiently(action, seconds=30)
    assert len(calls) == 1
