"""What feature files promise, and where pytest-bdd would lose some of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports.inventory import identifier, place_of, read_inventory, tags_in, unique


def write(root: Path, name: str, text: str) -> Path:
    """A feature file below a folder."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def test_every_scenario_is_found_with_all_its_tags(tmp_path: Path) -> None:
    """Tags of the feature, the rule, the scenario and the rows come together."""
    write(
        tmp_path,
        "search/code.feature",
        """@a
Feature: Code
  Scenario: plain
    Then it holds
  @b
  Rule: a rule
    @c
    Scenario Outline: <x> is found
      Then it holds
      @d
      Examples:
        | x |
        | 1 |
      Examples:
        | x |
        | 2 |
""",
    )
    inventory = read_inventory(tmp_path)
    assert [(planned.id, planned.tags) for planned in inventory.planned] == [
        ("search/code: plain", ("a",)),
        ("search/code: 1 is found", ("a", "b", "c", "d")),
        ("search/code: 2 is found", ("a", "b", "c")),
    ]
    assert tags_in(inventory) == ["a", "b", "c", "d"]
    assert not inventory.broken


def test_two_scenarios_with_one_title_are_two(tmp_path: Path) -> None:
    """They have one id but two keys, so that the one that is not bound is missed."""
    text = "Feature: F\n  Scenario: same\n    Then it holds\n  Scenario: same\n    Then it holds\n"
    write(tmp_path, "f.feature", text)
    planned = read_inventory(tmp_path).planned
    assert [one.id for one in planned] == ["f: same", "f: same"]
    assert len({one.key for one in planned}) == 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it holds no feature"),
        ("# nothing\n", "it holds no feature"),
        ("Feature: F\n", "it holds no scenario"),
        ("Feature: F\n  Background:\n    Given a state\n", "it holds no scenario"),
        ("Feature: F\n  Scenario: S\n    Then it holds\n  nonsense\nFeature: G\n", ""),
        ("Scenario: S\n", ""),
    ],
)
def test_a_file_without_a_scenario_is_broken(tmp_path: Path, text: str, reason: str) -> None:
    """A promise that cannot be read is not skipped in silence."""
    path = write(tmp_path, "a/b.feature", text)
    inventory = read_inventory(tmp_path)
    assert list(inventory.broken) == [path.resolve()]
    assert reason in inventory.broken[path.resolve()]
    assert inventory.broken[path.resolve()]


def test_a_file_that_is_no_text_is_broken(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are named, and the other files are still read."""
    (tmp_path / "bad.feature").write_bytes(b"\xff\xfe")
    write(tmp_path, "good.feature", "Feature: F\n  Scenario: S\n    Then it holds\n")
    inventory = read_inventory(tmp_path)
    assert [path.name for path in inventory.broken] == ["bad.feature"]
    assert [planned.id for planned in inventory.planned] == ["good: S"]


def test_no_folder_holds_nothing(tmp_path: Path) -> None:
    """A folder that is not there promises nothing."""
    assert read_inventory(tmp_path / "features").planned == ()


@pytest.mark.parametrize(
    ("title", "example", "expected"),
    [
        ("plain", {}, "plain"),
        ("<lang> has mains", {"lang": "Go"}, "Go has mains"),
        ("mains", {"lang": "Go", "word": "main"}, "mains {lang=Go, word=main}"),
        ("<lang> has mains", {"lang": "Go", "word": "main"}, "Go has mains {lang=Go, word=main}"),
    ],
)
def test_a_row_is_in_the_id(title: str, example: dict[str, str], expected: str) -> None:
    """Rows of an outline differ in their ids, whatever the title mentions."""
    assert identifier(title, example) == expected


def test_repeated_ids_are_numbered() -> None:
    """The first keeps its id."""
    assert unique(["a", "b", "a", "a"]) == ["a", "b", "a #2", "a #3"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [("search/code.feature", "search/code"), ("smoke.feature", "smoke"), ("a/b/c.feature", "a/b/c")],
)
def test_a_place_is_the_path(name: str, shown: str) -> None:
    """The first folder is the area."""
    root = Path("/features")
    assert str(place_of(root / name, root)) == shown


def test_a_file_outside_is_named_by_itself() -> None:
    """A module beside the features still has a place."""
    assert str(place_of(Path("/elsewhere/test_x.py"), Path("/features"))) == "test_x"
