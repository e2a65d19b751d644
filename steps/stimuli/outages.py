"""Components that are away for the length of a block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from steps.stimuli.base import Bench, Carried

__all__ = ["killed", "paused"]


def killed(*components: str) -> Callable[[Bench], Carried]:
    """Whoever runs this kills components with SIGKILL, and starts them again after the block."""

    @contextmanager
    def away(bench: Bench) -> Iterator[None]:
        try:
            for name in components:
                bench.stack.kill(name)
            yield
        finally:
            for name in components:
                bench.stack.restart(name)

    return away


def paused(*components: str) -> Callable[[Bench], Carried]:
    """Whoever runs this stops components with SIGSTOP, and lets them go on after the block."""

    @contextmanager
    def away(bench: Bench) -> Iterator[None]:
        try:
            for name in components:
                bench.stack.pause(name)
            yield
        finally:
            for name in components:
                bench.stack.resume(name)

    return away
