"""Reads everything that sets hold: each content is opened and compared with its digest, each snapshot by restic."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from reports.verdict import Finding
from stack.recovery import layout
from stack.recovery.catalogue import Catalogue
from stack.recovery.errors import RefusedError, StoreError
from stack.recovery.manifests import read_objects
from stack.recovery.postgresql.archive import Archive
from stack.recovery.restic import Restic
from stack.recovery.rules import broken, told
from stack.recovery.sealed import Sealed
from stack.recovery.sealing import SealError

__all__ = ["check_blobs", "check_deep", "check_restic"]

_AT_ONCE = 4


def check_deep(
    archive: Archive,
    catalogues: Iterable[Catalogue],
    restic: Path,
    *,
    progress: Callable[[str], None] = lambda _: None,
) -> list[Finding]:
    """Open contents and snapshots of some sets; what is missing altogether `check_set` has told already.

    Args:
        archive: with the seal key.
        catalogues: the sets.
        restic: the program.
        progress: told what is done.
    """
    progress("contents of the object store")
    findings = check_blobs(Sealed(archive.bucket, archive.key), catalogues)
    progress("snapshots")
    return findings + check_restic(Restic(restic, archive.bucket, archive.key))


def check_blobs(sealed: Sealed, catalogues: Iterable[Catalogue]) -> list[Finding]:
    """Open every content that some sets name."""
    wanted: dict[str, str] = {}
    for catalogue in catalogues:
        try:
            wanted |= {item.sha256: item.key for item in read_objects(sealed, catalogue)}
        except RefusedError:
            continue  # a list that cannot be read is told by `check_set`
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = pool.map(lambda item: _blob(sealed, *item), sorted(wanted.items()))
        return [finding for finding in answers if finding is not None]


def check_restic(restic: Restic, *, read: bool = True) -> list[Finding]:
    """Let restic read every pack of its repository, or only see that index, trees and packs fit together."""
    try:
        said = restic.check(read=read)
    except RefusedError as error:
        return [told(error)]
    if said is None:
        return []
    return [broken("SNAPSHOT_DAMAGED", restic.where, evidence=said)]


def _blob(sealed: Sealed, sha256: str, key: str) -> Finding | None:
    name = layout.blob(sha256)
    where = f"{sealed.bucket}/{name}, the content of {key}"
    try:
        found = sealed.digest(name)
    except SealError as error:
        rule = "KEY_WRONG" if error.reason == "other_key" else "BLOB_DAMAGED"
        return broken(rule, where, evidence=str(error))
    except StoreError as error:
        if error.got in {"NoSuchKey", "404", "NotFound"}:
            return None  # told by `check_set`
        raise
    return None if found == sha256 else broken("BLOB_DAMAGED", f"{where} has another digest", evidence=found)
