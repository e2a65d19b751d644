"""What the verbs about sets do; their options are in `stack.recovery.cli`."""

from __future__ import annotations

import contextlib
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
import psycopg

from reports.verdict import Finding
from stack.errors import NeedMissingError, UsageError
from stack.recovery import layout, whole
from stack.recovery.canaries import Canaries
from stack.recovery.canary import later
from stack.recovery.copying import copy_archive
from stack.recovery.deep import check_deep, check_restic
from stack.recovery.git import inspect as pushes
from stack.recovery.git import ledger
from stack.recovery.postgresql import inspect, integrity
from stack.recovery.postgresql.base import only_one
from stack.recovery.postgresql.walfile import show_lsn
from stack.recovery.prune import prune_sets, surplus_sets
from stack.recovery.restic import Restic
from stack.recovery.rights import probe_lock, probe_rights
from stack.recovery.rules import broken
from stack.recovery.run import restic_of, run_backup
from stack.recovery.sealed import Sealed
from stack.recovery.sets import Listed, check_sets, list_sets
from stack.recovery.store import Bucket, credentials_from

if TYPE_CHECKING:
    from stack.recovery.catalogue import Catalogue
    from stack.recovery.cli import Places
    from stack.recovery.postgresql.archive import Archive
    from stack.recovery.sealing import SealKey
    from stack.settings import Settings

__all__ = ["bring", "check", "copy", "described", "probe", "prune", "take"]


def take(
    places: Places, settings: Settings, run: str | None, *, name: str, if_due: bool, accept: bool
) -> list[Finding]:
    """Take a set and say what it is."""
    archive, _ = places.find(settings, run)
    signer = places.signer(settings)
    if if_due:
        ends = [each.stored.modified for each in list_sets(archive.bucket, signer.verifier) if each.stored is not None]
        if ends and max(ends) > datetime.now(UTC) - timedelta(hours=settings.recovery.base_every):
            click.echo("the newest set is recent enough")
            return []
    source = places.source(settings, run)
    canaries = Canaries(source.conninfo, source.git_root) if settings.recovery.canary else None
    made = run_backup(
        archive,
        source,
        signer,
        name,
        canary=canaries.plant if canaries is not None else None,
        accept=accept,
        progress=lambda text: click.echo(f"  {text}", err=True),
    )
    found = made.catalogue
    if canaries is not None:
        # What a restore of this set must not have.
        canaries.plant(later(found.canary))
    click.echo(
        f"set {found.id}: {found.refs.items} git repositories, {found.objects.items} objects, {_rows(found.counts)}"
    )
    click.echo(
        f"point {found.point.name} at {show_lsn(found.point.lsn)}; writers waited {made.seconds['barrier']:.3f} s"
    )
    return made.findings


def described(places: Places, settings: Settings, run: str | None) -> dict[str, object]:
    """The sets in the bucket, for people and programs."""
    bucket, _ = places.sealed(settings, run)
    return {"sets": [_described(each) for each in list_sets(bucket, places.verifier(settings))]}


def check(places: Places, settings: Settings, run: str | None, *, deep: bool) -> list[Finding]:
    """Judge the sets; with the seal key the pushes too, and if asked everything of the database."""
    bucket, key = places.sealed(settings, run)
    sets, findings = check_sets(bucket, places.verifier(settings), settings.recovery, key=key)
    # What the oldest set holds of pushes may have been pruned from the journal.
    floor = min((each.catalogue.journal for each in sets if each.catalogue is not None), default=0)
    if key is not None:
        findings += pushes.check(Sealed(bucket, key), floor=floor, deep=deep)
    findings += _pushes_of(places, settings, run, floor)
    if not deep:
        return findings + _packs(places, settings, bucket, key)
    if key is None:
        raise UsageError(
            "Nothing can be opened without the seal key", on=str(bucket), fix="name it in [recovery] key_file"
        )
    with tempfile.TemporaryDirectory(prefix="engineroom-check-") as folder:
        archive = places.remote(settings, run, Path(folder) / "agent")
        Path(folder).chmod(0o755)  # the programs run as another user
        contents, about = inspect.check(archive)
        findings += about
        if contents is not None:
            findings += inspect.check_deep(archive, contents, archive.require())
        restic = places.program(settings, "restic")
        catalogues = [each.catalogue for each in sets if each.catalogue is not None]
        findings += check_deep(archive, catalogues, restic, progress=lambda text: click.echo(f"  {text}", err=True))
    return findings


def _packs(places: Places, settings: Settings, bucket: Bucket, key: SealKey | None) -> list[Finding]:
    """Whether a pack of snapshots is missing, which restic alone can tell, where it is installed."""
    try:
        restic = places.program(settings, "restic")
    except NeedMissingError:
        return []
    if key is None or bucket.head(f"{layout.RESTIC}/config") is None:
        return []
    return check_restic(Restic(restic, bucket, key), read=False)


def _pushes_of(places: Places, settings: Settings, run: str | None, floor: int) -> list[Finding]:
    """What the forge's database says of pushes, where its stack runs here; the bucket is judged without it as well."""
    try:
        archive, database, _ = places.pushes(settings, run)
    except (NeedMissingError, UsageError):
        return []
    conninfo = database.conninfo()
    try:
        if not ledger.is_kept(conninfo):
            return []
        return pushes.behind(archive, conninfo) + pushes.shipped(archive, conninfo, floor=floor)
    except psycopg.Error as error:
        return [broken("INTEGRITY_UNKNOWN", "the forge's database could not be asked", evidence=str(error).strip())]


