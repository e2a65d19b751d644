"""Every fault that an alert names, made for real and undone."""

from __future__ import annotations

from steps.faults import components, host, recovery, services, telemetry
from steps.faults.base import Fault

__all__ = ["MADE", "Fault", "covered", "fault_of"]

MADE: dict[str, Fault] = {**components.FAULTS, **services.FAULTS, **telemetry.FAULTS, **host.FAULTS, **recovery.FAULTS}


def covered(name: str) -> tuple[str, ...]:
    """The names of `stack.telemetry.faults` that one of these stands for."""
    return MADE[name].covers or (name,)


def fault_of(name: str) -> str | None:
    """Which of these is made for a name of `stack.telemetry.faults`; `None` when none is."""
    return next((made for made in MADE if name in covered(made)), None)
