"""Takes one set: everything of one moment, and a signed catalogue written last, without which it does not exist."""

from __future__ import annotations

import importlib.metadata
import re
import secrets as randomness
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from reports.verdict import Finding
from stack.errors import UsageError
from stack.forge.gitenv import git
from stack.recovery import layout, objects, secrets
from stack.recovery.barrier import Barrier, set_barrier
from stack.recovery.catalogue import Base, Catalogue, Signer, Snapshot
from stack.recovery.errors import BackupError, RefusedError
from stack.recovery.git import snapshots
from stack.recovery.git.hold import held
from stack.recovery.manifests import OBJECTS, REFS, ObjectItem, read_objects, write
from stack.recovery.postgresql.archive import Archive
from stack.recovery.postgresql.base import only_one, take
from stack.recovery.postgresql.contents import BaseBackup, look
from stack.recovery.postgresql.walfile import Segment, without_suffix
from stack.recovery.restic import Restic
from stack.recovery.rights import lock, probe_lock
from stack.recovery.rules import RULES, broken, told
from stack.recovery.sealed import Sealed
from stack.recovery.sets import FELL, Inventory, check_set, fell, list_sets, needed_by, newest
from stack.recovery.source import Source

__all__ = ["Made", "restic_of", "run_backup"]

_POLL = 0.2
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,62}")
_TAKEN = ("latest", "set")  # what a restore understands otherwise
_LOCKS_WITHIN = 30.0
_BARMAN_VERSION = "import importlib.metadata as found; print(found.version('barman'))"
# What a set must have to be one. All else that is wrong is told, and the set is what it says that it is.
_NEEDED = frozenset(
    {"SNAPSHOT_MISSING", "MANIFEST_MISSING", "MANIFEST_DAMAGED", "BLOB_MISSING", "BASE_INCOMPLETE", "WAL_MISSING"}
)


@dataclass(frozen=True)
class Made:
    """A set that was taken.

    Attributes:
        catalogue: as it was signed.
        findings: what is wrong with it or with what it is of.
        seconds: what each stage took; `barrier` is for how long writers waited.
    """

    catalogue: Catalogue
    findings: list[Finding]
    seconds: dict[str, float] = field(default_factory=dict)


def restic_of(archive: Archive, program: Path, cache: Path | None = None) -> Restic:
    """The restic repository of an archive."""
    return Restic(program, archive.bucket, archive.key, cache)


def run_backup(
    archive: Archive,
    source: Source,
    signer: Signer,
    name: str = "",
    *,
    canary: Callable[[str], None] | None = None,
    accept: bool = False,
    settle: float = 60.0,
    progress: Callable[[str], None] = lambda _: None,
) -> Made:
    """Take a set.

    The base backup is older than the barrier, everything else younger: git and objects hold at least what the database
    names, and the database can be recovered to the barrier itself.

    Args:
        archive: where to, with the credentials of who writes.
        source: the forge.
        signer: signs the catalogue.
        name: for people.
        canary: called just before the barrier with a label; it writes what a restore must have.
        accept: take it although there is far less than in the set before.
        settle: seconds to wait for the WAL of the barrier.
        progress: told what is done.

    Raises:
        UsageError: a restore could not be asked for a set of this name.
        RefusedError: another backup is running; the archive is another's; there is far less than before.
        BackupError: a part could not be taken or is not in the bucket, so there is no set.
        StoreError: the store refused or did not answer.
    """
    _require_name(name)
    archive.require()
    with only_one(source.server):
        return _Run(archive, source, signer, progress).take(name, canary, accept=accept, settle=settle)


def _require_name(name: str) -> None:
    if name and (not _NAME.fullmatch(name) or name in _TAKEN):
        raise UsageError(
            "This is no name for a set",
            got=repr(name),
            fix=f"use letters, digits, . _ - (first a letter), and not {' or '.join(_TAKEN)}",
        )


@dataclass(frozen=True)
class _Parts:
    base: BaseBackup
    barrier: Barrier
    taken: snapshots.Taken
    objects: list[ObjectItem]
    kept: list[Snapshot]
    added: int


