"""What may go of sets, and all that no set needs any more. For the pruner's credentials.

Every moment of the last `keep_days` stays within reach, and so do the newest `keep_at_least` sets. A set's catalogue
goes first: what is half gone is no set any more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stack.recovery import layout
from stack.recovery.catalogue import Catalogue, Verifier
from stack.recovery.errors import RefusedError
from stack.recovery.git import contents as pushes
from stack.recovery.manifests import read_objects, read_refs
from stack.recovery.postgresql import prune as database
from stack.recovery.postgresql.archive import Archive
from stack.recovery.postgresql.contents import look
from stack.recovery.restic import Restic
from stack.recovery.sealed import Sealed
from stack.recovery.sets import Listed, list_sets
from stack.recovery.store import Stored

__all__ = ["Doomed", "prune_sets", "surplus_sets"]

_ABANDONED = timedelta(days=1)
"""Whatever is younger may belong to a backup that is on its way."""


@dataclass
class Doomed:
    """What may go.

    Attributes:
        sets: whole sets, and what is left of those that were never finished.
        kept: sets that stay.
        snapshots: restic's ids.
        objects: everything else, in the order in which it goes.
        database: base backups and WAL.
    """

    sets: list[Listed] = field(default_factory=list)
    kept: list[Catalogue] = field(default_factory=list)
    snapshots: list[str] = field(default_factory=list)
    objects: list[Stored] = field(default_factory=list)
    database: database.Surplus | None = None

    @property
    def count(self) -> int:
        """Objects, without those of restic."""
        return len(self.objects) + (len(self.database.keys) if self.database else 0)

    @property
    def size(self) -> int:
        """Their bytes."""
        return sum(each.size for each in self.objects) + (self.database.size if self.database else 0)


def surplus_sets(archive: Archive, verifier: Verifier, restic: Path, *, now: datetime | None = None) -> Doomed:
    """Find what may go; nothing is deleted.

    Args:
        archive: with the seal key: what a set needs is in its sealed lists.
        verifier: of the public key.
        restic: the program.
        now: by the store's clock.

    Raises:
        RefusedError: a catalogue or a list cannot be trusted, so nobody knows what it needs; or there is no set.
    """
    archive.require()
    now = now or datetime.now(UTC)
    sets = list_sets(archive.bucket, verifier)
    for each in sets:
        if each.trouble is not None:
            raise each.trouble
    good = [each for each in sets if each.catalogue is not None]
    doomed = Doomed()
    doomed.kept = _kept([each.catalogue for each in good if each.catalogue is not None], archive, now)
    if not doomed.kept:
        raise RefusedError("SET_NONE", "No set is complete, so nothing is surplus", on=str(archive.bucket))
    staying = {catalogue.id for catalogue in doomed.kept}
    abandoned = [each for each in sets if each.catalogue is None and _all_old(each.parts, now)]
    doomed.sets = [each for each in good if each.id not in staying] + abandoned
    young = {each.id for each in sets if each.catalogue is None and each not in abandoned}
    gone = {each.id for each in doomed.sets}
    _add_parts(doomed, archive)
    doomed.snapshots = _snapshots(Restic(restic, archive.bucket, archive.key), doomed.kept, young, now)
    _add_contents(doomed, archive, now)
    _add_pushes(doomed, archive, now)
    contents = look(archive)
    needed = {catalogue.base.id for catalogue in doomed.kept}
    doomed.database = database.surplus(archive, contents, now=now, needed=needed)
    doomed.objects += [
        stored for set_id in sorted(gone) if (stored := archive.bucket.head(f"{archive.below}points/er-{set_id}.json"))
    ]
    return doomed


def prune_sets(
    archive: Archive, doomed: Doomed, restic: Path, *, progress: Callable[[str], None] = lambda _: None
) -> None:
    """Delete it.

    Raises:
        StoreError: the store refused, as it must when these are the writer's credentials.
        RefusedError: restic's repository is locked by somebody else.
        BackupError: restic could not delete.
    """
    catalogues = [layout.catalogue(each.id) for each in doomed.sets if each.catalogue is not None]
    progress(f"{len(catalogues)} sets")
    archive.bucket.delete(catalogues)
    if doomed.snapshots:
        progress(f"{len(doomed.snapshots)} snapshots")
        program = Restic(restic, archive.bucket, archive.key)
        program.unlock()
        program.forget(doomed.snapshots)
    progress(f"{doomed.count} objects")
    archive.bucket.delete(stored.key for stored in doomed.objects)
    if doomed.database is not None:
        database.prune(archive, doomed.database)


def _kept(catalogues: list[Catalogue], archive: Archive, now: datetime) -> list[Catalogue]:
    horizon = now - timedelta(days=archive.settings.keep_days)
    old = [each for each in catalogues if each.completed <= horizon]
    # The newest of the old ones is what the moments after it are restored from.
    going = {each.id for each in old[:-1]}
    least = {each.id for each in catalogues[-archive.settings.keep_at_least :]}
    return [each for each in catalogues if each.id not in going or each.id in least]


def _all_old(parts: tuple[Stored, ...], now: datetime) -> bool:
    return all(part.modified < now - _ABANDONED for part in parts)


def _add_parts(doomed: Doomed, archive: Archive) -> None:
    for each in doomed.sets:
        key = layout.catalogue(each.id)
        doomed.objects += [part for part in archive.bucket.list(f"{layout.SETS}{each.id}/") if part.key != key]


def _snapshots(restic: Restic, kept: list[Catalogue], young: set[str], now: datetime) -> list[str]:
    needed = {snapshot.id for catalogue in kept for snapshot in catalogue.snapshots}
    going = []
    for told in restic.snapshots():
        tags = told.get("tags")
        of = next((str(tag)[4:] for tag in tags if str(tag).startswith("set=")), "") if isinstance(tags, list) else ""
        # Only what sets made: another's snapshots in this repository are not ours to delete.
        is_old = datetime.fromisoformat(str(told["time"])) < now - _ABANDONED
        if of and str(told["id"]) not in needed and of not in young and is_old:
            going.append(str(told["id"]))
    return going


def _add_contents(doomed: Doomed, archive: Archive, now: datetime) -> None:
    sealed = Sealed(archive.bucket, archive.key)
    needed = {layout.blob(item.sha256) for catalogue in doomed.kept for item in read_objects(sealed, catalogue)}
    doomed.objects += [
        stored
        for stored in archive.bucket.list(layout.OBJECTS)
        if stored.key not in needed and stored.modified < now - _ABANDONED
    ]


def _add_pushes(doomed: Doomed, archive: Archive, now: datetime) -> None:
    """Pushes up to the oldest kept set are in its snapshots; packs that no later push names go with them."""
    floor = min(catalogue.journal for catalogue in doomed.kept)
    spared = _not_whole(archive, doomed.kept)
    staying: set[int] = set()
    for stored in archive.bucket.list(layout.JOURNAL):
        repository, row = layout.entry_id(stored.key) or (0, floor + 1)
        if row <= floor and repository not in spared:
            doomed.objects.append(stored)
        else:
            staying.add(row)
    left = pushes.read(archive, after=min(staying, default=floor + 1) - 1)
    if left.findings:
        return  # nobody knows which packs the unreadable ones need
    needed = {layout.pack(entry.pack) for entry in left.entries if entry.pack is not None and entry.row in staying}
    doomed.objects += [
        stored
        for stored in archive.bucket.list(layout.PACKS)
        if stored.key not in needed and stored.modified < now - _ABANDONED
    ]


def _not_whole(archive: Archive, kept: list[Catalogue]) -> set[int]:
    """Repositories that a kept set lacks, or lacks something of: the journal may be all that there is of them."""
    sealed = Sealed(archive.bucket, archive.key)
    return {
        item.repository
        for catalogue in kept
        for item in read_refs(sealed, catalogue)
        if not item.shard or f"git/{item.path}" in catalogue.left_out
    }
