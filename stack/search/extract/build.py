"""Puts one file together: decode, detect, find symbols, cut into parts."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, replace

from stack.search.extract.decode import NotText, decode
from stack.search.extract.document import (
    CodeDocument,
    FileFacts,
    FileStatus,
    LastTouch,
    RepositoryFacts,
    display_path,
    file_id,
    part_id,
)
from stack.search.extract.identifiers import identifier_parts, split
from stack.search.extract.language import HEAD_CHARS, is_generated, is_test, is_vendored, language
from stack.search.extract.parts import Part, cut
from stack.search.extract.symbol import Symbol, SymbolSource, SymbolStatus

__all__ = ["DEFAULT_MAX_BYTES", "MAX_PART_SYMBOLS", "build", "status_without_data"]

DEFAULT_MAX_BYTES = 2 * 1024 * 1024
"""Largest file whose content is indexed; the same as Zoekt's."""

MAX_PART_SYMBOLS = 2_000

_SYMLINK = "120000"
_SUBMODULE = "160000"
_NO_TOUCH = LastTouch("", "", 0)
_STATUS_OF_SYMBOLS = {
    SymbolStatus.TIMED_OUT: FileStatus.SYMBOLS_TIMED_OUT,
    SymbolStatus.FAILED: FileStatus.SYMBOLS_FAILED,
}


def status_without_data(file: FileFacts, *, max_bytes: int = DEFAULT_MAX_BYTES) -> FileStatus | None:
    """The status that is clear from the tree alone, so that the blob need not be read; `None` if it must be."""
    if file.mode == _SYMLINK:
        return FileStatus.SYMLINK
    if file.mode == _SUBMODULE:
        return FileStatus.SUBMODULE
    if file.size is not None and file.size > max_bytes:
        return FileStatus.TOO_LARGE
    return None


def build(
    repository: RepositoryFacts,
    file: FileFacts,
    data: bytes | None,
    *,
    branch: str,
    touch: LastTouch | None = None,
    symbols: SymbolSource | None = None,
    problem: FileStatus | None = None,
    max_bytes: int = DEFAULT_MAX_BYTES,
) -> list[CodeDocument]:
    """The documents of one file, at least one: a file without content is still found by its name and its status.

    Args:
        repository: what every document of the repository carries.
        file: the tree entry.
        data: the blob, `None` when it was not read; then `problem` or the tree entry must say why, else the object
            counts as missing.
        branch: the branch that is indexed.
        touch: the newest commit that changed the path.
        symbols: where definitions come from; `None` leaves them out.
        problem: what reading the blob ran into (`MISSING_OBJECT`, `CORRUPT_OBJECT`, `TOO_LARGE`).
        max_bytes: larger blobs are indexed by name only.
    """
    size = file.size if file.size is not None else len(data or b"")
    base = _base(repository, replace(file, size=size), branch=branch, touch=touch or _NO_TOUCH)
    status = problem or status_without_data(replace(file, size=size), max_bytes=max_bytes)
    if status is None and data is None:
        status = FileStatus.MISSING_OBJECT
    if status is not None or data is None:
        named = status not in (FileStatus.SYMLINK, FileStatus.SUBMODULE)
        return [
            replace(base, status=status or FileStatus.MISSING_OBJECT, language=_by_name(base.path) if named else None)
        ]
    if not data:
        return [replace(base, status=FileStatus.EMPTY, language=_by_name(base.path))]
    decoded = decode(data)
    if isinstance(decoded, NotText):
        return [replace(base, status=FileStatus.BINARY)]
    return _with_content(base, decoded.text, encoding=decoded.encoding, lossy=decoded.lossy, source=symbols)


def _by_name(path: str) -> str | None:
    return language(path, "")


