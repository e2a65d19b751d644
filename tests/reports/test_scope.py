"""The scope file: what it says, and what is wrong with it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.errors import UsageError
from reports.scope import glob_matches, load_scope, parse_scope

WAIVE = '[[waive]]\nneed = "meilisearch"\nreason = "no binary"\n'


def test_an_empty_file_requires_everything() -> None:
    """Whoever says nothing asks for all of it and waives nothing."""
    scope = parse_scope(b"")
    assert scope.required("search/code: anything [opensearch]")
    assert scope.waivers == ()


def test_only_what_a_glob_fits_is_required() -> None:
    """A glob over ids takes a part."""
    scope = parse_scope(b'requires = ["search/*", "stack/components: the ?eplica catches up"]')
    assert scope.required("search/code: a title [opensearch]")
    assert scope.required("stack/components: the replica catches up")
    assert not scope.required("stack/components: the primary comes back")


def test_an_exclamation_mark_takes_out_again() -> None:
    """`!glob` wins over what was asked for, wherever it stands."""
    scope = parse_scope(b'requires = ["!*meilisearch]", "*"]')
    assert scope.required("search/code: a title [opensearch]")
    assert not scope.required("search/code: a title [meilisearch]")


def test_brackets_are_themselves() -> None:
    """An id can be written as it is read, variant included."""
    assert glob_matches("search/code: a title [opensearch]", "search/code: a title [opensearch]")
    assert not glob_matches("search/code: a title [opensearch]", "search/code: a title o")


@given(st.text())
def test_a_text_without_stars_matches_itself_only_as_a_whole(text: str) -> None:
    """A pattern is anchored at both ends and spans lines."""
    literal = text.replace("*", "").replace("?", "")
    assert glob_matches(literal, literal)
    assert not glob_matches(literal, f"{literal}x")
    assert glob_matches("*", text)


def test_a_waiver_covers_its_need_and_no_other() -> None:
    """A need is waived by name."""
    scope = parse_scope(WAIVE.encode())
    waiver = scope.waiver("meilisearch", "local")
    assert waiver is not None
    assert waiver.reason == "no binary"
    assert scope.waiver("opensearch", "local") is None


def test_a_waiver_may_be_limited_to_a_runtime() -> None:
    """What is waived locally is still needed in the cluster."""
    scope = parse_scope(f'{WAIVE}runtime = "local"\n'.encode())
    assert scope.waiver("meilisearch", "local") is not None
    assert scope.waiver("meilisearch", "cluster") is None


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ('requries = ["*"]', "requries: unknown key"),
        (f"{WAIVE}until = 2025-01-01\n", "waive.0.until: unknown key"),
        ('[[waive]]\nneed = "meilisearch"\n', "waive.0.reason: is missing"),
        ('[[waive]]\nneed = "meilisearch"\nreason = ""\n', "waive.0.reason: must not be empty"),
        ('[[waive]]\nneed = "meilisearch"\nreason = "  \\t "\n', "waive.0.reason: must not be empty"),
        ('[[waive]]\nreason = "no binary"\n', "waive.0.need: is missing"),
        ('requires = "*"', "requires: Input should be a valid list"),
        ("requires = [1]", "requires.0: Input should be a valid string"),
        ('requires = [""]', "requires.0: must not be empty"),
        ("requires = [", "scope.toml"),
        (WAIVE + WAIVE, "meilisearch"),
    ],
)
def test_what_is_wrong_is_named(content: str, named: str) -> None:
    """An error names the key and what is the matter with it."""
    with pytest.raises(UsageError) as caught:
        parse_scope(content.encode())
    assert named in str(caught.value)


def test_bytes_that_are_no_text_are_refused() -> None:
    """A scope file is UTF-8."""
    with pytest.raises(UsageError, match="UTF-8"):
        parse_scope(b'requires = ["\xff"]')


def test_the_same_need_may_be_waived_for_two_runtimes() -> None:
    """Two reasons for two runtimes are no repetition."""
    scope = parse_scope(f'{WAIVE}runtime = "local"\n{WAIVE}runtime = "cluster"\n'.encode())
    assert len(scope.waivers) == 2


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """A run without a scope file has nothing to be measured against."""
    with pytest.raises(UsageError, match="cannot be read") as caught:
        load_scope(tmp_path / "scope.toml")
    assert "commit one" in caught.value.fix


def test_the_digest_is_that_of_the_file(tmp_path: Path) -> None:
    """Anyone can check by sha256sum which scope a run had."""
    path = tmp_path / "scope.toml"
    path.write_bytes(WAIVE.encode())
    assert load_scope(path).digest == hashlib.sha256(WAIVE.encode()).hexdigest()


def test_the_project_s_own_scope_file_is_valid() -> None:
    """What is committed requires everything, and what it waives is what some machine cannot have."""
    scope = load_scope(Path(__file__).parents[2] / "scope.toml")
    assert scope.requires == ("*",)
    assert scope.waiver("meilisearch", "local") is not None
    assert scope.waiver("postgresql", "local") is None
