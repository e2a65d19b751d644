"""Which part of the features a command line selects by path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reports.errors import UsageError

__all__ = ["Selection", "collectable", "select"]

_FEATURE = ".feature"


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

    def takes(self, module: Path, feature: Path | None) -> bool:
        """Whether a test is a part of it, by the module it stands in or the feature file it was made from.

        Where no feature file was selected, pytest collects no more than what was.
        """
        others = [path for path in self.paths if path.suffix != _FEATURE]
        if len(others) == len(self.paths):
            return True
        return feature in self.paths or any(module.is_relative_to(path) for path in others)


def select(arguments: Sequence[str], *, folder: Path, features: Path) -> Selection:
    """Read pytest's path arguments.

    Args:
        arguments: paths, maybe with `::test_name` behind them.
        folder: where the command was given.
        features: the features folder.
    """
    paths = tuple((folder / argument.split("::", 1)[0]).resolve() for argument in arguments)
    return Selection(paths, whole=any(features.resolve().is_relative_to(path) for path in paths))


def collectable(arguments: Sequence[str], *, folder: Path, features: Path) -> list[str]:
    """The arguments with each feature file replaced by the nearest folder that has a module to bind it.

    pytest collects folders and modules only; what else such a folder holds is for `Selection.takes` to leave out.

    Raises:
        UsageError: a scenario is asked for by its title.
    """
    return [_collected(argument, folder, features.resolve()) for argument in arguments]


def _collected(argument: str, folder: Path, features: Path) -> str:
    name, separator, _ = argument.partition("::")
    path = (folder / name).resolve()
    if path.suffix != _FEATURE or not path.is_file() or not path.is_relative_to(features):
        return argument
    if separator:
        raise UsageError("A scenario cannot be selected by its title", on=argument, fix=f"name the file: {name}")
    above = [parent for parent in path.parents if parent.is_relative_to(features)]
    return str(next((parent for parent in above if any(parent.glob("test_*.py"))), path.parent))
