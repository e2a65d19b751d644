"""Cleaning up without being interrupted half-way."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

__all__ = ["uninterrupted"]


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Ctrl-C, and what else interrupts this command as Ctrl-C does, waits until the block is over.

    Only the main thread gets signals, so elsewhere there is nothing to do.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pending: list[int] = []
    others = [signal.SIGTERM, signal.SIGHUP]
    held = [signal.SIGINT, *(each for each in others if signal.getsignal(each) is signal.default_int_handler)]
    before = {number: signal.signal(number, lambda caught, _frame: pending.append(caught)) for number in held}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if pending:
        raise KeyboardInterrupt
