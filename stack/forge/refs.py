"""Reads refs from the files that git keeps them in: a poll over a hundred repositories starts no process.

The layout is that of gitrepository-layout(5) and git-pack-refs(1). Loose refs are read before packed ones: git writes
`packed-refs` before it removes a loose ref, so a ref that is packed in between is found in one or the other.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

__all__ = ["read_ref", "read_refs", "read_symbol"]

_OID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_SYMBOL = re.compile(r"ref:\s*(refs/\S+)\s*")
_INVALID = "refs/heads/.invalid"  # what HEAD holds where refs are not kept in files (reftable)
_DEPTH = 5  # git gives up on symbols of symbols at this depth


def read_symbol(git_dir: Path) -> tuple[str | None, str | None] | None:
    """What HEAD holds: the ref it is a symbol for, or else the commit; `None` when only git itself can tell.

    Raises:
        OSError: there is no HEAD.
    """
    text = (git_dir / "HEAD").read_text("utf-8", "surrogateescape")
    match = _SYMBOL.fullmatch(text)
    if match:
        return None if match[1] == _INVALID else (match[1], None)
    return (None, text.strip()) if _OID.fullmatch(text.strip()) else None


def read_ref(git_dir: Path, ref: str) -> tuple[str | None] | None:
    """The object that one ref names (`None` inside: there is no such ref); `None` when only git itself can tell."""
    for _ in range(_DEPTH):
        try:
            text = (git_dir / ref).read_text("utf-8", "surrogateescape")
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return (_packed(git_dir).get(ref),)
        if _OID.fullmatch(text.strip()):
            return (text.strip(),)
        match = _SYMBOL.fullmatch(text)
        if match is None:
            return None
        ref = match[1]
    return None


def read_refs(git_dir: Path) -> dict[str, str] | None:
    """Every ref and the object it names; `None` when only git itself can tell (a broken or an unusual ref)."""
    loose: dict[str, str] = {}
    base = len(os.fspath(git_dir)) + 1
    for folder, _, names in os.walk(git_dir / "refs"):
        for name in names:
            if name.endswith(".lock"):
                continue
            path = os.path.join(folder, name)  # noqa: PTH118 - os.walk gives strings, and this runs for every ref
            try:
                with open(path, encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123
                    text = file.read().strip()
            except FileNotFoundError:
                continue  # deleted or packed meanwhile
            if not _OID.fullmatch(text):
                return None
            loose[path[base:]] = text
    return dict(sorted({**_packed(git_dir), **loose}.items()))


def _packed(git_dir: Path) -> dict[str, str]:
    try:
        text = (git_dir / "packed-refs").read_text("utf-8", "surrogateescape")
    except FileNotFoundError:
        return {}
    # `#` begins the header, `^` tells what the annotated tag before it names.
    lines = (line.split(" ", 1) for line in text.splitlines() if line and line[0] not in "#^")
    return {name: oid for oid, name in lines}
