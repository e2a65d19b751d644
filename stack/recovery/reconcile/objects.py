"""Database against the object store: every row's object, its size and its content, and objects without a row."""

from __future__ import annotations

import hashlib

import psycopg

from reports.verdict import Finding
from stack.errors import EngineRoomError
from stack.recovery.forge import ForgeQueries
from stack.recovery.reconcile.place import Objects, Restored
from stack.recovery.rules import broken

__all__ = ["blobs"]

_BLOCK = 1 << 20


def blobs(restored: Restored, queries: ForgeQueries) -> tuple[int, list[Finding]]:
    """C5: each row's object is read whole where the row has a digest; objects without a row are counted."""
    with psycopg.connect(restored.conninfo) as db:
        rows = [(str(what), str(key), size, sha256) for what, key, size, sha256 in queries.rows(db, "blobs")]
    if restored.objects is None:
        if not rows:
            return 0, []
        return 0, [broken("RECONCILE_UNKNOWN", f"{len(rows)} rows name objects, and no object store came back")]
    sizes = restored.objects.sizes()
    findings: list[Finding] = []
    named: set[str] = set()
    read: dict[str, str | Finding] = {}  # two rows may name one object
    for what, key, size, sha256 in rows:
        named.add(key)
        if key not in sizes:
            findings.append(broken("OBJECT_MISSING", f"{key} of {what} is not there"))
        elif size is not None and sizes[key] != size:
            findings.append(broken("OBJECT_DIFFERS", f"{key} of {what} has {sizes[key]} bytes, its row says {size}"))
        elif sha256 is not None:
            if key not in read:
                read[key] = _digest(restored.objects, key)
            if isinstance(read[key], str) and read[key] != sha256:
                findings.append(broken("OBJECT_DIFFERS", f"{key} of {what} has another content than its row says"))
    findings += [each for each in read.values() if isinstance(each, Finding)]
    if orphans := sorted(set(sizes) - named):
        findings.append(broken("OBJECT_ORPHAN", f"{len(orphans)} objects have no row, {orphans[0]} for one"))
    return len(named | set(sizes)), findings


def _digest(objects: Objects, key: str) -> str | Finding:
    digest = hashlib.sha256()
    try:
        with objects.open(key) as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
    except (EngineRoomError, OSError) as error:  # one object that cannot be read hides no other
        return broken("RECONCILE_UNKNOWN", f"{key} could not be read", evidence=str(error))
    return digest.hexdigest()
