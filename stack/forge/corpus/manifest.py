"""corpus.toml as values: which packages, by which client, pinned to which bytes."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stack.errors import UsageError

__all__ = ["MANIFEST", "ClientName", "Manifest", "Package", "Size", "Version", "load_manifest"]

MANIFEST = Path(__file__).parent / "corpus.toml"

Size = Literal["small", "full"]
ClientName = Literal["cargo", "go", "npm", "pip", "maven"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Version(_Model):
    """One version of a package; `sha256` is empty until it is pinned."""

    version: str
    date: date
    sha256: str = Field(pattern=r"^([0-9a-f]{64})?$")


class Package(_Model):
    """One package, which becomes one repository."""

    name: str
    client: ClientName
    owner: str
    repository: str = Field(alias="as")
    language: str
    description: str
    sizes: tuple[Size, ...]
    private: bool = False
    archived: bool = False
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    versions: tuple[Version, ...] = Field(min_length=3)

    @property
    def full_name(self) -> str:
        """Owner and name of its repository."""
        return f"{self.owner}/{self.repository}"

    def takes(self, path: str) -> bool:
        """Whether a path of its archives goes into its repository."""
        wanted = not self.include or any(fnmatchcase(path, pattern) for pattern in self.include)
        return wanted and not any(fnmatchcase(path, pattern) for pattern in self.exclude)


class Manifest(_Model):
    """All packages."""

    package: tuple[Package, ...]
    digest: str = ""

    def packages(self, size: Size) -> list[Package]:
        """The packages of one corpus, in the file's order."""
        return [package for package in self.package if size in package.sizes]

    def pairs(self, size: Size) -> Iterator[tuple[Package, Version]]:
        """Every version of every package of one corpus."""
        return ((package, version) for package in self.packages(size) for version in package.versions)


def load_manifest(path: Path = MANIFEST) -> Manifest:
    """Read a corpus file.

    Raises:
        UsageError: it is not valid, or names a repository twice, or dates a version before an earlier one.
    """
    raw = path.read_bytes()
    try:
        manifest = Manifest(**tomllib.loads(raw.decode()), digest=hashlib.sha256(raw).hexdigest())
    except (ValidationError, tomllib.TOMLDecodeError) as error:
        raise UsageError("The corpus file is not valid", on=str(path), got=str(error)) from error
    names = [package.full_name for package in manifest.package]
    if len(set(names)) != len(names):
        raise UsageError("The corpus file names a repository twice", on=str(path), got=", ".join(sorted(names)))
    for package in manifest.package:
        dates = [version.date for version in package.versions]
        if dates != sorted(dates):
            raise UsageError("The versions of a package are not in their order", on=f"{path} {package.name}")
    return manifest
