"""Telling running servers of what changed around them: a component that came, went, or moved to other ports."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from stack.components.base import Component, Plan
from stack.runtimes.files import ServiceUser, write_private
from stack.runtimes.identity import ProcessId
from stack.runtimes.leftovers import signal_process

__all__ = ["reload_changed"]


def reload_changed(
    components: Sequence[Component],
    plan: Plan,
    processes: Mapping[str, ProcessId],
    owner: Callable[[Component], ServiceUser | None],
) -> list[Component]:
    """Lay the configuration of running components anew where it changed, and have them read it.

    Args:
        components: those that may have to be told; what cannot read its configuration again is left alone.
        plan: as it is now.
        processes: of those that run.
        owner: whose a component's files are.

    Returns:
        The components that were told.
    """
    told = []
    for component in components:
        process = processes.get(component.name)
        if component.reload is None or process is None:
            continue
        config = plan.site(component.name).config
        changed = {name: text for name, text in component.files(plan).items() if _differs(config / name, text)}
        for name, text in changed.items():
            write_private(config / name, text, owner(component))
        if changed and signal_process(process, component.reload):
            told.append(component)
    return told


def _differs(path: Path, text: str) -> bool:
    try:
        return path.read_text("utf-8") != text
    except FileNotFoundError:
        return True