def prune(places: Places, settings: Settings, run: str | None, *, yes: bool) -> None:
    """Say what would go, or delete it; where no stack runs, the bucket alone is pruned."""
    try:
        archive, server = places.find(settings, run, pruner=True)
    except NeedMissingError as error:
        if error.need != "stack":
            raise
        with tempfile.TemporaryDirectory(prefix="engineroom-prune-") as folder:
            _prune(places, settings, places.remote(settings, run, Path(folder), pruner=True), yes=yes)
        return
    # A backup that runs relies on what is there.
    with only_one(server) if yes else contextlib.nullcontext():
        kept = _prune(places, settings, archive, yes=yes)
        if yes:
            _, database, _ = places.pushes(settings, run)
            if ledger.is_kept(database.conninfo()):
                ledger.forget(database.conninfo(), min(catalogue.journal for catalogue in kept))


def _prune(places: Places, settings: Settings, archive: Archive, *, yes: bool) -> list[Catalogue]:
    restic = places.program(settings, "restic")
    doomed = surplus_sets(archive, places.verifier(settings), restic)
    for each in doomed.sets:
        click.echo(
            f"set {each.id} {'goes' if yes else 'would go'}{'' if each.catalogue else ', it was never finished'}"
        )
    verb = "deleted" if yes else "would be deleted"
    size = f"{len(doomed.snapshots)} snapshots and {doomed.count} objects, {doomed.size / 2**20:.1f} MB"
    click.echo(f"{size}, {verb} from {archive.bucket}; {len(doomed.kept)} sets stay")
    if yes:
        prune_sets(archive, doomed, restic, progress=lambda text: click.echo(f"  {text}", err=True))
    return doomed.kept


def bring(places: Places, settings: Settings, run: str | None, target: str, into: Path) -> list[Finding]:
    """Bring a whole forge back into a folder, verify its database, and say where everything is."""
    archive = places.remote(settings, run, into / "database" / "agent")
    planned = whole.plan(archive, places.verifier(settings), target, into)
    chosen = planned.moment.set
    click.echo(
        f"set {chosen.id if chosen is not None else 'none'}, base backup {planned.database.backup.id}, then WAL to"
        f" {planned.database.target}, into {archive.ground.host}: {into}"
    )
    restic = restic_of(archive, places.program(settings, "restic"))
    done = whole.restore(archive, planned, restic, progress=lambda text: click.echo(f"  {text}", err=True))
    told = ", ".join(f"{count} {name}" for name, count in done.counts.items())
    click.echo(f"{told}; " + ", ".join(f"{name} {spent:.1f} s" for name, spent in done.seconds.items()))
    click.echo(f"the database runs: psql '{done.conninfo}'")
    click.echo(f"git repositories: {done.git_root}; what else came is beside it, and {whole.DONE} says what")
    click.echo(f"to look at it in a stack: engineroom up --from {into}; into service: docs/recovery.md")
    return done.findings + integrity.check(done.conninfo)


def copy(places: Places, settings: Settings, run: str | None) -> None:
    """Copy the archive to the second bucket."""
    chosen = settings.recovery.copy_to
    if chosen is None:
        raise UsageError("No second bucket is named", fix="name [recovery.copy] endpoint, bucket and writer")
    source, _ = places.sealed(settings, run)
    address = credentials_from(chosen.writer, chosen.endpoint, chosen.region)
    target = Bucket(address, chosen.bucket, chosen.prefix)
    if (target.address.endpoint, target.bucket, target.prefix) == (
        source.address.endpoint,
        source.bucket,
        source.prefix,
    ):
        raise UsageError("The second bucket is the first one", on=str(target), fix="name another in [recovery.copy]")
    rclone = places.program(settings, "rclone")
    done = copy_archive(source, target, rclone, progress=lambda text: click.echo(f"  {text}", err=True))
    click.echo(f"{target}: {done.objects} objects, {done.bytes / 2**20:.1f} MB; {done.added} of them came now")


def probe(places: Places, settings: Settings, run: str | None) -> list[Finding]:
    """Find out what the credentials may really do."""
    chosen = settings.recovery
    bucket, _ = places.sealed(settings, run)
    bucket.require()
    pruner = None
    if chosen.pruner is not None:
        address = credentials_from(chosen.pruner, bucket.address.endpoint, chosen.region)
        pruner = Bucket(address, bucket.bucket, bucket.prefix)
    findings = probe_rights(bucket, pruner)
    proof = probe_lock(pruner or bucket)
    if proof.proven:
        click.echo("a locked object could not be deleted: what is locked in this bucket stays")
    return findings + proof.findings


def _rows(counts: object) -> str:
    total = sum(counts.values()) if isinstance(counts, dict) else 0
    return f"{total} rows"


def _described(each: Listed) -> dict[str, object]:
    found = each.catalogue
    if found is None:
        why = each.trouble.rule if each.trouble is not None else "SET_HALF"
        return {"id": each.id, "whole": False, "why": why}
    return {
        "id": found.id,
        "name": found.name,
        "whole": True,
        "completed": found.completed.isoformat(timespec="seconds"),
        "point": show_lsn(found.point.lsn),
        "base": found.base.id,
        "repositories": found.refs.items,
        "refs": found.totals.get("refs", 0),
        "objects": found.objects.items,
        "rows": sum(found.counts.values()),
        "left_out": len(found.left_out),
    }
