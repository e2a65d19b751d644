"""Threads for work that blocks: each has tools of its own, few wait, and nobody waits for long."""

from __future__ import annotations

import asyncio
import contextvars
import queue
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Generic, Protocol, TypeVar

from stack.errors import EngineRoomError

__all__ = ["FullError", "LateError", "Pool"]


class Closing(Protocol):
    """Something that has to be closed."""

    def close(self) -> None:
        """Give back what it holds."""


Tool = TypeVar("Tool", bound=Closing)
Answer = TypeVar("Answer")


class FullError(EngineRoomError):
    """Every thread is busy and enough wait already: come back later."""


class LateError(EngineRoomError):
    """There was no answer in time; the thread that works on it is given back when it is done."""


class Pool(Generic[Tool]):
    """Runs functions on a bounded number of threads. To be used from one event loop."""

    def __init__(
        self,
        make: Callable[[], Tool],
        *,
        threads: int,
        waiting: int,
        wait_seconds: float,
        broken: tuple[type[BaseException], ...],
    ) -> None:
        """Start with no tools.

        Args:
            make: a set of tools for one thread.
            threads: how many work at once.
            waiting: how many may wait for one.
            wait_seconds: and how long.
            broken: after these errors the tools are made anew: a connection may be lost. With tools that lay idle the
                work is tried again, so it must not matter that it is done twice.
        """
        self._make = make
        self._threads = threads
        self._waiting_most = waiting
        self._wait_seconds = wait_seconds
        self._broken = broken
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="search")
        self._idle: queue.LifoQueue[Tool] = queue.LifoQueue()
        self._free = asyncio.Semaphore(threads)
        self._waiting = 0

    async def run(self, work: Callable[[Tool], Answer], *, seconds: float) -> Answer:
        """Do something with a set of tools.

        Args:
            work: in another thread, in this context.
            seconds: after which nobody waits for it any more.

        Raises:
            FullError: there is no thread for it.
            LateError: it took longer.
        """
        await self._place()
        context = contextvars.copy_context()
        future = asyncio.get_running_loop().run_in_executor(self._executor, context.run, self._done, work)
        future.add_done_callback(self._release)
        try:
            return await asyncio.wait_for(asyncio.shield(future), seconds)
        except TimeoutError:
            raise LateError("There was no answer in time", got=f"{seconds:g} s") from None

    def close(self) -> None:
        """Close every idle set of tools."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        with suppress(queue.Empty):
            while True:
                self._idle.get_nowait().close()

    async def _place(self) -> None:
        if self._free.locked() and self._waiting >= self._waiting_most:
            raise FullError("Too much is asked at once", got=f"{self._threads} at work, {self._waiting} waiting")
        self._waiting += 1
        try:
            await asyncio.wait_for(self._free.acquire(), self._wait_seconds)
        except TimeoutError:
            raise FullError("Too much is asked at once", got=f"waited {self._wait_seconds:g} s") from None
        finally:
            self._waiting -= 1

    def _release(self, future: asyncio.Future[Answer]) -> None:
        self._free.release()
        if not future.cancelled():
            future.exception()  # looked at, even where nobody waits for it any more

    def _done(self, work: Callable[[Tool], Answer]) -> Answer:
        try:
            tool = self._idle.get_nowait()
        except queue.Empty:
            return self._with(self._make(), work)
        try:
            return self._with(tool, work)
        except self._broken:
            # It lay here while its connection was cut, by a database that was restarted for one: what was asked is not
            # at fault, and asking again changes nothing.
            return self._with(self._make(), work)

    def _with(self, tool: Tool, work: Callable[[Tool], Answer]) -> Answer:
        try:
            answer = work(tool)
        except self._broken:
            with suppress(Exception):
                tool.close()
            raise
        except BaseException:
            self._idle.put(tool)
            raise
        self._idle.put(tool)
        return answer
