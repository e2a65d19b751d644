"""Cleaning up is not interrupted, and the interruption is not lost."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from stack.runtimes.signals import uninterrupted

_ALL = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def _interrupting() -> Iterator[None]:
    """All three interrupt, as in the command."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in _ALL}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def clean_up(number: signal.Signals, done: list[signal.Signals]) -> None:
    with uninterrupted():
        signal.raise_signal(number)
        done.append(number)


@pytest.mark.parametrize("number", _ALL)
def test_what_interrupts_the_command_waits_for_the_end(number: signal.Signals) -> None:
    """A terminal that closes sends two of them, and the second must not break off what the first began."""
    done: list[signal.Signals] = []
    with pytest.raises(KeyboardInterrupt):
        clean_up(number, done)
    assert done == [number]
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)


def test_what_is_ignored_stays_ignored() -> None:
    """Nohup's hangup is no interruption, before, during and after."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with uninterrupted():
        signal.raise_signal(signal.SIGHUP)
    signal.raise_signal(signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
