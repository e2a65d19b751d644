"""What lies in a server's folder of the bucket: base backups, WAL by timeline, the unfinished segment, named points."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from stack.recovery.errors import RefusedError
from stack.recovery.postgresql.archive import Archive
from stack.recovery.postgresql.walfile import SEGMENT_SIZE, Lsn, Segment, lsn, without_suffix
from stack.recovery.sealing import SealError
from stack.recovery.store import Stored

__all__ = ["BaseBackup", "Chunk", "Contents", "Point", "look"]

_DONE = "DONE"
_CHUNK = re.compile(r"partial/([0-9A-F]{24})/([0-9a-f]{8})-([0-9a-f]{8})")
_WAL = re.compile(r"wals/(?:[0-9A-F]{16}/)?([^/]+)")
_BASE = re.compile(r"base/([^/]+)/([^/]+)")
_POINT = re.compile(r"points/(.+)\.json")


@dataclass(frozen=True)
class BaseBackup:
    """One base backup, as Barman's `backup.info` tells of it.

    Attributes:
        id: Barman's, from the time at which it began.
        done: Barman called it done and we wrote its inventory.
        begin: its first segment of WAL; `end` is the last that it needs.
        begin_lsn: where its WAL begins; before `end_lsn` it is not consistent.
        version: PostgreSQL's version number, as in 180006.
        objects: of the bucket, with their sizes.
        inventory: what sizes they had when it was taken.
    """

    id: str
    done: bool
    name: str
    begun: datetime | None
    ended: datetime | None
    begin: Segment | None
    end: Segment | None
    begin_lsn: Lsn
    end_lsn: Lsn
    version: int
    system: int
    objects: tuple[Stored, ...]
    inventory: dict[str, int] = field(default_factory=dict)
    damage: SealError | None = None

    @property
    def size(self) -> int:
        """Bytes in the bucket."""
        return sum(each.size for each in self.objects)


@dataclass(frozen=True)
class Chunk:
    """A piece of a segment that was not finished: the bytes from `first` to before `after`."""

    segment: Segment
    first: int
    after: int
    stored: Stored


@dataclass(frozen=True)
class Point:
    """A named restore point."""

    name: str
    lsn: Lsn
    timeline: int
    time: datetime


@dataclass
class Contents:
    """Everything of one server; keys are below its folder."""

    backups: list[BaseBackup] = field(default_factory=list)
    segments: dict[Segment, Stored] = field(default_factory=dict)
    chunks: dict[Segment, list[Chunk]] = field(default_factory=dict)
    points: dict[str, Point] = field(default_factory=dict)
    others: list[Stored] = field(default_factory=list)

    @property
    def complete(self) -> list[BaseBackup]:
        """Base backups that are done, oldest first."""
        return [backup for backup in self.backups if backup.done]

    @property
    def newest_wal(self) -> Stored | None:
        """The WAL that the store wrote last, finished or not."""
        written = [*self.segments.values(), *(chunk.stored for chunks in self.chunks.values() for chunk in chunks)]
        return max(written, key=lambda each: each.modified, default=None)

    def reach(self, segment: Segment) -> int:
        """Bytes of a segment that the receiver's chunks give from its beginning without a hole."""
        end = 0
        for chunk in sorted(self.chunks.get(segment, ()), key=lambda each: each.first):
            if chunk.first > end:
                break
            end = max(end, chunk.after)
        return end

    def has(self, segment: Segment) -> bool:
        """Whether the whole of a segment is there, archived or in chunks."""
        return segment in self.segments or self.reach(segment) == SEGMENT_SIZE

    def covered(self) -> set[Segment]:
        """Every segment that is there as a whole."""
        return {*self.segments, *(segment for segment in self.chunks if self.has(segment))}

    def gaps(self) -> list[Segment]:
        """Segments that are missing though something after them is there, from the oldest base backup on."""
        covered = self.covered()
        begins = [backup.begin for backup in self.complete if backup.begin is not None]
        first = min((begin.number for begin in begins), default=None)
        if first is None or not covered:
            return []
        present = [segment for segment in covered if segment.number >= first]
        # Unfinished, but there: what is before it must be whole.
        started = [segment for segment in self.chunks if segment.number >= first]
        by_timeline: dict[int, set[int]] = {}
        for segment in [*present, *started]:
            by_timeline.setdefault(segment.timeline, set()).add(segment.number)
        missing = _holes(by_timeline, first)
        # What is only begun, and not the last of its timeline, is not whole either.
        missing |= {
            segment
            for segment in started
            if segment not in covered and segment.number < max(by_timeline[segment.timeline])
        }
        return sorted(missing)


