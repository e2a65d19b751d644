"""Figures that must hold."""

from __future__ import annotations

from stack.errors import EngineRoomError

__all__ = ["GateError", "gate"]


class GateError(EngineRoomError):
    """A figure that must hold does not."""


def gate(held: bool, what: str) -> None:
    """Go on only when a figure holds.

    Raises:
        GateError: with what was measured instead.
    """
    if not held:
        raise GateError(what, fix="a gate figure does not hold: find out why before anything else")