class _Run:
    def __init__(self, archive: Archive, source: Source, signer: Signer, progress: Callable[[str], None]) -> None:
        self._archive, self._source, self._signer, self._say = archive, source, signer, progress
        self._sealed = Sealed(archive.bucket, archive.key)
        self._scratch = source.cache / "scratch"
        self._restic = restic_of(archive, source.restic, source.cache / "restic")
        self._seconds: dict[str, float] = {}
        self._findings: list[Finding] = []
        self._left_out: dict[str, str] = {}

    def take(self, name: str, canary: Callable[[str], None] | None, *, accept: bool, settle: float) -> Made:
        started = datetime.now(UTC)
        set_id = f"{started:%Y%m%dT%H%M%SZ}-{randomness.token_hex(3)}"
        with self._stage("restic"):
            self._restic.ensure()
            if left := self._locks():
                self._findings.append(broken("LOCK_LEFT", f"{self._restic.where}: {', '.join(left)[:200]}"))
        before = newest(list_sets(self._archive.bucket, self._signer.verifier))
        with self._stage("base"):
            base = self._base()
        with self._stage("objects"):
            # Most of them now, so that little is left to do after the barrier, and little is deleted in between.
            early = objects.copy(self._source.objects, self._sealed, self._known(before), scratch=self._scratch)
        label = ""
        if canary is not None:
            label = f"set {set_id}"
            canary(label)
        on_disk = [self._source.git_root / path for path in snapshots.found_on_disk(self._source.git_root)]
        with held(on_disk) as busy:
            for repository in busy:
                busy_gc = f"{repository}: git gc has been running for more than a minute; it may prune what a ref needs"
                self._findings.append(broken("SOURCE_DAMAGED", busy_gc))
            barrier = set_barrier(self._archive, self._source, f"er-{set_id}")
            self._seconds["barrier"] = barrier.held
            with self._stage("git"):
                taken = self._git(barrier, set_id)
        with self._stage("objects again"):
            late = objects.copy(self._source.objects, self._sealed, early.items, scratch=self._scratch)
        if late.reason:
            self._left_out["objects"] = late.reason
        with self._stage("secrets"):
            kept = self._secrets(set_id)
        with self._stage("wal"):
            self._wait_for(barrier.point.segment, settle)
        # What was there before the barrier and is gone now may still be named by the database at the point.
        contents = {item.key: item for item in (*early.items, *late.items)}
        parts = _Parts(
            base, barrier, taken, [contents[key] for key in sorted(contents)], kept, early.added + late.added
        )
        with self._stage("catalogue"):
            catalogue = self._catalogue(set_id, name, started, parts, label)
            fallen = fell(before, catalogue, self._archive.settings.may_fall) if before is not None else []
            if fallen:
                fallen_by = "; ".join(each.message for each in fallen)
                catalogue = catalogue.model_copy(update={"left_out": {**catalogue.left_out, FELL: fallen_by}})
            self._look_at(catalogue, accept=accept)
            catalogue = self._locked(catalogue)
            self._sign(catalogue)
            if catalogue.locked_until is not None:
                self._lock([layout.catalogue(catalogue.id)], catalogue.locked_until)
        return Made(catalogue, self._findings, self._seconds)

    def _locks(self) -> list[str]:
        """Locks that are left: restic of a backup that was killed may live a moment longer than the backup."""
        deadline = time.monotonic() + _LOCKS_WITHIN
        while left := self._restic.unlock():
            if time.monotonic() > deadline:
                break
            time.sleep(_POLL)
        return left

    # -- parts -------------------------------------------------------------------------------------------------------

    def _base(self) -> BaseBackup:
        contents = look(self._archive)
        limit = datetime.now(UTC) - timedelta(hours=self._archive.settings.base_every)
        recent = [each for each in contents.complete if each.ended is not None and each.ended > limit]
        broken_wal = contents.gaps()
        if recent and recent[-1].begin is not None:
            begin = recent[-1].begin
            if not any(gap.number >= begin.number for gap in broken_wal):
                return recent[-1]
        self._say("base backup")
        taken = take(self._archive, self._source.server, held=True)
        self._findings += [each for each in taken.findings if each.rule != "BACKUP_WAITING"]
        return taken.backup

    def _known(self, before: Catalogue | None) -> list[ObjectItem]:
        try:
            return read_objects(self._sealed, before) if before is not None else []
        except RefusedError as error:
            self._findings.append(told(error))
            return []

    def _git(self, barrier: Barrier, set_id: str) -> snapshots.Taken:
        if barrier.refs is None:
            self._left_out["refs"] = "the database keeps no refs, so they are what the disk had just after the point"
        taken = snapshots.take(
            self._restic,
            self._source.git_root,
            barrier.items(),
            server=self._archive.settings.server,
            set_id=set_id,
            most=self._archive.settings.shards,
            from_database=barrier.refs is not None,
            progress=self._say,
        )
        self._findings += taken.findings
        self._left_out |= {f"git/{path}": reason for path, reason in taken.left_out.items()}
        return taken

    def _secrets(self, set_id: str) -> list[Snapshot]:
        settings = self._archive.settings
        kept, findings = secrets.take(
            self._restic, self._source.secrets, server=settings.server, set_id=set_id, apart=settings.secrets_apart
        )
        self._findings += findings
        if kept is None and settings.secrets_apart:
            self._left_out[secrets.SECRETS] = f"they are kept by {settings.secrets_apart}"
        return [kept] if kept is not None else []

    def _wait_for(self, segment: str, seconds: float) -> None:
        self._say("waiting for the WAL of the point")
        below = f"{self._archive.below}wals/{segment[:16]}/{segment}"
        deadline = time.monotonic() + seconds
        while not any(
            without_suffix(stored.key.rpartition("/")[2]) == segment for stored in self._archive.bucket.list(below)
        ):
            if time.monotonic() > deadline:
                return  # what the bucket holds is judged below
            time.sleep(_POLL)

    # -- the catalogue -----------------------------------------------------------------------------------------------

    def _catalogue(self, set_id: str, name: str, started: datetime, parts: _Parts, label: str) -> Catalogue:
        saved = (*parts.taken.snapshots, *parts.kept)
        refs = write(self._sealed, set_id, REFS, parts.taken.items)
        contents = write(self._sealed, set_id, OBJECTS, parts.objects)
        added = sum(each.added for each in saved) + parts.added
        return Catalogue(
            id=set_id,
            name=name,
            started=started,
            completed=datetime.now(UTC),
            server=self._archive.settings.server,
            point=parts.barrier.point,
            base=_described(parts.base),
            snapshots=saved,
            refs=refs,
            objects=contents,
            counts=parts.barrier.counts,
            totals={"refs": sum(len(item.refs) for item in parts.taken.items), "added": added},
            journal=parts.barrier.journal,
            keys=self._keys(),
            versions=self._versions(parts.barrier),
            left_out=self._left_out,
            canary=label,
        )

    def _locked(self, catalogue: Catalogue) -> Catalogue:
        """Lock what the set needs, if that is wanted; claimed only where a deletion was refused."""
        days = self._archive.settings.lock_days
        if days == 0:
            return catalogue
        proof = probe_lock(self._archive.bucket)
        if not proof.proven:
            self._findings += proof.findings
            return catalogue
        until = (catalogue.completed + timedelta(days=days)).replace(microsecond=0)
        if self._lock(needed_by(catalogue, Inventory(self._archive.bucket)), until):
            return catalogue.model_copy(update={"locked_until": until})
        return catalogue

    def _lock(self, keys: list[str], until: datetime) -> bool:
        self._say(f"locking {len(keys)} objects")
        failed = lock(self._archive.bucket, keys, until)
        if failed:
            first = f"{self._archive.bucket}: {len(failed)} objects could not be locked, {failed[0]} among them"
            self._findings.append(broken("LOCK_UNPROVEN", first))
        return not failed

    def _sign(self, catalogue: Catalogue) -> None:
        key = layout.catalogue(catalogue.id)
        if not self._archive.bucket.put_if_absent(key, self._signer.sign(catalogue)):
            where = f"{self._archive.bucket}/{key}"
            raise BackupError("BACKUP_FAILED", "There is a catalogue of this set already", on=where)

    def _look_at(self, catalogue: Catalogue, *, accept: bool) -> None:
        """What the programs said is not believed before the bucket was looked at."""
        if FELL in catalogue.left_out and not accept:
            raise RefusedError(
                "REPOSITORIES_FELL",
                "There is far less than in the set before, so this one does not count",
                on=str(self._archive.bucket),
                got=catalogue.left_out[FELL],
                fix=RULES["REPOSITORIES_FELL"].fix,
            )
        known = {(each.rule, each.message) for each in self._findings}
        for finding in check_set(self._archive.bucket, catalogue, key=self._archive.key):
            if finding.rule in _NEEDED:
                raise BackupError(
                    finding.rule, f"The set is not whole: {RULES[finding.rule].meaning}", on=finding.message
                )
            is_new = (finding.rule, finding.message) not in known
            if is_new and not finding.rule.startswith("SECRETS_"):  # those were told when they were looked for
                self._findings.append(finding)

    def _keys(self) -> dict[str, str]:
        own = {"seal": self._archive.key.fingerprint, "signing": self._signer.verifier.fingerprint}
        return own | secrets.fingerprints([path for path in self._source.secrets if path.exists()])

    def _versions(self, barrier: Barrier) -> dict[str, str]:
        asked: list[str | Path] = [self._archive.programs.barman, "-c", _BARMAN_VERSION]
        barman = self._archive.ground.run(asked, within=60, env=self._archive.programs.env)
        return {
            "postgresql": barrier.server_version,
            "restic": self._restic.version(),
            "barman": barman.text.strip(),
            "git": git(["version"]).text.split()[2],
            "engineroom": _own_version(),
            "schema": str(barrier.schema),
        }

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        self._say(name)
        begun = time.monotonic()
        yield
        self._seconds[name] = time.monotonic() - begun


def _described(base: BaseBackup) -> Base:
    begin = base.begin or Segment(0, 0)
    return Base(id=base.id, bytes=base.size, begin=begin.name(), ended=base.ended or datetime.fromtimestamp(0, UTC))


def _own_version() -> str:
    try:
        return importlib.metadata.version("engine-room")
    except importlib.metadata.PackageNotFoundError:
        return "checkout"
