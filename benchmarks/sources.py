"""What is measured on: the Go standard library's sources, and a forge of many small repositories."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from stack.errors import NeedMissingError
from stack.forge.repositories import Change, Person
from stack.process import run
from stack.reference import Reference

__all__ = ["GO", "fill_go", "fill_many", "go_sources"]

GO = ("bench", "go")
_DATE = datetime(2025, 1, 1, tzinfo=UTC)
_WHO = Person("Bench", "bench@forge.example")


def go_sources() -> Path:
    """The folder of the installed Go's sources.

    Raises:
        NeedMissingError: there is no Go on this machine.
    """
    folder = Path(run(["go", "env", "GOROOT"], timeout=60).text.strip()) / "src"
    if not folder.is_dir():
        raise NeedMissingError("go", "The Go standard library's sources are not here", on=str(folder))
    return folder


def fill_go(reference: Reference) -> tuple[int, int]:
    """Push the sources as one commit; number of files and their bytes."""
    files: dict[str | bytes, Change] = dict(_files(go_sources()))
    _repository(reference, *GO)
    reference.hosting.push(*GO, files, author=_WHO, date=_DATE)
    return len(files), sum(len(data) for data in files.values() if isinstance(data, bytes))


def fill_many(reference: Reference, number: int) -> None:
    """Make so many repositories of three files each."""
    for index in range(number):
        name = f"many-{index}"
        _repository(reference, "bench", name)
        files: dict[str | bytes, Change] = {
            f"{part}.txt": f"file {part} of repository {index}\n".encode() for part in range(3)
        }
        reference.hosting.push("bench", name, files, author=_WHO, date=_DATE)


def _repository(reference: Reference, owner: str, name: str) -> None:
    if reference.forge.find_user(owner) is None:
        reference.forge.create_user(owner)
    reference.hosting.create_repository(owner, name)


def _files(folder: Path) -> Iterator[tuple[bytes, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield os.fsencode(path.relative_to(folder)), path.read_bytes()
