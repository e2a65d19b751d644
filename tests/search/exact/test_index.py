"""The index against the plain truth: what has the text is a candidate, what may not be named is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stack.search.exact import (
    EVERYTHING,
    NOTHING,
    AllowedRepos,
    ExactIndex,
    ExactIndexError,
    IndexBusyError,
    Matcher,
    digest_of,
    literal_query,
)
from stack.search.exact import build as build_module
from stack.search.query import Case, Literal, parse
from stack.search.textmatch import grams_of
from tests.search.exact.regexes import ALPHABET

BLOB = "0123456789abcdef0123456789abcdef01234567"


def name(number: int) -> str:
    """A file id like the real ones."""
    return f"{number:048x}"


def filled(folder: Path, texts: list[str], *, repositories: int = 3) -> ExactIndex:
    """An index of these texts; text n belongs to repository n modulo `repositories`."""
    index = ExactIndex(folder)
    with index.writer() as writer:
        for number, text in enumerate(texts):
            writer.add(name(number), number % repositories, BLOB, text)
        writer.commit()
    return index


def found(index: ExactIndex, query: str, repositories: AllowedRepos | None = None) -> set[int]:
    """Numbers of the candidates."""
    return {int(each.file_id, 16) for each in index.candidates(grams_of(parse(query).root), repositories)}


TEXTS = [
    "fn main() { p->next = std::vector; }",
    'func main() {\n\tconsole.log("hello")\n}',
    "WWV_FLOW_WEBSERVICES_API",
    "测试 中文 code",
    "#include <stdio.h>\r\nint x == y;",
    "list_users vlan 699",
    "",
    "ab",
    "x" * 5000 + "needle",
    "->",
]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "documents"),
    [
        ('"->"', {0, 9}),
        ("std::vector", {0}),
        ('"console.log(\\"hello\\")"', {1}),
        ('"webservice"', {2}),
        ('"WEBSERVICE"', {2}),
        ('"中文"', {3}),
        ('"中"', {3}),
        ('"#include <stdio.h>"', {4}),
        ('"stdio.h>\nint"', {4}),
        ("==", {4}),
        ('"ist_use"', {5}),
        ('"699"', {5}),
        ('"ab"', {7}),
        ('"b"', {2, 7}),
        ("/x{3,}needle$/", {8}),
        ("/fn|func/", {0, 1}),
        ('"nowhere"', set()),
        ('("->" or "#include")', {0, 4, 9}),
        ("main", {0, 1}),
        ("lang:go", set(range(10))),
        ('-"->"', set(range(10))),
    ],
)
def test_candidates(tmp_path: Path, query: str, documents: set[int]) -> None:
    """Short texts, punctuation, other scripts, ends of files; what can't be narrowed down is everything."""
    assert found(filled(tmp_path, TEXTS), query) == documents


def test_a_candidate_says_where_its_text_is(tmp_path: Path) -> None:
    """File, repository and blob, as they were given."""
    index = ExactIndex(tmp_path)
    with index.writer() as writer:
        writer.add("ab" * 32, -5, "cd" * 32, "text")
        writer.add("00", 2**62, "e0" * 10 + "00", "text")
        writer.commit()
    got = {(each.file_id, each.repository_id, each.blob) for each in index.candidates(EVERYTHING, None)}
    assert got == {("ab" * 32, -5, "cd" * 32), ("00", 2**62, "e0" * 10 + "00")}


def test_repositories_that_are_not_allowed_are_never_named(tmp_path: Path) -> None:
    """Neither by name nor by number, with lists of both kinds."""
    index = filled(tmp_path, ["needle"] * 9)
    query = literal_query("needle")
    for allowed, ids in [
        (AllowedRepos.only([1]), {1, 4, 7}),
        (AllowedRepos.only([]), set()),
        (AllowedRepos.all_but([0, 2]), {1, 4, 7}),
        (AllowedRepos.all_but([]), set(range(9))),
        (AllowedRepos.only([99]), set()),
    ]:
        assert found(index, '"needle"', allowed) == ids
        assert index.count(query, allowed) == len(ids)
        assert found(index, "lang:go", allowed) == ids


def test_nothing_and_everything(tmp_path: Path) -> None:
    """The two ends of the scale."""
    index = filled(tmp_path, TEXTS)
    assert list(index.candidates(NOTHING, None)) == []
    assert index.count(EVERYTHING, None) == len(index) == len(TEXTS)


def test_an_empty_index_answers(tmp_path: Path) -> None:
    """With nothing."""
    index = ExactIndex(tmp_path / "new" / "folder")
    assert found(index, '"x"') == set()
    assert len(index) == 0
    assert index.digest() == digest_of([])
    assert index.generation == ""


