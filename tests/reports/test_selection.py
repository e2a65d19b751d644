"""Which features a command line selects by path."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports.errors import UsageError
from reports.selection import collectable, select


@pytest.mark.parametrize(
    ("arguments", "whole", "search", "stack"),
    [
        (["features"], True, True, True),
        (["."], True, True, True),
        (["features/search"], False, True, False),
        (["features/search", "features/stack"], False, True, True),
        (["features/search/code.feature"], False, True, False),
        (["features/search/test_search.py"], False, False, False),
        (["features/search/test_search.py::test_one"], False, False, False),
        (["features/sea"], False, False, False),
        (["features/search", "features"], True, True, True),
    ],
)
def test_paths_cover_what_is_below_them(
    tmp_path: Path, arguments: list[str], whole: bool, search: bool, stack: bool
) -> None:
    """A folder covers its feature files; a test module covers none but those it binds."""
    features = tmp_path / "features"
    selection = select(arguments, folder=tmp_path, features=features)
    assert selection.whole is whole
    assert selection.covers(features / "search" / "code.feature") is search
    assert selection.covers(features / "stack" / "components.feature") is stack


@pytest.fixture
def bound(tmp_path: Path) -> Path:
    """A features folder whose feature files are bound beside them, or by a folder above."""
    for name in ("search/code.feature", "search/deep/more.feature", "search/test_search.py", "stack/test_stack.py"):
        path = tmp_path / "features" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "features"


def test_a_feature_file_is_collected_by_the_folder_that_binds_it(bound: Path) -> None:
    """The nearest one above it that has a module; everything else stays as it was given."""
    arguments = ["features/search/code.feature", "features/search/deep/more.feature", "features/no.feature", "features"]
    search = str(bound / "search")
    assert collectable(arguments, folder=bound.parent, features=bound) == [search, search, *arguments[2:]]


def test_a_feature_file_takes_no_more_than_its_scenarios(bound: Path) -> None:
    """The folder that was collected for it holds others, which are left out unless they were selected too."""
    code, more, module = bound / "search/code.feature", bound / "search/deep/more.feature", bound / "search/test_s.py"
    alone = select(["features/search/code.feature"], folder=bound.parent, features=bound)
    assert alone.takes(module, code)
    assert not alone.takes(module, more)
    assert not alone.takes(module, None)
    with_folder = select(["features/search/code.feature", "features/stack"], folder=bound.parent, features=bound)
    assert with_folder.takes(bound / "stack/test_stack.py", None)
    assert select(["features/search"], folder=bound.parent, features=bound).takes(bound.parent / "elsewhere.py", None)


def test_a_scenario_is_not_selected_by_its_title(bound: Path) -> None:
    """It is said what can be selected."""
    with pytest.raises(UsageError, match="by its title") as refused:
        collectable(["features/search/code.feature::it"], folder=bound.parent, features=bound)
    assert refused.value.fix == "name the file: features/search/code.feature"


def test_a_path_is_relative_to_where_the_command_was_given(tmp_path: Path) -> None:
    """`pytest .` inside the features folder is the whole of it."""
    features = tmp_path / "features"
    assert select(["."], folder=features, features=features).whole
    assert not select(["."], folder=features / "search", features=features).whole
