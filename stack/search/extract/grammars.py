"""The languages that tree-sitter grammars read because universal-ctags 5.9 has no parser for them."""

from __future__ import annotations

import sys
from pathlib import Path

__all__ = ["arguments", "file_name", "kind"]

_GRAMMARS = {
    "Groovy": "groovy",
    "HCL": "hcl",
    "Scala": "scala",
    "Swift": "swift",
    "Zig": "zig",
}


def arguments() -> list[str]:
    """The command line of the worker, in the Python that runs now."""
    return [sys.executable, "-P", str(Path(__file__).with_name("grammar_worker.py"))]


def file_name(language: str | None) -> str | None:
    """The name under which a text of this language is handed to the worker, `None` when it has no grammar for it."""
    grammar = _GRAMMARS.get(language or "")
    return grammar and f"x.{grammar}"


def kind(language: str | None, name: str, around: str = "") -> str | None:
    """The kind itself: our queries use our names, and a block of HCL is of the kind that it says.

    Args:
        language: display name, of no consequence here.
        name: the capture's name.
        around: kind of the enclosing definition, of no consequence here.
    """
    del language, around
    return name
