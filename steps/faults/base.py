"""What a fault is: something made wrong on purpose, and undone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from steps.stimuli.base import Bench, Carried, nothing

__all__ = ["Fault"]


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        run: makes it; it is undone with its block.
        covers: names of `stack.telemetry.faults` that it stands for, where it is more than the one of its own name.
        needs: components that must be ready.
        prepare: makes what it works with, before it is made.
        carries: stimuli that it brings about itself; the others that its alerts name go on beside it.
        labels: what the alerts that it fires say, by the alert's name, beyond the rule's own labels.
        explains: other alerts that may fire while it lasts and until it has cleared.
        within: seconds until every alert of it fires.
        cleared_within: seconds after it was undone until every alert of it has cleared.
    """

    run: Callable[[Bench], Carried]
    covers: tuple[str, ...] = ()
    needs: tuple[str, ...] = ("api",)
    prepare: Callable[[Bench], None] = nothing
    carries: frozenset[str] = frozenset()
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    explains: frozenset[str] = frozenset()
    within: float = 40.0
    cleared_within: float = 60.0
