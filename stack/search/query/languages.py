"""Language names as people type them in `lang:`."""

from __future__ import annotations

import difflib
from functools import cache

from stack.search.extract.languages import EXTENSIONS, FILE_NAMES, INTERPRETERS, TAGS

__all__ = ["language_name", "language_names", "similar_languages"]

# Told from each other by content only, so no table of names has them.
_BY_CONTENT = (
    "Apex", "Coq", "DTrace", "Forth", "GLSL", "Mathematica", "Mercury", "Objective-C", "PLSQL", "PLpgSQL", "Prolog",
    "QMake", "Raku", "Rebol", "TSQL", "V", "Verilog", "Visual Basic .NET",
)  # fmt: skip

_ALIASES = {
    "bash": "Shell",
    "c++": "C++",
    "cpp": "C++",
    "cs": "C#",
    "csharp": "C#",
    "docker": "Dockerfile",
    "fsharp": "F#",
    "golang": "Go",
    "js": "JavaScript",
    "make": "Makefile",
    "md": "Markdown",
    "node": "JavaScript",
    "objc": "Objective-C",
    "objectivec": "Objective-C",
    "protobuf": "Protocol Buffer",
    "py": "Python",
    "rb": "Ruby",
    "rs": "Rust",
    "sh": "Shell",
    "terraform": "HCL",
    "ts": "TypeScript",
    "yml": "YAML",
}


@cache
def language_names() -> frozenset[str]:
    """Every display name that a file can get."""
    tables = (EXTENSIONS, FILE_NAMES, INTERPRETERS, TAGS)
    return frozenset(name for table in tables for name in table.values()) | frozenset(_BY_CONTENT)


@cache
def _by_typed() -> dict[str, str]:
    names = language_names()
    typed = {extension.lower(): name for extension, name in EXTENSIONS.items()}
    typed |= {alias: name for alias, name in _ALIASES.items() if name in names}
    # A language's own name comes last: it wins over an extension that happens to read the same.
    typed |= {name.lower().replace(" ", "-"): name for name in names}
    return typed | {name.lower(): name for name in names}


def language_name(typed: str) -> str | None:
    """The display name for what was typed: a name, an alias or an extension, in any case; `None` if unknown."""
    return _by_typed().get(typed.lower())


def similar_languages(typed: str) -> list[str]:
    """Up to three display names that read like what was typed."""
    close = difflib.get_close_matches(typed.lower(), _by_typed(), n=6, cutoff=0.6)
    return list(dict.fromkeys(_by_typed()[name] for name in close))[:3]
