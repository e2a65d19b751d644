"""Which part of the features a command line selects by path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Selection", "select"]


@dataclass(frozen=True)
class Selection:
    """Selected paths, absolute; `whole` says that they cover all features."""

    paths: tuple[Path, ...]
    whole: bool

    def covers(self, file: Path) -> bool:
        """Whether a feature file must be bound: it, or a folder above it, was selected.

        A selected test module covers nothing by itself, but every scenario it binds.
        """
        return any(file.is_relative_to(path) for path in self.paths)


def select(arguments: Sequence[str], *, folder: Path, features: Path) -> Selection:
    """Read pytest's path arguments.

    Args:
        arguments: paths, maybe with `::test_name` behind them.
        folder: where the command was given.
        features: the features folder.
    """
    paths = tuple((folder / argument.split("::", 1)[0]).resolve() for argument in arguments)
    return Selection(paths, whole=any(features.resolve().is_relative_to(path) for path in paths))
