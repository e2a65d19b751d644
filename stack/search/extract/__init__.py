"""Bytes and records to search documents: pure text work, no git, no engine, no network."""

from __future__ import annotations

from stack.search.extract.build import DEFAULT_MAX_BYTES, build, status_without_data
from stack.search.extract.document import (
    CodeDocument,
    FileFacts,
    FileStatus,
    LastTouch,
    RepositoryFacts,
    file_id,
    part_id,
)
from stack.search.extract.identifiers import index_word, split
from stack.search.extract.symbol import Symbol, Symbols, SymbolSource, SymbolStatus

__all__ = [
    "DEFAULT_MAX_BYTES",
    "CodeDocument",
    "FileFacts",
    "FileStatus",
    "LastTouch",
    "RepositoryFacts",
    "Symbol",
    "SymbolSource",
    "SymbolStatus",
    "Symbols",
    "build",
    "file_id",
    "index_word",
    "part_id",
    "split",
    "status_without_data",
]
