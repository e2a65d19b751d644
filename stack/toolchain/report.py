"""What a setup did, and the table of what is there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from stack.toolchain.installed import Installed

__all__ = ["Absent", "Failure", "Row", "SetupReport", "State"]

State = Literal["installed", "on the machine", "given", "missing", "wrong"]

_COULD_NOT_VERIFY = 2


@dataclass(frozen=True)
class Failure:
    """A tool that could not be had."""

    name: str
    reason: str
    costs: tuple[str, ...]
    optional: bool

    def __str__(self) -> str:
        """The reason, and what cannot be verified without the tool."""
        kind = "optional" if self.optional else "required"
        return f"{self.name} ({kind}) could not be had\n{_indented(self.reason)}\n  it costs: " + "; ".join(self.costs)


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


@dataclass(frozen=True)
class Absent:
    """An optional tool that is not there and that nobody asked for."""

    name: str
    costs: tuple[str, ...]
    hint: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.name} is not here, which costs: {'; '.join(self.costs)}. {self.hint}"


@dataclass
class SetupReport:
    """Everything that a setup did or could not do."""

    installed: list[Installed] = field(default_factory=list)
    already: list[Installed] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    absent: list[Absent] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """2 when a required tool could not be had, since what needs it cannot be verified; 0 otherwise."""
        return _COULD_NOT_VERIFY if any(not failure.optional for failure in self.failed) else 0


@dataclass(frozen=True)
class Row:
    """One line of the table that `engineroom doctor` shows."""

    name: str
    version: str
    licence: str
    source: str
    locked: bool
    state: State
    size: int | None
    where: str
    optional: bool
    costs: tuple[str, ...]
