"""The sets in a bucket, and what is wrong with them: asked of the bucket and a public key alone, never of the forge.

With the seal key the lists of a set are opened as well; `check_deep` opens everything.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from reports.verdict import Finding
from stack.recovery import layout
from stack.recovery.catalogue import Catalogue, Verifier
from stack.recovery.errors import RecoveryError, RefusedError
from stack.recovery.manifests import read_objects, read_refs
from stack.recovery.postgresql.walfile import SEGMENT_SIZE, Segment, show_lsn, without_suffix
from stack.recovery.rules import broken, told
from stack.recovery.sealed import Sealed
from stack.recovery.sealing import SealKey
from stack.recovery.secrets import SECRETS
from stack.recovery.settings import RecoverySettings
from stack.recovery.store import Bucket, Stored

__all__ = [
    "FELL",
    "Inventory",
    "Listed",
    "check_set",
    "check_sets",
    "fell",
    "find_set",
    "list_sets",
    "needed_by",
    "newest",
]

FELL = "fell"
"""In a catalogue's `left_out`: there is far less than in the set before, and a person said that this is meant."""
_KEY = re.compile(r"sets/([^/]+)/(.+)")
_ID_TIME = "%Y%m%dT%H%M%SZ"
_SKEW = timedelta(minutes=5)
"""By so much clocks may differ: NTP keeps them within a second, and uploads take their time."""
_RUNNING = timedelta(days=1)
"""A set without a catalogue that is younger may be on its way."""
_SHOWN = 5


@dataclass(frozen=True)
class Listed:
    """A set's folder in the bucket.

    Attributes:
        id: of the set.
        catalogue: None when it is not there or cannot be trusted.
        trouble: why it cannot.
        stored: the catalogue's object; None when there is none, so that this is no set.
        parts: all objects of the folder.
    """

    id: str
    catalogue: Catalogue | None
    trouble: RefusedError | None
    stored: Stored | None
    parts: tuple[Stored, ...]


def list_sets(bucket: Bucket, verifier: Verifier) -> list[Listed]:
    """Every set that was begun, oldest first.

    Raises:
        StoreError: the store refused or did not answer.
        RefusedError: the bucket is not there, or does not let us in.
    """
    bucket.require()
    folders: dict[str, list[Stored]] = {}
    for stored in bucket.list(layout.SETS):
        if match := _KEY.fullmatch(stored.key):
            folders.setdefault(match[1], []).append(stored)
    return [_listed(bucket, verifier, set_id, parts) for set_id, parts in sorted(folders.items())]


def _listed(bucket: Bucket, verifier: Verifier, set_id: str, parts: list[Stored]) -> Listed:
    key = layout.catalogue(set_id)
    stored = next((each for each in parts if each.key == key), None)
    data = bucket.get(key) if stored is not None else None
    if stored is None or data is None:
        return Listed(set_id, None, None, None, tuple(parts))
    try:
        catalogue = verifier.open(data, f"{bucket}/{key}")
    except RefusedError as error:
        return Listed(set_id, None, error, stored, tuple(parts))
    if catalogue.id != set_id:
        other = RefusedError(
            "CATALOGUE_DAMAGED", "A catalogue is of another set", on=f"{bucket}/{key}", got=catalogue.id
        )
        return Listed(set_id, None, other, stored, tuple(parts))
    return Listed(set_id, catalogue, None, stored, tuple(parts))


def newest(sets: Iterable[Listed]) -> Catalogue | None:
    """The newest set that can be trusted."""
    return next((each.catalogue for each in reversed(list(sets)) if each.catalogue is not None), None)


def find_set(sets: Iterable[Listed], wanted: str) -> Catalogue:
    """A set by its id, its name (the newest of that name), or `latest`.

    Raises:
        RefusedError: there is none; or its catalogue cannot be trusted.
    """
    listed = list(sets)
    if wanted == "latest":
        found = newest(listed)
        if found is not None:
            return found
    for each in reversed(listed):
        if each.catalogue is not None and wanted in (each.id, each.catalogue.name):
            return each.catalogue
        if each.id == wanted and each.trouble is not None:
            raise each.trouble
    raise RefusedError(
        "SET_NONE",
        "There is no such set",
        on=wanted,
        got=", ".join(each.id for each in listed if each.catalogue is not None)[-200:] or "no set at all",
        fix="`engineroom backup list` shows them",
    )


