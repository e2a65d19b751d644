"""Which features a command line selects by path."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports.selection import select


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


def test_a_path_is_relative_to_where_the_command_was_given(tmp_path: Path) -> None:
    """`pytest .` inside the features folder is the whole of it."""
    features = tmp_path / "features"
    assert select(["."], folder=features, features=features).whole
    assert not select(["."], folder=features / "search", features=features).whole
