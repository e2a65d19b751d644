"""Judges what lies in the bucket: nothing is believed that was not looked at."""

from __future__ import annotations

from collections.abc import Iterator

from reports.verdict import Finding
from stack.recovery.errors import RefusedError
from stack.recovery.postgresql.archive import Archive, Marker
from stack.recovery.postgresql.contents import BaseBackup, Contents, look
from stack.recovery.postgresql.walfile import SEGMENT_SIZE, Segment, without_suffix
from stack.recovery.rules import broken

__all__ = ["backup_findings", "check", "check_deep", "wal_findings"]

_SHOWN = 5


def check(archive: Archive) -> tuple[Contents | None, list[Finding]]:
    """List the bucket and compare what is there with what must be; reads no backup.

    Returns:
        What is there (None when it could not be asked), and what is wrong with it.
    """
    try:
        contents = look(archive)
    except RefusedError as error:
        return None, [broken(error.rule, str(error))]
    findings = wal_findings(archive, contents)
    if not contents.complete:
        findings.append(broken("BASE_NONE", f"{archive.where} holds {len(contents.backups)} unfinished"))
    for backup in contents.backups:
        findings += backup_findings(archive, contents, backup)
    return contents, findings


def wal_findings(archive: Archive, contents: Contents) -> list[Finding]:
    """What is missing of the WAL."""
    return [
        broken("WAL_MISSING", f"{segment.name()} is not in {archive.where}wals/, though later WAL is")
        for segment in contents.gaps()
    ]


def backup_findings(archive: Archive, contents: Contents, backup: BaseBackup) -> list[Finding]:
    """What is wrong with one base backup, as far as a listing tells."""
    where = f"{archive.where}base/{backup.id}"
    if backup.damage is not None:
        rule = "KEY_WRONG" if backup.damage.reason == "other_key" else "BASE_DAMAGED"
        return [broken(rule, f"{where}: {backup.damage}")]
    if not backup.done:
        # Another one may be on its way, or was killed; it is never used, so it spoils nothing.
        return []
    findings = []
    there = {stored.key: stored.size for stored in backup.objects}
    for key, size in backup.inventory.items():
        if there.get(key) != size:
            got = f"{there[key]} bytes" if key in there else "not there"
            findings.append(broken("BASE_INCOMPLETE", f"{archive.where}{key} is {got}, it had {size} bytes"))
    return [*findings, *_waits(archive, contents, backup)]


def _waits(archive: Archive, contents: Contents, backup: BaseBackup) -> Iterator[Finding]:
    if backup.begin is None or backup.end is None:
        yield broken("BASE_DAMAGED", f"{archive.where}base/{backup.id} tells not which WAL it needs")
        return
    timeline = backup.begin.timeline
    later = max((each.number for each in contents.covered() if each.timeline >= timeline), default=-1)
    for number in range(backup.begin.number, backup.end.number + 1):
        segment = Segment(timeline, number)
        if contents.has(segment):
            continue
        if number > later:
            yield broken("BACKUP_WAITING", f"base backup {backup.id} needs {segment.name()}, which is not archived yet")
        # A hole before what is there is told once, by its own rule.


def check_deep(archive: Archive, contents: Contents, marker: Marker, *, within: float = 3600.0) -> list[Finding]:
    """Read every object of every complete base backup and every WAL file whole: open, decompress, look at its pages.

    Args:
        archive: the archive.
        contents: what is in it.
        marker: whose it is.
        within: seconds.

    Raises:
        BackupError: the objects could not be read at all.
    """
    archive.lay(marker)
    names = [
        *(key for backup in contents.complete for key in backup.inventory),
        *(stored.key for stored in contents.segments.values()),
        *(chunk.stored.key for chunks in contents.chunks.values() for chunk in chunks),
    ]
    findings = []
    for told in archive.verified(names, within=within):
        finding = _judged(archive, told, marker)
        if finding is not None:
            findings.append(finding)
    return findings


def _judged(archive: Archive, told: dict[str, object], marker: Marker) -> Finding | None:  # noqa: PLR0911 - one each
    key = str(told["key"])
    where = f"{archive.where}{key}"
    is_wal = key.startswith(("wals/", "partial/"))
    if "error" in told:
        reason = str(told["error"])
        if reason == "other_key":
            return broken("KEY_WRONG", where, evidence=str(told["detail"]))
        rule = "WAL_DAMAGED" if is_wal else "BASE_INCOMPLETE" if reason == "absent" else "BASE_DAMAGED"
        return broken(rule, f"{where} is {reason.replace('_', ' ')}", evidence=str(told["detail"]))
    segment = Segment.parse(without_suffix(key.rpartition("/")[2]))
    if segment is None or not key.startswith("wals/"):
        return None
    if "system" not in told or told["bytes"] != SEGMENT_SIZE:
        return broken("WAL_DAMAGED", f"{where} holds no whole segment", evidence=f"{told['bytes']} bytes")
    if told["system"] != marker.system:
        return broken("WAL_FOREIGN", f"{where} is of system {told['system']}, the archive of {marker.system}")
    if told["address"] != segment.start():
        return broken("WAL_DAMAGED", f"{where} holds another segment than its name says")
    return None