def check_sets(
    bucket: Bucket,
    verifier: Verifier,
    settings: RecoverySettings,
    *,
    key: SealKey | None = None,
    now: datetime | None = None,
) -> tuple[list[Listed], list[Finding]]:
    """Judge all sets by what lies in the bucket: their signatures, ages, parts, and how each follows on the one before.

    Args:
        bucket: the archive's folder.
        verifier: with the public key of who makes sets.
        settings: what is too old, and by how much a forge may shrink.
        key: opens the lists of sets; without it they are only looked for.
        now: by the store's clock.
    """
    try:
        sets = list_sets(bucket, verifier)
    except RecoveryError as error:
        return [], [told(error)]
    now = now or datetime.now(UTC)
    findings = _newest_findings(bucket, sets, settings, now)
    inventory = Inventory(bucket)
    before: Catalogue | None = None
    for each in sets:
        if each.trouble is not None:
            findings.append(told(each.trouble))
        elif each.catalogue is None:
            if _half_for_long(each, now):
                findings.append(broken("SET_HALF", f"{bucket}/{layout.SETS}{each.id} has {len(each.parts)} parts"))
        else:
            findings += _clock(each)
            findings += check_set(bucket, each.catalogue, key=key, inventory=inventory, now=now)
            if before is not None and FELL not in each.catalogue.left_out:
                findings += fell(before, each.catalogue, settings.may_fall)
            before = each.catalogue
    return sets, findings


class Inventory:
    """Names of what lies in the bucket, listed once."""

    def __init__(self, bucket: Bucket) -> None:
        """List nothing yet."""
        self._bucket = bucket
        self._listed: dict[str, dict[str, Stored]] = {}

    def below(self, prefix: str) -> dict[str, Stored]:
        """Objects whose keys begin so, by their keys."""
        if prefix not in self._listed:
            self._listed[prefix] = {stored.key: stored for stored in self._bucket.list(prefix)}
        return self._listed[prefix]


def check_set(
    bucket: Bucket,
    catalogue: Catalogue,
    *,
    key: SealKey | None = None,
    inventory: Inventory | None = None,
    now: datetime | None = None,
) -> list[Finding]:
    """Judge one set: all that its catalogue names must be there.

    Args:
        bucket: the archive's folder.
        catalogue: opened with the public key.
        key: opens the lists; without it they are only looked for.
        inventory: of the bucket, where several sets are judged.
        now: by the store's clock.
    """
    inventory = inventory or Inventory(bucket)
    where = f"{bucket}/{layout.SETS}{catalogue.id}"
    findings = _snapshots(catalogue, inventory, where)
    findings += _database(bucket, catalogue, inventory)
    findings += _broken_locks(bucket, catalogue, inventory, now or datetime.now(UTC))
    wrong = key is not None and key.fingerprint != catalogue.keys.get("seal")
    if key is None or wrong:
        if key is not None:
            got = f"{where} is sealed with {catalogue.keys.get('seal')}, the given key is {key.fingerprint}"
            findings.append(broken("KEY_WRONG", got))
        parts = inventory.below(f"{layout.SETS}{catalogue.id}/")
        names = (catalogue.refs.name, catalogue.objects.name)
        missing = [name for name in names if layout.part(catalogue.id, name) not in parts]
        return findings + [broken("MANIFEST_MISSING", f"{where}/{name} is not there") for name in missing]
    return findings + _lists(Sealed(bucket, key), catalogue, inventory)


def _newest_findings(bucket: Bucket, sets: list[Listed], settings: RecoverySettings, now: datetime) -> list[Finding]:
    good = [each.stored for each in sets if each.catalogue is not None and each.stored is not None]
    if not good:
        return [broken("SET_NONE", f"{bucket}/{layout.SETS} has {len(sets)} that are not complete or not trusted")]
    # By the store's own clock: what a catalogue says of its time could be wrong.
    written = max(stored.modified for stored in good)
    age = (now - written).total_seconds() / 3600
    if age > settings.stale_set:
        told = f"the newest set was written {age:.1f} hours ago, the limit is {settings.stale_set:g} hours"
        return [broken("SET_STALE", f"{bucket}: {told}")]
    return []


