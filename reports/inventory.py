"""Every scenario that the feature files promise, whether or not a test module binds it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_bdd.exceptions import GherkinParseError
from pytest_bdd.gherkin_parser import Child, ExamplesTable, Scenario, get_gherkin_document
from pytest_bdd.parser import render_string

__all__ = ["Inventory", "Place", "Planned", "identifier", "place_of", "read_inventory", "tags_in", "unique"]


@dataclass(frozen=True)
class Place:
    """Where a feature stands: `area` is the first folder, `feature` the rest of the path without its ending."""

    area: str
    feature: str

    def __str__(self) -> str:
        """The path as in a scenario's id."""
        return f"{self.area}/{self.feature}" if self.area else self.feature


@dataclass(frozen=True)
class Planned:
    """A scenario, or one row of a scenario outline, as its feature file has it.

    Attributes:
        file: the feature file, absolute.
        line: where the scenario starts.
        example: the row of the outline; empty where there is none.
    """

    file: Path
    line: int
    place: Place
    title: str
    tags: tuple[str, ...]
    example: tuple[tuple[str, str], ...] = ()

    @property
    def id(self) -> str:
        """Its id without a variant."""
        return f"{self.place}: {self.title}"

    @property
    def key(self) -> tuple[Path, int, tuple[tuple[str, str], ...]]:
        """What tells it from every other one, whatever its title."""
        return self.file, self.line, self.example


@dataclass(frozen=True)
class Inventory:
    """What the feature files hold; `broken` maps a file that is no valid feature to the reason."""

    planned: tuple[Planned, ...]
    broken: Mapping[Path, str]


def place_of(file: Path, root: Path) -> Place:
    """The place of a feature file (or test module) under the features folder."""
    relative = file.relative_to(root) if file.is_relative_to(root) else Path(file.name)
    parts = relative.with_suffix("").parts
    return Place(parts[0], "/".join(parts[1:])) if len(parts) > 1 else Place("", parts[0])


def identifier(title: str, example: Mapping[str, str]) -> str:
    """A scenario's title with its outline's row: in the title where that names every column, behind it otherwise."""
    rendered = render_string(title, example)
    if all(f"<{column}>" in title for column in example):
        return rendered
    return f"{rendered} {{{', '.join(f'{column}={value}' for column, value in example.items())}}}"


def unique(identifiers: Iterable[str]) -> list[str]:
    """The same ids, with ` #2`, ` #3` behind those that came before."""
    seen: dict[str, int] = {}
    result = []
    for name in identifiers:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name} #{seen[name]}")
    return result


def read_inventory(root: Path) -> Inventory:
    """Read every feature file below a folder.

    pytest-bdd keeps scenarios by title and drops all but one of those that share it; here each of them counts.
    """
    root = root.resolve()
    planned: list[Planned] = []
    broken: dict[Path, str] = {}
    for file in sorted(root.rglob("*.feature")):
        found: list[Planned] = []
        try:
            found = list(_planned(file, place_of(file, root)))
        except (GherkinParseError, UnicodeDecodeError, OSError) as error:
            broken[file] = str(error)
        except KeyError:
            broken[file] = "it holds no feature"
        else:
            if not found:
                broken[file] = "it holds no scenario"
        planned.extend(found)
    return Inventory(tuple(planned), broken)


def tags_in(inventory: Inventory) -> list[str]:
    """Every tag used, sorted."""
    return sorted({tag for scenario in inventory.planned for tag in scenario.tags})


def _planned(file: Path, place: Place) -> Iterable[Planned]:
    feature = get_gherkin_document(str(file)).feature
    for scenario, inherited in _scenarios(feature.children, _names(feature.tags)):
        tags = inherited | _names(scenario.tags)
        for example, more in _rows(scenario.examples):
            yield Planned(
                file=file,
                line=scenario.location.line,
                place=place,
                title=identifier(scenario.name, dict(example)),
                tags=tuple(sorted(tags | more)),
                example=example,
            )


def _names(tags: Sequence[object]) -> frozenset[str]:
    return frozenset(str(getattr(tag, "name", "")).removeprefix("@") for tag in tags)


def _scenarios(children: Sequence[Child], tags: frozenset[str]) -> Iterable[tuple[Scenario, frozenset[str]]]:
    for child in children:
        if child.scenario is not None:
            yield child.scenario, tags
        elif child.rule is not None:
            yield from _scenarios(child.rule.children, tags | _names(child.rule.tags))


def _rows(tables: Sequence[ExamplesTable]) -> Iterable[tuple[tuple[tuple[str, str], ...], frozenset[str]]]:
    rows = [
        (
            tuple(zip((c.value for c in table.table_header.cells), (c.value or "" for c in row.cells), strict=True)),
            table,
        )
        for table in tables
        if table.table_header is not None
        for row in table.table_body or ()
    ]
    # An outline without a row is still run once by pytest-bdd, with its placeholders as they stand.
    return [(row, _names(table.tags)) for row, table in rows] or [((), frozenset())]
