"""Finding the stacks of containers that run now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stack.runtimes.containers.engine import engine
from stack.runtimes.containers.janitor import state_of
from stack.runtimes.containers.stack import ContainersStack
from stack.runtimes.identity import boot_id, is_running
from stack.runtimes.registry import folders, read

if TYPE_CHECKING:
    from stack.runtimes.base import Stack
    from stack.settings import Settings

__all__ = ["running"]


def running(settings: Settings) -> list[Stack]:
    """Every stack whose start is over and that was not abandoned, oldest first.

    Raises:
        NeedMissingError: there are records of such stacks, but no engine answers.
    """
    found: list[Stack] = []
    for folder in folders(state_of(settings)):
        record = read(folder)
        if record is None or record.phase != "running" or record.boot != boot_id():
            continue
        if record.detached or is_running(record.owner):
            found.append(ContainersStack(settings, folder, engine()))
    return found