def _holes(by_timeline: dict[int, set[int]], first: int) -> set[Segment]:
    missing: set[Segment] = set()
    everywhere: set[int] = set()
    for timeline in sorted(by_timeline):
        numbers = by_timeline[timeline]
        # A timeline continues the one before it: what lies between the two belongs to the older one.
        start = min(numbers) if everywhere else first
        hole = set(range(start, max(numbers) + 1)) - numbers
        between = set(range(max(everywhere) + 1, start)) if everywhere else set()
        missing |= {Segment(timeline, number) for number in hole | between}
        everywhere |= numbers | hole | between
    return missing


def look(archive: Archive) -> Contents:
    """List the folder and read what describes itself.

    Raises:
        RefusedError: the bucket is away, empty, somebody else's, or sealed with another key.
    """
    archive.require()
    found = Contents()
    bases: dict[str, list[Stored]] = {}
    skipped = len(archive.below)
    for item in archive.bucket.list(archive.below):
        stored = Stored(item.key[skipped:], item.size, item.modified)
        if match := _BASE.fullmatch(stored.key):
            bases.setdefault(match[1], []).append(stored)
        elif match := _CHUNK.fullmatch(stored.key):
            segment = Segment.parse(match[1])
            if segment is not None:
                chunk = Chunk(segment, int(match[2], 16), int(match[3], 16), stored)
                found.chunks.setdefault(segment, []).append(chunk)
        elif match := _WAL.fullmatch(stored.key):
            _file_wal(found, match[1], stored)
        elif match := _POINT.fullmatch(stored.key):
            point = _point(archive, stored.key)
            if point is not None:
                found.points[point.name] = point
        else:
            found.others.append(stored)
    found.backups = sorted((_base(archive, id_, objects) for id_, objects in bases.items()), key=lambda each: each.id)
    return found


def _file_wal(found: Contents, name: str, stored: Stored) -> None:
    segment = Segment.parse(without_suffix(name))
    if segment is None:
        found.others.append(stored)
    else:
        found.segments[segment] = stored


def _point(archive: Archive, key: str) -> Point | None:
    data, _ = archive.opened(key)
    if data is None:
        return None
    told = json.loads(data)
    return Point(told["name"], lsn(told["lsn"]), int(told["timeline"]), datetime.fromisoformat(told["time"]))


def _base(archive: Archive, id_: str, objects: Iterable[Stored]) -> BaseBackup:
    data, damage = archive.opened(f"base/{id_}/backup.info")
    told = _fields(data.decode("utf-8", "replace")) if data is not None else {}
    listed, broken = archive.opened(f"inventories/{id_}.json")
    inventory: dict[str, int] = json.loads(listed) if listed is not None else {}
    return BaseBackup(
        id=id_,
        done=told.get("status") == _DONE and bool(inventory),
        name=told.get("backup_name", ""),
        begun=_time(told.get("begin_time")),
        ended=_time(told.get("end_time")),
        begin=Segment.parse(told.get("begin_wal", "")),
        end=Segment.parse(told.get("end_wal", "")),
        begin_lsn=lsn(told.get("begin_xlog", "0/0")),
        end_lsn=lsn(told.get("end_xlog", "0/0")),
        version=int(told.get("version", "0")),
        system=int(told.get("systemid", "0")),
        objects=tuple(objects),
        inventory=inventory,
        damage=damage or broken,
    )


def _fields(text: str) -> dict[str, str]:
    # Barman's own format: `key=value` lines, `None` for what it does not know.
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {key.strip(): value.strip() for key, _, value in pairs if value.strip() not in {"", "None"}}


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise RefusedError("BASE_DAMAGED", "A base backup tells no time", on=text, got=str(error)) from error
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
