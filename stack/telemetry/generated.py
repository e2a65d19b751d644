"""Files that are generated and committed: writing them, and saying where they differ."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

__all__ = ["differences", "write"]


def differences(folder: Path, files: Mapping[str, str], pattern: str) -> list[str]:
    """What is missing, out of date or left over in a folder, one line each.

    Args:
        folder: where the files are committed.
        files: name -> what it must hold.
        pattern: which other files in the folder are left over (`*.json`).
    """
    found = []
    for name, text in files.items():
        path = folder / name
        if not path.exists():
            found.append(f"{path} is missing")
        elif path.read_text(encoding="utf-8") != text:
            found.append(f"{path} is out of date")
    found += [f"{path} is left over" for path in sorted(folder.glob(pattern)) if path.name not in files]
    return found


def write(folder: Path, files: Mapping[str, str], pattern: str) -> list[str]:
    """Bring a folder up to date; returns what was changed, one line each."""
    changed = differences(folder, files, pattern)
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob(pattern):
        if path.name not in files:
            path.unlink()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return changed
