"""Every file becomes at least one document, with its status."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.search.extract import (
    CodeDocument,
    FileFacts,
    FileStatus,
    LastTouch,
    RepositoryFacts,
    Symbol,
    Symbols,
    SymbolStatus,
    build,
    file_id,
    index_word,
    part_id,
    status_without_data,
)

_REPOSITORY = RepositoryFacts(7, "ada", "engine", visibility="private", stars=3, archived=True)
_TOUCH = LastTouch("Ada Lovelace", "c" * 40, 1_700_000_000)


class _Fixed:
    """Gives the same symbols for every file."""

    def __init__(self, *symbols: Symbol, status: SymbolStatus = SymbolStatus.OK, cut: bool = False) -> None:
        self.answer = Symbols(symbols, status, cut=cut)

    def symbols(self, path: str, language: str | None, text: str) -> Symbols:
        assert path or language or text
        return self.answer


def _build(path: bytes | str, data: bytes | None, *, mode: str = "100644", **more: object) -> list[CodeDocument]:
    raw = path.encode() if isinstance(path, str) else path
    size = None if data is None else len(data)
    facts = FileFacts(raw, mode, "b" * 40, size)
    return build(_REPOSITORY, facts, data, branch="main", touch=_TOUCH, **more)  # type: ignore[arg-type]


def _one(path: bytes | str, data: bytes | None, *, mode: str = "100644", **more: object) -> CodeDocument:
    (document,) = _build(path, data, mode=mode, **more)
    return document


def test_a_source_file() -> None:
    """Content, language, place, people and repository are all in the document."""
    document = _one("src/net/TcpServer.rs", b"fn main() {}\n")
    assert document.status is FileStatus.INDEXED
    assert document.content == "fn main() {}\n"
    assert document.language == "Rust"
    assert document.basename == "TcpServer.rs"
    assert document.path_parts == ("src", "net", "TcpServer.rs", "tcp", "server", "rs")
    assert (document.owner, document.full_name, document.visibility) == ("ada", "ada/engine", "private")
    assert (document.stars, document.archived, document.branch) == (3, True, "main")
    assert (document.last_author, document.last_date) == ("Ada Lovelace", 1_700_000_000)
    assert (document.part, document.parts, document.first_line) == (0, 1, 1)


def test_a_file_over_the_limit_keeps_only_its_name() -> None:
    """A file that grew too large no longer has the content it had, and is found by name."""
    small = _one("a.txt", b"needle1\n")
    large = _one("a.txt", b"needle1\n" * 300_000)
    assert large.id == small.id
    assert large.status is FileStatus.TOO_LARGE
    assert not large.status.has_content
    assert (large.content, large.symbols, large.identifiers) == ("", (), ())
    assert large.basename == "a.txt"
    assert _one("a.txt", None, problem=FileStatus.TOO_LARGE).status is FileStatus.TOO_LARGE


def test_a_large_file_need_not_be_read() -> None:
    """The tree says its size already."""
    assert status_without_data(FileFacts(b"a", "100644", "0" * 40, 3_000_000)) is FileStatus.TOO_LARGE
    assert status_without_data(FileFacts(b"a", "100644", "0" * 40, 3_000), max_bytes=1_000) is FileStatus.TOO_LARGE
    assert status_without_data(FileFacts(b"a", "100644", "0" * 40, 3_000)) is None


def test_a_symlink_is_not_its_target() -> None:
    """A file replaced by a link has no content any more."""
    document = _one("a.txt", b"needle", mode="120000")
    assert (document.status, document.content) == (FileStatus.SYMLINK, "")


def test_a_submodule_is_named() -> None:
    """A commit of another repository does not stop the rest."""
    document = _one("deps/lib", None, mode="160000")
    assert (document.status, document.basename) == (FileStatus.SUBMODULE, "lib")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", FileStatus.EMPTY),
        (b"\x89PNG\r\n\x1a\n\x00\x00", FileStatus.BINARY),
        (b"\xff\xfe" + "wide needle".encode("utf-16-le"), FileStatus.INDEXED),
        ("größe".encode("latin-1"), FileStatus.INDEXED),
        ("größe ".encode() * 9 + b"\xff", FileStatus.LOSSY),
        (b"x" * 5000, FileStatus.INDEXED),
        (None, FileStatus.MISSING_OBJECT),
    ],
)
def test_statuses(data: bytes | None, status: FileStatus) -> None:
    """What became of a file follows from its bytes."""
    document = _one("a.txt", data)
    assert document.status is status
    assert bool(document.content) == status.has_content


def test_a_corrupt_object_is_named() -> None:
    """The problem met while reading is the file's status."""
    assert _one("a.go", None, problem=FileStatus.CORRUPT_OBJECT).status is FileStatus.CORRUPT_OBJECT
    assert _one("a.go", None, problem=FileStatus.CORRUPT_OBJECT).language == "Go"


def test_only_unexpected_statuses_are_problems() -> None:
    """A report names what went wrong, not what is as it should be."""
    problems = {status for status in FileStatus if status.is_problem}
    assert FileStatus.CORRUPT_OBJECT in problems
    assert not problems & {FileStatus.INDEXED, FileStatus.BINARY, FileStatus.TOO_LARGE, FileStatus.SUBMODULE}


@pytest.mark.parametrize(
    "path", ["tests++/a.go", "a b.go", "a#b.go", "100%.go", "测/试.go", "'\"\\.go", "x" * 500 + ".go"]
)
def test_odd_paths(path: str) -> None:
    """Blanks, signs and other alphabets in a path change nothing."""
    document = _one(path, b"package a\n")
    assert document.path == path
    assert document.language == "Go"
    assert re.fullmatch("[0-9a-f]{54}", document.id)


