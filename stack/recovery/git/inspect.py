"""Judges the pushes in a bucket: every one that must be there is, whole, and follows the one before it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from reports.verdict import Finding
from stack.forge.errors import GitError
from stack.recovery import layout
from stack.recovery.errors import RecoveryError
from stack.recovery.git import contents, ledger, packs
from stack.recovery.git.contents import Held, Read
from stack.recovery.git.journal import Entry
from stack.recovery.git.ledger import Key
from stack.recovery.postgresql.archive import Archive
from stack.recovery.rules import broken

__all__ = ["behind", "check", "shipped"]

_SKEW = timedelta(minutes=5)  # more than clocks differ that somebody looks after, and than a pack takes to go up


def check(
    archive: Held,
    *,
    floor: int = 0,
    known: Mapping[Key, int] | None = None,
    deep: bool = False,
) -> list[Finding]:
    """Compare the journal in the bucket with what must be there; nothing but bucket and key is asked.

    Args:
        archive: whose.
        floor: entries up to this row may have been pruned, since every set that is kept holds their pushes.
        known: the newest row of each git repository that must be there, as a catalogue or a database says.
        deep: read and index every pack; its size is compared otherwise.
    """
    try:
        read = contents.read(archive, after=floor)
        sizes = {stored.key: stored.size for stored in archive.bucket.list(layout.PACKS)}
    except RecoveryError as error:
        return [broken(error.rule, str(error))]
    findings = [*read.findings, *_chains(archive, read, floor, known or {}), *_clocks(archive, read)]
    needed = {entry.pack: entry for entry in read.entries if entry.pack is not None}
    for sha256, entry in needed.items():
        size = sizes.get(layout.pack(sha256))
        where = f"{archive.bucket}/{layout.pack(sha256)}, of {_shown(entry)}"
        if size is None:
            findings.append(broken("PACK_MISSING", where))
        elif size != (wanted := contents.sealed_size(entry.pack_bytes)):
            findings.append(broken("PACK_DAMAGED", f"{where}, has {size} bytes; it had {wanted}"))
        elif deep:
            findings += _opened(archive, [each for each in read.entries if each.pack == sha256], where)
    return findings


def shipped(archive: Held, conninfo: str, *, floor: int = 0) -> list[Finding]:
    """Compare the bucket with the rows after `floor` that the database says are shipped.

    Raises:
        StoreError: the store did not answer.
    """
    with psycopg.connect(conninfo) as db:
        rows = db.execute(
            "SELECT repository_id, id FROM push_journal WHERE shipped_at IS NOT NULL AND id > %s ORDER BY id", (floor,)
        ).fetchall()
    there = {layout.entry_id(stored.key) for stored in contents.stored(archive)}
    return [
        broken("JOURNAL_GAP", f"{archive.bucket}/{layout.entry(*row)} was shipped, and is not there")
        for row in rows
        if row not in there
    ]


def behind(archive: Archive, conninfo: str) -> list[Finding]:
    """Whether pushes wait for longer than `[recovery] ship_stale_after`."""
    with psycopg.connect(conninfo) as db:
        left = ledger.backlog(db)
    if left.lag <= archive.settings.ship_stale_after:
        return []
    return [broken("JOURNAL_BEHIND", f"{left.rows} pushes wait, the oldest for {left.lag:.0f} s")]


def _chains(archive: Held, read: Read, floor: int, known: Mapping[Key, int]) -> list[Finding]:
    findings = []
    newest: dict[Key, int] = {}
    for entry in read.entries:
        key = (entry.repository, entry.is_wiki)
        before = newest.get(key)
        newest[key] = entry.row
        expected = entry.previous if entry.previous is not None and entry.previous > floor else None
        if expected != before and expected not in read.damaged:  # that loss is told by its own rule
            lost = layout.entry(entry.repository, expected) if expected else f"what came before {_shown(entry)}"
            findings.append(broken("JOURNAL_GAP", f"{archive.bucket}/{lost} is not there, though {_shown(entry)} is"))
    for key, row in known.items():
        if row > floor and newest.get(key, 0) < row and row not in read.damaged:
            where = f"{archive.bucket}/{layout.entry(key[0], row)}"
            findings.append(broken("JOURNAL_GAP", f"{where} must be there, and is not"))
    return findings


def _clocks(archive: Held, read: Read) -> list[Finding]:
    """Restores to a time choose by these times. What is copied to another bucket is younger there, and never older."""
    findings = []
    for entry in read.entries:
        stored = read.stored[entry.row]
        if entry.shipped - stored.modified > _SKEW or entry.accepted - entry.shipped > _SKEW:
            message = f"{archive.bucket}/{stored.key} says {entry.shipped}, the store {stored.modified}"
            findings.append(broken("JOURNAL_CLOCK", message, evidence=f"accepted {entry.accepted}"))
    return findings


def _opened(archive: Held, entries: list[Entry], where: str) -> list[Finding]:
    sha256 = entries[0].pack or ""
    with TemporaryDirectory(prefix="engineroom-") as folder:
        try:
            path = contents.fetcher(archive, Path(folder))(sha256)
        except RecoveryError as error:
            return [broken(error.rule, where, evidence=str(error))]
        news = [[move.new for move in entry.moves if move.new is not None] for entry in entries]
        width = max((len(oid) // 2 for oids in news for oid in oids), default=20)
        try:
            index = packs.index(path, width)
        except GitError as error:
            return [broken("PACK_DAMAGED", where, evidence=str(error))]
    return [
        broken("PACK_DAMAGED", f"{where}, holds nothing that this push names: it is another's", evidence=_shown(entry))
        for entry, oids in zip(entries, news, strict=True)
        if not any(oid in index for oid in oids)
    ]


def _shown(entry: Entry) -> str:
    name = f"{entry.owner}/{entry.name}{'.wiki' if entry.is_wiki else ''}"
    return f"row {entry.row} of {name}"
