"""One file of a repository as search documents: one document per part of its text."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from stack.search.extract.status import FileStatus
from stack.search.extract.symbol import Symbol

__all__ = [
    "CodeDocument",
    "FileFacts",
    "FileStatus",
    "LastTouch",
    "RepositoryFacts",
    "display_path",
    "file_id",
    "part_id",
]

_FILE_DIGITS = 48  # 192 bits: no collision among any number of files a forge can hold
_PART_DIGITS = 6


@dataclass(frozen=True, slots=True)
class RepositoryFacts:
    """What every document of a repository carries.

    Args:
        id: the forge's number; ids of documents hang on it, never on names.
        owner: user or organisation name.
        name: repository name without its owner.
        visibility: `public` or `private`.
        stars: tie-breaker in ranking.
        archived: read-only repository.
        fork: made as a copy of another one.
    """

    id: int
    owner: str
    name: str
    visibility: str = "public"
    stars: int = 0
    archived: bool = False
    fork: bool = False

    @property
    def full_name(self) -> str:
        """`owner/name`."""
        return f"{self.owner}/{self.name}"


@dataclass(frozen=True, slots=True)
class FileFacts:
    """One entry of the indexed tree: raw path, git mode (`100644`, `120000`, `160000`), object id, bytes if known."""

    path: bytes
    mode: str
    blob: str
    size: int | None = None


@dataclass(frozen=True, slots=True)
class LastTouch:
    """The newest commit that changed a path: author's name, commit id, author date in seconds since 1970."""

    author: str
    commit: str
    date: int


@dataclass(frozen=True, slots=True)
class CodeDocument:
    """One part of one file, as an engine stores it.

    Args:
        id: hexadecimal, 54 characters: `file_id` and the part number; stable while repository id and path stay.
        repository_id: the forge's number.
        path: for people; bytes that are not UTF-8 are shown as U+FFFD (the id is made of the raw bytes).
        basename: last component of `path`.
        path_parts: components of `path`, and the split parts of each, distinct, lower-cased where split.
        blob: object id (of the commit, for a submodule).
        mode: git mode.
        branch: the branch this is indexed from.
        language: display name, `None` when unknown.
        status: what became of the file.
        encoding: what the text was decoded from, `""` without content.
        size: bytes of the blob; 0 when unknown.
        part: 0-based number of this part.
        parts: how many parts the file has.
        first_line: 1-based line number of the first character of `content`.
        overlap: characters at the start of `content` that repeat the end of the part before.
        content: the text of this part, verbatim (only a byte order mark is left out).
        symbols: definitions whose line starts in this part.
        symbols_cut: the file has more definitions than are kept.
        symbol_names: their distinct names.
        definitions: their distinct lines.
        identifiers: lower-cased parts of compound identifiers, and heads of words too long for an engine.
        is_test: by its path.
        is_vendored: by its path.
        is_generated: by its path or first lines.
        last_author: author's name of the last change, `""` when unknown.
        last_commit: its commit id.
        last_date: its author date in seconds since 1970, 0 when unknown.
        owner: owner's name.
        full_name: `owner/name`.
        visibility: `public` or `private`.
        stars: of the repository.
        archived: of the repository.
        fork: of the repository.
    """

    id: str
    file_id: str
    repository_id: int
    path: str
    basename: str
    path_parts: tuple[str, ...]
    blob: str
    mode: str
    branch: str
    language: str | None
    status: FileStatus
    encoding: str = ""
    size: int = 0
    part: int = 0
    parts: int = 1
    first_line: int = 1
    overlap: int = 0
    content: str = field(default="", repr=False)
    symbols: tuple[Symbol, ...] = field(default=(), repr=False)
    symbols_cut: bool = False
    symbol_names: tuple[str, ...] = field(default=(), repr=False)
    definitions: tuple[str, ...] = field(default=(), repr=False)
    identifiers: tuple[str, ...] = field(default=(), repr=False)
    is_test: bool = False
    is_vendored: bool = False
    is_generated: bool = False
    last_author: str = ""
    last_commit: str = ""
    last_date: int = 0
    owner: str = ""
    full_name: str = ""
    visibility: str = "private"
    stars: int = 0
    archived: bool = False
    fork: bool = False


def file_id(repository_id: int, path: bytes) -> str:
    """The id of a file, 48 hexadecimal digits: a hash of the repository's number and the raw path."""
    return hashlib.sha256(b"code\0%d\0%b" % (repository_id, path)).hexdigest()[:_FILE_DIGITS]


def part_id(file: str, part: int) -> str:
    """The id of one part of a file: the file's id and the part number in 6 hexadecimal digits.

    The ids of all parts can be told from the file's id and their number, so parts that fall away are deleted by id.
    """
    return f"{file}{part:0{_PART_DIGITS}x}"


def display_path(path: bytes) -> str:
    """A path for people and for searching; bytes that are not UTF-8 become U+FFFD."""
    return path.decode("utf-8", "replace")
