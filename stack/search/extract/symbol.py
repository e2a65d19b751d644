"""What symbol extraction gives: one definition, and the answer for one file."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

__all__ = ["Symbol", "SymbolSource", "SymbolStatus", "Symbols"]


@dataclass(frozen=True, slots=True)
class Symbol:
    r"""One definition.

    Args:
        name: as written in the source, without its scope (`Bar`, not `Foo::Bar`).
        kind: normalised: function, method, class, struct, enum, interface, trait, type, field, constant, variable,
            macro, module, package, enumerator, property, constructor, label, target, selector, implementation, ...
        line: 1-based line of the whole file (lines end at `\n` only).
        scope: name of the enclosing definition, `""` at the top.
        text: the definition's line, stripped, at most 200 characters.
    """

    name: str
    kind: str
    line: int
    scope: str
    text: str


class SymbolStatus(StrEnum):
    """How the extraction of one file ended."""

    OK = "ok"
    UNSUPPORTED = "unsupported"
    TIMED_OUT = "timed_out"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Symbols:
    """The definitions of one file in line order; `cut` when there were more than the cap, `detail` says what failed."""

    symbols: tuple[Symbol, ...]
    status: SymbolStatus
    cut: bool = False
    detail: str = ""


class SymbolSource(Protocol):
    """Anything that finds the definitions of a file (`SymbolExtractor`; tests use a fixed list)."""

    def symbols(self, path: str, language: str | None, text: str) -> Symbols:
        """The definitions in `text`, which is named `path` and written in `language` (display name)."""
