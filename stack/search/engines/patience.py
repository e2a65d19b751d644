"""Bounded retries with jitter, the same for every engine."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from stack.search.engines.base import EngineFullError, EngineUnavailableError

__all__ = ["patiently"]

Answer = TypeVar("Answer")

_FIRST_WAIT = 0.1
_LONGEST_WAIT = 3.0


def patiently(action: Callable[[], Answer], *, seconds: float) -> Answer:
    """Do something, and again while the engine is unavailable, until `seconds` have passed.

    A full engine is not asked again: waiting does not make room.

    Raises:
        EngineUnavailableError: the last one, which says how often and how long it was tried.
    """
    begun = time.monotonic()
    attempts = 0

    def attempt() -> Answer:
        nonlocal attempts
        attempts += 1
        return action()

    retrying = Retrying(
        stop=stop_after_delay(seconds),
        wait=wait_random_exponential(multiplier=_FIRST_WAIT, max=_LONGEST_WAIT),
        retry=retry_if_exception(_worth_it),
        reraise=True,
    )
    try:
        return retrying(attempt)
    except EngineUnavailableError as error:
        tried = f"{attempts} attempts in {time.monotonic() - begun:.1f} s"
        error.got = f"{error.got} ({tried})" if error.got else tried
        raise


def _worth_it(error: BaseException) -> bool:
    return isinstance(error, EngineUnavailableError) and not isinstance(error, EngineFullError)