def _base(repository: RepositoryFacts, file: FileFacts, *, branch: str, touch: LastTouch) -> CodeDocument:
    path = display_path(file.path)
    identity = file_id(repository.id, file.path)
    return CodeDocument(
        id=part_id(identity, 0),
        file_id=identity,
        repository_id=repository.id,
        path=path,
        basename=path.rpartition("/")[2],
        path_parts=_path_parts(path),
        blob=file.blob,
        mode=file.mode,
        branch=branch,
        language=None,
        status=FileStatus.INDEXED,
        size=file.size or 0,
        is_test=is_test(path),
        is_vendored=is_vendored(path),
        is_generated=is_generated(path, ""),
        last_author=touch.author,
        last_commit=touch.commit,
        last_date=touch.date,
        owner=repository.owner,
        full_name=repository.full_name,
        visibility=repository.visibility,
        stars=repository.stars,
        archived=repository.archived,
        fork=repository.fork,
    )


def _path_parts(path: str) -> tuple[str, ...]:
    """Each component whole, then the parts of each that has several."""
    components = [component for component in path.split("/") if component]
    pieces = [piece for component in components for piece in split(component)]
    return tuple(dict.fromkeys(components + pieces))


def _with_content(
    base: CodeDocument, text: str, *, encoding: str, lossy: bool, source: SymbolSource | None
) -> list[CodeDocument]:
    head = text[:HEAD_CHARS]
    spoken = language(base.path, head)
    status = FileStatus.LOSSY if lossy else FileStatus.INDEXED
    symbols: tuple[Symbol, ...] = ()
    symbols_cut = False
    if source is not None:
        found = source.symbols(base.path, spoken, text)
        symbols, symbols_cut = found.symbols, found.cut
        status = _STATUS_OF_SYMBOLS.get(found.status, status)
    shared = replace(
        base,
        language=spoken,
        status=status,
        encoding=encoding,
        is_generated=base.is_generated or is_generated(base.path, head),
    )
    pieces = _pieces(text, symbols)
    return [
        _part(shared, text, piece, number=number, count=len(pieces), symbols_cut=symbols_cut)
        for number, piece in enumerate(pieces)
    ]


@dataclass(frozen=True, slots=True)
class _Piece:
    part: Part
    symbols: tuple[Symbol, ...]


def _pieces(text: str, symbols: Sequence[Symbol]) -> list[_Piece]:
    """The parts with their symbols; a part with too many symbols is cut again before the line of the first one over."""
    lines = [symbol.line for symbol in symbols]
    pieces: list[_Piece] = []
    parts = cut(text)
    begin = 0
    for number, part in enumerate(parts):
        last = number + 1 == len(parts)
        end = len(lines) if last else bisect.bisect_left(lines, _first_own_line(text, parts[number + 1]))
        while end - begin > MAX_PART_SYMBOLS:
            line = lines[begin + MAX_PART_SYMBOLS]
            middle = bisect.bisect_left(lines, line)
            at = _offset_of(text, part, line)
            if middle == begin or at <= part.start:
                break
            pieces.append(_Piece(replace(part, end=at), tuple(symbols[begin:middle])))
            part = Part(at, part.end, 0, line)  # noqa: PLW2901 - what is left of it
            begin = middle
        pieces.append(_Piece(part, tuple(symbols[begin:end])))
        begin = end
    return pieces


def _first_own_line(text: str, part: Part) -> int:
    """The first line that starts in a part; a line that is cut belongs to the part in which it starts."""
    if part.overlap == 0:
        return part.first_line
    return part.first_line + text.count("\n", part.start, part.start + part.overlap) + 1


def _offset_of(text: str, part: Part, line: int) -> int:
    """Where a line starts, looked for from a part's start."""
    at = part.start
    for _ in range(line - part.first_line):
        at = text.find("\n", at) + 1
    return at


def _part(
    shared: CodeDocument, text: str, piece: _Piece, *, number: int, count: int, symbols_cut: bool
) -> CodeDocument:
    content = text[piece.part.start : piece.part.end]
    kept = piece.symbols[:MAX_PART_SYMBOLS]
    return replace(
        shared,
        id=part_id(shared.file_id, number),
        part=number,
        parts=count,
        first_line=piece.part.first_line,
        overlap=piece.part.overlap,
        content=content,
        symbols=kept,
        symbols_cut=symbols_cut or len(kept) < len(piece.symbols),
        symbol_names=tuple(dict.fromkeys(symbol.name for symbol in kept)),
        definitions=tuple(dict.fromkeys(symbol.text for symbol in kept)),
        identifiers=identifier_parts(content),
    )