def _half_for_long(each: Listed, now: datetime) -> bool:
    return all(part.modified < now - _RUNNING for part in each.parts)


def _clock(each: Listed) -> list[Finding]:
    catalogue, stored = each.catalogue, each.stored
    if catalogue is None or stored is None:
        return []
    named = datetime.strptime(catalogue.id[:16], _ID_TIME).replace(tzinfo=UTC)
    oddities = []
    if abs(catalogue.completed - stored.modified) > _SKEW:
        oddities.append(f"it says it was complete at {catalogue.completed}, the store wrote it at {stored.modified}")
    if abs(named - catalogue.started) > _SKEW or catalogue.started > catalogue.completed:
        oddities.append(f"it began at {catalogue.started} by its own account, and ended at {catalogue.completed}")
    if not catalogue.started - _SKEW <= catalogue.point.time <= catalogue.completed + _SKEW:
        oddities.append(f"the database's clock said {catalogue.point.time} in between")
    return [broken("SET_CLOCK", f"{each.id}: {oddity}") for oddity in oddities]


def fell(before: Catalogue, after: Catalogue, share: float) -> list[Finding]:
    """What there is far less of than in the set before.

    Args:
        before: the older set.
        after: the newer one.
        share: of what was there may be gone, 0 to 1.
    """
    found = []
    for what, old, new in (
        ("git repositories", before.refs.items, after.refs.items),
        ("git repositories in snapshots", _saved(before), _saved(after)),
        ("refs", before.totals.get("refs", 0), after.totals.get("refs", 0)),
        ("objects", before.objects.items, after.objects.items),
    ):
        if new < old * (1 - share):
            found.append(broken("REPOSITORIES_FELL", f"{before.id} had {old} {what}, {after.id} has {new}"))
    return found


def _saved(catalogue: Catalogue) -> int:
    return sum(snapshot.repositories for snapshot in catalogue.snapshots)


def _snapshots(catalogue: Catalogue, inventory: Inventory, where: str) -> list[Finding]:
    there = inventory.below(f"{layout.RESTIC}/snapshots/")
    findings = [
        broken("SNAPSHOT_MISSING", f"{where}: {each.kind} snapshot {each.id[:12]} of shard {each.shard or 'all'}")
        for each in catalogue.snapshots
        if f"{layout.RESTIC}/snapshots/{each.id}" not in there
    ]
    if not any(each.kind == SECRETS for each in catalogue.snapshots):
        apart = catalogue.left_out.get(SECRETS, "")
        rule = "SECRETS_KEPT_APART" if apart else "SECRETS_MISSING"
        findings.append(broken(rule, f"{where}: {apart or 'no snapshot of them'}"))
    return findings


def needed_by(catalogue: Catalogue, inventory: Inventory) -> list[str]:
    """What a set is restored from, as far as its catalogue and a listing tell: what must not be deleted."""
    below = f"postgresql/{catalogue.server}/"
    first, last = Segment.parse(catalogue.base.begin), Segment.parse(catalogue.point.segment)
    numbers = range(first.number, last.number + 1) if first is not None and last is not None else range(0)
    wal = [
        key
        for key in inventory.below(f"{below}wals/")
        if (segment := Segment.parse(without_suffix(key.rpartition("/")[2]))) is not None and segment.number in numbers
    ]
    return [
        *inventory.below(f"{below}base/{catalogue.base.id}/"),
        f"{below}inventories/{catalogue.base.id}.json",
        f"{below}server.json",
        *wal,
        *(key for key in inventory.below(f"{layout.RESTIC}/") if not key.startswith(f"{layout.RESTIC}/locks/")),
        *inventory.below(layout.OBJECTS),
        *inventory.below(f"{layout.SETS}{catalogue.id}/"),
    ]