def test_paths_that_are_not_utf8() -> None:
    """They are shown with a replacement, and two that look the same are still two files."""
    first, second = _one(b"a\xff.go", b"package a\n"), _one(b"a\xfe.go", b"package a\n")
    assert first.path == second.path == "a\ufffd.go"
    assert first.id != second.id


@given(st.integers(0, 2**63), st.integers(0, 2**63), st.binary(max_size=40), st.binary(max_size=40))
def test_ids_are_stable_and_distinct(one: int, other: int, path: bytes, another: bytes) -> None:
    """An id hangs on repository and raw path alone; different files never share one, nor do their parts."""
    assert file_id(one, path) == file_id(one, path)
    assert (file_id(one, path) == file_id(other, another)) == ((one, path) == (other, another))
    assert part_id(file_id(one, path), 0) != part_id(file_id(one, path), 1)
    assert re.fullmatch("[0-9a-f]{54}", part_id(file_id(one, path), 65_535))


def test_ids_survive_a_rename_of_the_repository() -> None:
    """Names are not in the id."""
    renamed = RepositoryFacts(7, "bob", "motor")
    facts = FileFacts(b"a.go", "100644", "b" * 40, 1)
    assert build(renamed, facts, b"x", branch="main")[0].id == _one("a.go", b"x").id


def test_the_last_word_of_a_big_file_is_in_a_document() -> None:
    """Two megabytes are cut, not truncated; every part carries the file's name."""
    text = "int value = compute(first, second);\n" * 50_000 + "the_very_last_needle\n"
    documents = _build("big.c", text.encode())
    assert len(documents) > 1
    assert "".join(document.content[document.overlap :] for document in documents) == text
    assert documents[-1].content.endswith("the_very_last_needle\n")
    assert [document.part for document in documents] == list(range(len(documents)))
    assert {document.parts for document in documents} == {len(documents)}
    assert {document.basename for document in documents} == {"big.c"}
    assert len({document.id for document in documents}) == len(documents)
    lines = text.split("\n")
    for document in documents:
        assert document.content.split("\n")[0] == lines[document.first_line - 1]


def test_a_megabyte_on_one_line() -> None:
    """Minified code is cut inside its line, and all of it is kept."""
    text = "a=1;b.c(d);" * 100_000
    documents = _build("app.js", text.encode())
    assert "".join(document.content[document.overlap :] for document in documents) == text
    assert {document.first_line for document in documents} == {1}
    assert documents[0].is_generated


def test_a_word_of_five_thousand_characters() -> None:
    """It is in the content as it stands, and its head among the words for engines that drop long ones."""
    word = "Z9" * 2500
    document = _one("a.txt", f"before {word} after\n".encode())
    assert word in document.content
    assert index_word(word) in document.identifiers


def test_symbols_belong_to_the_part_their_line_starts_in() -> None:
    """Twenty thousand lines with a definition each: every one is in exactly one part, beside its line."""
    lines = [f"int function_{index:05}(int a, int b);" for index in range(20_000)]
    symbols = [Symbol(f"function_{n:05}", "function", n + 1, "", line) for n, line in enumerate(lines)]
    documents = _build("a.h", "\n".join(lines).encode(), symbols=_Fixed(*symbols))
    assert [symbol for document in documents for symbol in document.symbols] == symbols
    for document in documents:
        assert len(document.symbols) <= 2_000
        first, last = document.first_line, document.first_line + document.content.count("\n")
        assert all(first <= symbol.line <= last for symbol in document.symbols)
        assert document.symbol_names == tuple(symbol.name for symbol in document.symbols)
        assert document.definitions == tuple(symbol.text for symbol in document.symbols)
    assert not any(document.symbols_cut for document in documents)


def test_too_many_symbols_on_one_line_are_cut_and_said_so() -> None:
    """What cannot be spread over parts is dropped, but not silently."""
    symbols = [Symbol(f"f{index}", "function", 1, "", "x") for index in range(3_000)]
    document = _one("a.js", b"x\n", symbols=_Fixed(*symbols))
    assert len(document.symbols) == 2_000
    assert document.symbols_cut
    assert _one("a.js", b"x\n", symbols=_Fixed(symbols[0], cut=True)).symbols_cut


def test_symbols_of_a_cut_line_are_in_the_part_where_it_starts() -> None:
    """A definition behind a very long line is not lost at the cut."""
    text = "x" * 300_000 + "\nint f();\n"
    symbols = (Symbol("x", "variable", 1, "", "x"), Symbol("f", "function", 2, "", "int f();"))
    documents = _build("a.c", text.encode(), symbols=_Fixed(*symbols))
    assert [symbol for document in documents for symbol in document.symbols] == list(symbols)
    assert documents[0].symbols == symbols[:1]
    assert documents[-1].symbols == symbols[1:]


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (SymbolStatus.OK, FileStatus.INDEXED),
        (SymbolStatus.UNSUPPORTED, FileStatus.INDEXED),
        (SymbolStatus.TIMED_OUT, FileStatus.SYMBOLS_TIMED_OUT),
        (SymbolStatus.FAILED, FileStatus.SYMBOLS_FAILED),
    ],
)
def test_a_parser_that_fails_costs_only_the_symbols(answer: SymbolStatus, status: FileStatus) -> None:
    """The content stays searchable, and the status says what is missing."""
    document = _one("a.c", b"int main() {}\n", symbols=_Fixed(status=answer))
    assert document.status is status
    assert document.content == "int main() {}\n"


@given(st.binary(max_size=2_000), st.sampled_from(["a.c", "a.md", "x", "a.h"]))
def test_any_file_has_a_document(data: bytes, path: str) -> None:
    """No bytes are skipped silently."""
    documents = _build(path, data)
    assert documents
    assert all(document.status.has_content == bool(document.content) for document in documents)
