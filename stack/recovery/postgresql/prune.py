"""What may go: base backups past their time, and WAL that no other needs. For the pruner's credentials."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from stack.recovery.errors import RefusedError
from stack.recovery.postgresql.archive import Archive
from stack.recovery.postgresql.contents import BaseBackup, Contents

__all__ = ["Surplus", "prune", "surplus"]

_ABANDONED = timedelta(days=1)  # an unfinished base backup, or an upload in parts: nobody works on it any more


@dataclass(frozen=True)
class Surplus:
    """What may go.

    Attributes:
        backups: base backups whose points are all past their time, and abandoned ones.
        keys: every object to delete, below the server's folder.
        size: bytes of them.
    """

    backups: list[BaseBackup]
    keys: list[str]
    size: int


def surplus(
    archive: Archive, contents: Contents, *, now: datetime | None = None, needed: Collection[str] = ()
) -> Surplus:
    """Find what may go: every point of the last `keep_days` stays within reach, and so do `keep_at_least` backups.

    Args:
        archive: whose.
        contents: of it.
        now: by the store's clock.
        needed: ids of base backups that sets are restored from; they stay.

    Raises:
        RefusedError: no base backup is complete, so there is nothing that would make another one surplus.
    """
    if not contents.complete:
        raise RefusedError("BASE_NONE", "No base backup is complete, so nothing is surplus", on=archive.where)
    now = now or datetime.now(UTC)
    horizon = now - timedelta(days=archive.settings.keep_days)
    # The newest that ended before the horizon is what its moments are restored from.
    old = [backup for backup in contents.complete if backup.ended is not None and backup.ended <= horizon]
    going = old[:-1] if old else []
    spare = len(contents.complete) - archive.settings.keep_at_least
    going = [backup for backup in going[: max(0, spare)] if backup.id not in needed]
    abandoned = [
        backup
        for backup in contents.backups
        if not backup.done and backup.objects and max(each.modified for each in backup.objects) < now - _ABANDONED
    ]
    staying = [backup for backup in contents.complete if backup not in going]
    keys = [stored.key for backup in (*going, *abandoned) for stored in backup.objects]
    keys += [f"inventories/{backup.id}.json" for backup in going]
    oldest = min((backup.begin.number for backup in staying if backup.begin is not None), default=0)
    old_wal = [stored for segment, stored in contents.segments.items() if segment.number < oldest]
    chunks = [
        chunk.stored
        for segment, found in contents.chunks.items()
        # Once the segment is archived as a whole, its pieces are of no use.
        if segment.number < oldest or segment in contents.segments
        for chunk in found
    ]
    keys += [stored.key for stored in (*old_wal, *chunks)]
    sizes = {stored.key: stored.size for backup in contents.backups for stored in backup.objects}
    sizes |= {stored.key: stored.size for stored in (*old_wal, *chunks)}
    return Surplus([*going, *abandoned], keys, sum(sizes.get(key, 0) for key in keys))


def prune(archive: Archive, found: Surplus) -> int:
    """Delete it, `backup.info` first: what is half gone is no backup any more. How many objects went."""
    first = [key for key in found.keys if key.endswith("/backup.info")]
    rest = [key for key in found.keys if not key.endswith("/backup.info")]
    return archive.bucket.delete(archive.below + key for key in (*first, *rest))