@pytest.mark.parametrize("identifier", ["", "xyz", "abc", "AB", "a b ", "ab" * 33, "é"])
def test_a_bad_id_is_refused(tmp_path: Path, identifier: str) -> None:
    """Before anything is written."""
    with ExactIndex(tmp_path).writer() as writer, pytest.raises(ExactIndexError, match="hexadecimal"):
        writer.add(identifier, 1, BLOB, "text")


def test_replacing_a_document(tmp_path: Path) -> None:
    """Only the newest text is found: within a batch, within a commit, and over commits and merges."""
    index = filled(tmp_path, ["old one", "other"])
    with index.writer() as writer:
        writer.add(name(0), 7, BLOB, "middle one")
        writer.add(name(0), 8, BLOB, "newest one")
        writer.commit()
    for _ in range(2):
        assert found(index, '"old"') == set()
        assert found(index, '"middle"') == set()
        assert found(index, '"newest"') == {0}
        assert [each.repository_id for each in index.candidates(literal_query("newest"), None)] == [8]
        assert len(index) == 2
        index.compact()
    assert len(index.snapshot().segments) == 1


def test_removing_documents(tmp_path: Path) -> None:
    """They are gone for this reader, for the next one, and after merging; added again, they are back."""
    index = filled(tmp_path, TEXTS)
    assert index.remove([name(0), name(1), name(0), name(99)]) == 2
    assert index.remove([name(0)]) == 0
    assert found(index, '"main"') == set()
    assert set(ExactIndex(tmp_path).file_ids()) == {name(number) for number in range(2, len(TEXTS))}
    index.compact()
    assert found(ExactIndex(tmp_path), '"main"') == set()
    with index.writer() as writer:
        writer.add(name(0), 0, BLOB, "main")
        writer.commit()
    assert found(index, '"main"') == {0}


def test_removing_what_was_just_added(tmp_path: Path) -> None:
    """In the order of the calls."""
    index = ExactIndex(tmp_path)
    with index.writer() as writer:
        writer.add(name(1), 1, BLOB, "text")
        assert writer.remove([name(1)]) == 1
        writer.add(name(2), 1, BLOB, "text")
        writer.remove([name(2)])
        writer.add(name(2), 1, BLOB, "text again")
        writer.commit()
    assert found(index, '"text"') == {2}


def test_removing_everything_leaves_no_segment(tmp_path: Path) -> None:
    """And no disk space but the manifest's."""
    index = filled(tmp_path, TEXTS)
    index.remove(name(number) for number in range(len(TEXTS)))
    assert index.snapshot().segments == ()
    assert index.size_bytes() < 1000


def test_many_segments_are_merged(tmp_path: Path) -> None:
    """Their number stays bounded, and nothing changes but that."""
    index = ExactIndex(tmp_path, max_segments=4)
    for number in range(40):
        with index.writer() as writer:
            writer.add(name(number), number, BLOB, f"text number {number} of many")
            writer.remove([name(number - 20)] if number >= 20 else [])
            writer.commit()
        assert len(index.snapshot().segments) <= 4
    assert found(index, '"of many"') == set(range(20, 40))
    assert found(index, '"number 33"') == {33}


def test_a_commit_without_changes_writes_nothing(tmp_path: Path) -> None:
    """The manifest stays the same file."""
    index = filled(tmp_path, TEXTS)
    before = (tmp_path / "manifest.json").stat().st_mtime_ns
    with index.writer() as writer:
        assert writer.commit() == ()
    index.remove([name(77)])
    assert (tmp_path / "manifest.json").stat().st_mtime_ns == before


def test_what_is_not_committed_never_happened(tmp_path: Path) -> None:
    """Left by the end of the block or by an exception."""
    index = filled(tmp_path, TEXTS)
    before = {path.name for path in tmp_path.iterdir()}
    with index.writer() as writer:
        writer.add(name(50), 1, BLOB, "uncommitted")
        writer.remove([name(0)])
    with pytest.raises(ExactIndexError, match="hexadecimal"), index.writer() as writer:
        writer.add("no id", 1, BLOB, "uncommitted")
    assert found(index, '"uncommitted"') == set()
    assert found(index, '"main"') == {0, 1}
    assert {path.name for path in tmp_path.iterdir()} == before


def test_a_closed_writer_refuses(tmp_path: Path) -> None:
    """It no longer holds the lock."""
    with ExactIndex(tmp_path).writer() as writer:
        pass
    with pytest.raises(ExactIndexError, match="closed"):
        writer.add(name(1), 1, BLOB, "text")
    with pytest.raises(ExactIndexError, match="closed"):
        writer.commit()


def test_only_one_writer(tmp_path: Path) -> None:
    """The second one is told at once; reading goes on."""
    index = filled(tmp_path, TEXTS)
    with index.writer() as writer:
        writer.add(name(50), 1, BLOB, "one")
        with pytest.raises(IndexBusyError, match="being written"), ExactIndex(tmp_path).writer():
            pass
        assert found(ExactIndex(tmp_path), '"main"') == {0, 1}
        writer.commit()
    assert found(index, '"one"') == {50}


