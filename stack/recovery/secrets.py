"""The forge's secrets in a set: a snapshot of the files that were named, and fingerprints of the keys in them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from reports.verdict import Finding
from stack.recovery.catalogue import Catalogue, Snapshot
from stack.recovery.restic import Restic
from stack.recovery.rules import broken

__all__ = ["SECRETS", "fingerprints", "restore", "take"]

SECRETS = "secrets"
_ROOT = Path("/")
_MOST = 64 << 10  # bytes; a key file is small
_KEY_CHARACTERS = 44  # 32 bytes in base64


def take(
    restic: Restic, paths: Sequence[Path], *, server: str, set_id: str, apart: str
) -> tuple[Snapshot | None, list[Finding]]:
    """Snapshot the files that were named.

    Args:
        restic: where to.
        paths: files and folders.
        server: the forge's name in the archive.
        set_id: of the set.
        apart: who else keeps them, when none are named.

    Raises:
        BackupError: they could not be saved.
    """
    findings = [broken("SECRETS_MISSING", f"{path} is not there") for path in paths if not path.exists()]
    there = [path.absolute() for path in paths if path.exists()]
    if not there:
        if apart and not findings:
            return None, [broken("SECRETS_KEPT_APART", f"they are kept by {apart}")]
        return None, findings or [broken("SECRETS_MISSING", "none are named, and nobody is said to keep them")]
    saved = restic.backup(
        [str(path.relative_to(_ROOT)) for path in there],
        root=_ROOT,
        host=f"{server}-{SECRETS}",
        tags=(f"set={set_id}", f"kind={SECRETS}"),
    )
    findings += [broken("SECRETS_MISSING", f"{each.item}: {each.reason}") for each in saved.troubles]
    return Snapshot(id=saved.id, kind=SECRETS, shard="", bytes=saved.bytes, added=saved.added), findings


def fingerprints(paths: Sequence[Path]) -> dict[str, str]:
    """Of each key in key files (lines `id base64`): `vault/<id>` to the first 16 hex digits of its sha256."""
    found = {}
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            for name, key in _keys(file):
                found[f"vault/{name}"] = hashlib.sha256(key.encode()).hexdigest()[:16]
    return found


def restore(restic: Restic, catalogue: Catalogue, into: Path) -> list[Path]:
    """Bring the secrets of a set back below `into`, under the paths that they had; the files that came.

    Raises:
        BackupError: they could not be restored whole.
    """
    before = set(into.rglob("*")) if into.exists() else set()
    for snapshot in catalogue.snapshots:
        if snapshot.kind == SECRETS:
            restic.restore(snapshot.id, into)
    return sorted(path for path in set(into.rglob("*")) - before if path.is_file())


def _keys(file: Path) -> list[tuple[str, str]]:
    try:
        if not file.is_file() or file.stat().st_size > _MOST:
            return []
        lines = [line.split() for line in file.read_text("ascii").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError):
        return []
    if all(len(line) == 2 and len(line[1]) == _KEY_CHARACTERS for line in lines):  # noqa: PLR2004 - id and key
        return [(line[0], line[1]) for line in lines]
    return []
