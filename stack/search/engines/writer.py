"""Sends batches one after the other, in the order they were given, while the caller prepares the next."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from threading import BoundedSemaphore
from typing import TypeVar

from stack.search.engines.base import EngineUnavailableError

__all__ = ["Writer", "result"]

Sent = TypeVar("Sent")

_WAITING = 4


class Writer:
    """One thread and a short queue: a put, a patch and a delete of one id never overtake each other."""

    def __init__(self, name: str) -> None:
        """Name the thread."""
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"{name}-writer")
        self._room = BoundedSemaphore(_WAITING)

    def submit(self, send: Callable[[], Sent]) -> Future[Sent]:
        """Put one batch in line; blocks while the line is full, so that no more than a few batches are in memory."""
        self._room.acquire()
        try:
            future = self._pool.submit(send)
        except RuntimeError:
            self._room.release()
            raise
        future.add_done_callback(lambda _: self._room.release())
        return future

    def close(self) -> None:
        """Drop what has not been sent, and wait for what is being sent."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def result(future: Future[Sent], timeout: float, on: str) -> Sent:
    """What came of a batch.

    Args:
        future: from `Writer.submit`.
        timeout: seconds.
        on: the index, for the error.

    Raises:
        EngineUnavailableError: nothing came of it in time; and whatever sending it raised.
    """
    try:
        return future.result(timeout)
    except FutureTimeoutError as error:
        raise EngineUnavailableError(
            "A batch was not sent in time",
            on=on,
            got=f"no answer within {timeout:g} s",
            fix="is the engine overloaded?",
        ) from error