def _broken_locks(bucket: Bucket, catalogue: Catalogue, inventory: Inventory, now: datetime) -> list[Finding]:
    """What was locked is there until its time is over, whoever tried to delete it."""
    if catalogue.locked_until is None or catalogue.locked_until < now:
        return []
    names = [layout.part(catalogue.id, part.name) for part in (catalogue.refs, catalogue.objects)]
    names += [f"{layout.RESTIC}/snapshots/{each.id}" for each in catalogue.snapshots]
    names += [f"postgresql/{catalogue.server}/base/{catalogue.base.id}/backup.info"]
    held = {key for name in names for key in inventory.below(name.rpartition("/")[0] + "/")}
    return [
        broken("LOCK_BROKEN", f"{bucket}/{name} was locked until {catalogue.locked_until}, and is not there")
        for name in names
        if name not in held
    ]


def _database(bucket: Bucket, catalogue: Catalogue, inventory: Inventory) -> list[Finding]:
    """By names alone: the folder is this server's, the base backup is there, and each segment from it to the point."""
    below = f"postgresql/{catalogue.server}/"
    where = f"{bucket}/{below}"
    system = _system(bucket.get(f"{below}server.json"))
    if system != catalogue.point.system:
        rule = "STORE_EMPTY" if system is None else "STORE_FOREIGN"
        return [broken(rule, f"{where} is of system {system}, the set {catalogue.id} of {catalogue.point.system}")]
    if f"{below}base/{catalogue.base.id}/backup.info" not in inventory.below(f"{below}base/"):
        return [broken("BASE_INCOMPLETE", f"{where}base/{catalogue.base.id} is not there; {catalogue.id} needs it")]
    first, last = Segment.parse(catalogue.base.begin), Segment.parse(catalogue.point.segment)
    if first is None or last is None:
        return [broken("CATALOGUE_DAMAGED", f"{catalogue.id} does not tell its WAL")]
    there = {
        (segment.timeline, segment.number)
        for stored in inventory.below(f"{below}wals/")
        if (segment := Segment.parse(without_suffix(stored.rpartition("/")[2]))) is not None
    }
    reach = {number: timeline for timeline, number in sorted(there)}
    missing = [number for number in range(first.number, last.number + 1) if number not in reach]
    # The receiver's pieces tell as well as a whole segment, up to the point.
    missing = [number for number in missing if not _in_pieces(catalogue, inventory, below, number)]
    if not missing:
        return []
    later = max(reach, default=-1)
    name = Segment(last.timeline, missing[0]).name()
    if missing[0] > later:
        told = f"{catalogue.id} is of {show_lsn(catalogue.point.lsn)}, and {name} is not archived yet"
        return [broken("BACKUP_WAITING", told)]
    return [broken("WAL_MISSING", f"{name} is not in {where}wals/; {catalogue.id} needs it")]


def _system(marker: bytes | None) -> int | None:
    """The system identifier that a folder's marker tells; None when it tells none."""
    try:
        return None if marker is None else int(json.loads(marker)["system"])
    except (ValueError, KeyError, TypeError):
        return None


def _in_pieces(catalogue: Catalogue, inventory: Inventory, below: str, number: int) -> bool:
    wanted = min(SEGMENT_SIZE, max(0, catalogue.point.lsn - number * SEGMENT_SIZE))
    name = Segment(catalogue.point.timeline, number).name()
    pieces = []
    for stored in inventory.below(f"{below}partial/{name}/"):
        first, _, after = stored.rpartition("/")[2].partition("-")
        pieces.append((int(first, 16), int(after, 16)))
    reach = 0
    for start, after_ in sorted(pieces):
        if start > reach:
            break
        reach = max(reach, after_)
    return reach >= wanted


def _lists(sealed: Sealed, catalogue: Catalogue, inventory: Inventory) -> list[Finding]:
    findings = []
    try:
        read_refs(sealed, catalogue)
    except RefusedError as error:
        findings.append(told(error))
    try:
        items = read_objects(sealed, catalogue)
    except RefusedError as error:
        return [*findings, told(error)]
    there = inventory.below(layout.OBJECTS)
    missing = [item for item in items if layout.blob(item.sha256) not in there]
    findings += [
        broken("BLOB_MISSING", f"{sealed.bucket}/{layout.blob(item.sha256)}, the content of {item.key}")
        for item in missing[:_SHOWN]
    ]
    if len(missing) > _SHOWN:
        findings.append(broken("BLOB_MISSING", f"{len(missing) - _SHOWN} more of {catalogue.id}"))
    return findings
