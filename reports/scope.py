"""The committed scope file: what a run requires, and what it waives and why."""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from reports.errors import UsageError

__all__ = ["Scope", "Waiver", "glob_matches", "load_scope", "parse_scope"]

_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class Waiver(BaseModel):
    """A need that may be missing, the reason, and the runtime it is limited to."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    need: _Text
    reason: _Text
    runtime: _Text | None = None


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    requires: list[_Text] = ["*"]
    waive: list[Waiver] = []


def glob_matches(pattern: str, text: str) -> bool:
    """Whether a glob covers a whole text: `*` and `?` are special, brackets are not (ids end in `[opensearch]`)."""
    parts = [{"*": ".*", "?": "."}.get(character, re.escape(character)) for character in pattern]
    return re.fullmatch("".join(parts), text, flags=re.DOTALL) is not None


@dataclass(frozen=True)
class Scope:
    """What a run must prove.

    Attributes:
        requires: globs over scenario ids; one that starts with `!` takes scenarios out again.
        waivers: needs that may be missing.
        digest: sha256 of the file's bytes.
    """

    requires: tuple[str, ...] = ("*",)
    waivers: tuple[Waiver, ...] = ()
    digest: str = ""

    def required(self, identifier: str) -> bool:
        """Whether the scenario with this id must pass."""
        wanted = any(glob_matches(glob, identifier) for glob in self.requires if not glob.startswith("!"))
        return wanted and not any(glob_matches(g[1:], identifier) for g in self.requires if g.startswith("!"))

    def waiver(self, need: str, runtime: str) -> Waiver | None:
        """The waiver that covers a missing need on a runtime; the caller makes sure that the need is missing."""
        covering = (w for w in self.waivers if w.need == need and w.runtime in (None, runtime))
        return next(covering, None)


def load_scope(path: Path) -> Scope:
    """Read the scope file.

    Raises:
        UsageError: it cannot be read, is not TOML, or has an unknown key, an empty reason or a repeated waiver.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(
            "The scope file cannot be read",
            on=str(path),
            got=error.strerror or str(error),
            fix='commit one; `requires = ["*"]` requires every scenario',
        ) from error
    return parse_scope(content, name=str(path))


def parse_scope(content: bytes, *, name: str = "scope.toml") -> Scope:
    """Read the bytes of a scope file; `name` is what errors call it.

    Raises:
        UsageError: see `load_scope`.
    """
    try:
        file = _File.model_validate(tomllib.loads(content.decode("utf-8")))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError("The scope file is not TOML in UTF-8", on=name, got=str(error)) from error
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {_plain(e['type'], e['msg'])}" for e in error.errors())
        raise UsageError(
            "The scope file is not valid",
            on=name,
            got=problems,
            fix="keys are `requires` (a list of globs) and `[[waive]]` with `need`, `reason` and maybe `runtime`",
        ) from error
    seen: set[tuple[str, str | None]] = set()
    for waiver in file.waive:
        if (waiver.need, waiver.runtime) in seen:
            raise UsageError("The scope file waives a need twice", on=name, got=waiver.need, fix="keep one reason")
        seen.add((waiver.need, waiver.runtime))
    return Scope(tuple(file.requires), tuple(file.waive), hashlib.sha256(content).hexdigest())


def _plain(kind: str, message: str) -> str:
    return {
        "extra_forbidden": "unknown key",
        "missing": "is missing",
        "string_too_short": "must not be empty",
    }.get(kind, message)
