"""Ending components in order: whoever follows another goes first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from stack.components.base import Component

__all__ = ["stop_in_order"]


def stop_in_order(components: Sequence[Component], stop: Callable[[Component], object]) -> None:
    """Call `stop` for every component, side by side where the order does not matter.

    Args:
        components: all that may have to be stopped.
        stop: ends one and returns when it has ended.
    """
    left = {component.name: component for component in components}
    while left:
        last = [each for each in left.values() if not any(each.name in other.after for other in left.values())]
        with ThreadPoolExecutor(max_workers=len(last)) as pool:
            list(pool.map(stop, last))
        for component in last:
            del left[component.name]
