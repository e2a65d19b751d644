"""What every runtime offers: a running stack, its state, and the ways to disturb it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

from stack.addresses import Addresses
from stack.settings import RuntimeName

__all__ = ["ComponentStatus", "Health", "Progress", "Stack"]

Health = Literal["ready", "starting", "dead", "paused", "stopped"]

# Called with a component and what it is doing now ("preparing", "starting", "ready"); may come from any thread.
Progress = Callable[[str, str], None]


@dataclass(frozen=True)
class ComponentStatus:
    """One component now.

    Attributes:
        name: the component.
        address: where it answers, for a person.
        pid: its process, if it has one.
        health: `dead` ended by itself, `stopped` was ended on purpose, `starting` lives but is not ready.
        rss_bytes: memory of its processes; what they share is counted once.
        since: when its process was started.
        detail: what was last seen.
    """

    name: str
    address: str
    pid: int | None
    health: Health
    rss_bytes: int | None
    since: datetime | None
    detail: str


class Stack(Protocol):
    """Components running somewhere. Clients need only `addresses`."""

    @property
    def name(self) -> str:
        """The run's id."""

    @property
    def runtime(self) -> RuntimeName:
        """Where it runs."""

    @property
    def addresses(self) -> Addresses:
        """Where everything answers."""

    @property
    def folder(self) -> Path:
        """The run's own folder."""

    @property
    def missing(self) -> Mapping[str, str]:
        """Optional components that were wanted but could not be had, with the reason."""

    def status(self) -> list[ComponentStatus]:
        """Every component, looked at now."""

    def kill(self, component: str) -> None:
        """End it at once, without a chance to tidy up; remembered as meant. What ended by itself cannot be killed."""

    def pause(self, component: str) -> None:
        """Stop it from running, without ending it."""

    def resume(self, component: str) -> None:
        """Let a paused component run on."""

    def restart(self, component: str) -> None:
        """Start it again and wait until it is ready."""

    def add(self, names: Iterable[str]) -> list[str]:
        """Bring components into the running stack, with what they require, and wait until they are ready.

        Returns those that were not there before; nothing is left of them if one does not come up.
        """

    def remove(self, names: Iterable[str]) -> None:
        """Take components out of the running stack: they end in order, and their folders go; their logs stay."""

    def deaths(self) -> list[str]:
        """Components that ended though nobody meant them to, with their last output."""

    def forgive(self) -> None:
        """Undo every kill and pause that was meant, and wait until all is ready."""

    def log(self, component: str) -> Path:
        """The file with its output."""

    def collect_logs(self, destination: Path) -> list[Path]:
        """Copy every log into a folder, without the stack's secrets."""

    def stop(self) -> None:
        """End everything in order and leave nothing behind."""
