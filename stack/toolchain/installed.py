"""An installed tool, and the receipt by which the next run finds it without hashing anything."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from stack.toolchain.errors import ToolchainError

__all__ = ["RECEIPT", "Installed", "Origin", "Receipt", "load_receipt"]

RECEIPT = "receipt.json"
Origin = Literal["cache", "machine", "given"]


@dataclass(frozen=True)
class Installed:
    """A tool that can be used now.

    Attributes:
        name: as in the toolchain file.
        version: of what is really there.
        root: the folder everything of it is in.
        programs: program name to path.
        env: variables its programs need.
        checksum: SHA-256 of the main artefact, or None when none was known beforehand (unlocked).
        origin: in our cache, on the machine, or at a path the user gave.
        size: bytes on disk, where known.
    """

    name: str
    version: str
    root: Path
    programs: dict[str, Path]
    env: dict[str, str] = field(default_factory=dict)
    checksum: str | None = None
    origin: Origin = "cache"
    size: int | None = None

    def program(self, name: str) -> Path:
        """The path of one of its programs.

        Raises:
            ToolchainError: it has none of that name.
        """
        try:
            return self.programs[name]
        except KeyError:
            raise ToolchainError(
                f"{self.name} {self.version} has no program {name}",
                on=str(self.root),
                got="it has: " + (", ".join(sorted(self.programs)) or "none"),
            ) from None


class Receipt(BaseModel):
    """What an installation left beside its files; paths are relative to its root, `{root}` in values is that root."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    name: str
    version: str
    installed: datetime
    programs: dict[str, str]
    env: dict[str, str]
    checksum: str | None
    artefacts: dict[str, str]
    files: tuple[str, ...] = ()
    size: int

    def to_installed(self, folder: Path) -> Installed | None:
        """The tool, or None when a file it must have has gone, or a program cannot be executed."""
        root = folder / "root"
        programs = {name: root / path for name, path in self.programs.items()}
        if not root.is_dir() or not all(os.access(path, os.X_OK) for path in programs.values()):
            return None
        if not all((root / path).is_file() for path in self.files):
            return None
        env = {name: value.replace("{root}", str(root)) for name, value in self.env.items()}
        return Installed(self.name, self.version, root, programs, env, self.checksum, "cache", self.size)


def load_receipt(folder: Path) -> Receipt | None:
    """The receipt in a tool's folder; None when there is none or it is damaged (the tool is then installed anew)."""
    try:
        return Receipt.model_validate_json((folder / RECEIPT).read_bytes())
    except (OSError, ValidationError):
        return None