def test_generation(tmp_path: Path) -> None:
    """Given once, kept through everything, lost with the content."""
    index = ExactIndex(tmp_path)
    assert index.ensure("first") == "first"
    assert index.ensure("second") == "first"
    with index.writer() as writer:
        writer.add(name(1), 1, BLOB, "text")
        writer.commit()
    assert ExactIndex(tmp_path).ensure("third") == "first"
    index.clear()
    assert len(index) == 0
    assert index.generation == ""
    assert index.ensure("fourth") == "fourth"


def test_the_digest_is_that_of_the_state(tmp_path: Path) -> None:
    """Whatever the order and the history."""
    index = filled(tmp_path, TEXTS)
    index.remove([name(3)])
    state = [(name(number), BLOB) for number in reversed(range(len(TEXTS))) if number != 3]
    assert index.digest() == digest_of(state)
    assert index.digest() != digest_of(state[1:])
    assert index.digest() != digest_of([*state[1:], (state[0][0], "ff" * 20)])


def test_a_batch_that_is_full_is_written_before_the_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many segments in one commit, replacements among them, all or nothing."""
    monkeypatch.setattr(build_module, "MAX_DOCUMENTS", 3)
    index = ExactIndex(tmp_path, max_segments=5)
    with index.writer() as writer:
        for turn in ("old", "new"):
            for number in range(20):
                writer.add(name(number), 1, BLOB, f"{turn} text {number}")
        writer.remove([name(7)])
        assert len(index) == 0
        writer.commit()
    assert found(index, '"old text"') == set()
    assert found(index, '"new text"') == set(range(20)) - {7}


def test_slices_and_pieces_fit_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts, postings and merges that are taken in pieces give what they give as a whole."""
    texts = [f"{number} some text {number * 7919} " * 20 for number in range(60)]
    whole = filled(tmp_path / "whole", texts)
    monkeypatch.setattr(build_module, "_PIECE", 64)
    monkeypatch.setattr(build_module, "_SLICE", 50)
    pieces = filled(tmp_path / "pieces", texts[:30])
    with pieces.writer() as writer:
        for number, text in enumerate(texts[30:], 30):
            writer.add(name(number), number % 3, BLOB, text)
        writer.commit()
    pieces.compact()
    assert len(pieces.snapshot().segments) == 1
    for index in (whole, pieces):
        for number in range(60):
            assert number in found(index, f'"{number} some text {number * 7919}"')
    one, other = whole.snapshot().segments[0].segment, pieces.snapshot().segments[0].segment
    assert one.grams.tolist() == other.grams.tolist()
    assert one.lists(0, len(one.grams)).tolist() == other.lists(0, len(other.grams)).tolist()


_TEXT = st.text(alphabet=ALPHABET, max_size=12)
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 9), _TEXT),
        st.tuples(st.just("remove"), st.integers(0, 9), st.just("")),
        st.tuples(st.sampled_from(["commit", "discard", "compact", "reopen"]), st.just(0), st.just("")),
    ),
    max_size=30,
)


@given(steps=_STEPS, literals=st.lists(st.text(alphabet=ALPHABET, min_size=1, max_size=5), min_size=1, max_size=4))
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_after_any_history_the_index_is_the_state(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, str]], literals: list[str]
) -> None:
    """Additions, replacements, removals, commits, aborts, merges and reopenings against a plain dictionary."""
    folder = tmp_path_factory.mktemp("index")
    index = ExactIndex(folder, max_segments=2)
    committed: dict[int, str] = {}
    state = dict(committed)
    writer = index.writer().__enter__()
    for verb, number, text in [*steps, ("commit", 0, "")]:
        if verb == "add":
            writer.add(name(number), number % 3, BLOB, text)
            state[number] = text
        elif verb == "remove":
            assert writer.remove([name(number)]) == (number in state)
            state.pop(number, None)
        elif verb in ("commit", "compact"):
            writer.compact(everything=True) if verb == "compact" else writer.commit()
            committed = dict(state)
        else:
            writer.__exit__(None, None, None)
            state = dict(committed)
            index = ExactIndex(folder, max_segments=2) if verb == "reopen" else index
            writer = index.writer().__enter__()
        assert sorted(index.file_ids()) == sorted(map(name, committed))
    writer.__exit__(None, None, None)
    for literal in literals:
        named = index.candidates(literal_query(literal), AllowedRepos.all_but([1]))
        candidates = {int(each.file_id, 16) for each in named}
        having = {number for number, text in state.items() if Matcher(Literal(literal), Case.NO).occurs(text)}
        assert {number for number in having if number % 3 != 1} <= candidates <= {n for n in state if n % 3 != 1}
