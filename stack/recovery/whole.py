"""The way back for all of a forge: database, git, objects and secrets of one moment, into an empty folder.

The moment is a set's barrier, any time between two, or as far as the archive reaches. The database comes first; it says
itself what refs and pushes there were at that moment, so git comes back by what it says: from the snapshots of the
newest set before the moment, and from the journal for every push after that.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from psycopg.conninfo import make_conninfo

from reports.verdict import Finding
from stack.recovery import objects, secrets
from stack.recovery.catalogue import Catalogue, Verifier
from stack.recovery.errors import RefusedError
from stack.recovery.git import restore as repositories
from stack.recovery.git import snapshots
from stack.recovery.git.refs import Wanted
from stack.recovery.manifests import ObjectItem, RefsItem, read_objects, read_refs
from stack.recovery.postgresql import restore as postgresql
from stack.recovery.postgresql.archive import Archive
from stack.recovery.restic import Restic
from stack.recovery.rules import broken
from stack.recovery.sealed import Sealed
from stack.recovery.sets import find_set, list_sets, newest

__all__ = ["DONE", "FORGE", "Brought", "Moment", "WholePlan", "moment", "plan", "restore"]

DONE = "restored.json"
"""Written last: a folder without it is no restored forge."""
FORGE = "forge"
"""The forge's own database on its server."""

ObjectSink = Callable[[ObjectItem, Path], None]


@dataclass(frozen=True)
class Moment:
    """Where to go back to.

    Attributes:
        text: as it was asked for.
        set: what git's snapshots, objects and secrets are taken from; None when only the database and the journal of
            pushes reach that moment.
        target: for the database.
    """

    text: str
    set: Catalogue | None
    target: postgresql.Target


@dataclass(frozen=True)
class WholePlan:
    """What a restore will do; everything that could be asked beforehand has been."""

    moment: Moment
    into: Path
    database: postgresql.Plan
    refs: tuple[RefsItem, ...]
    objects: tuple[ObjectItem, ...]


@dataclass
class Brought:
    """A forge that came back, its database running.

    Attributes:
        folder: with the parts `database`, `git`, `objects`, `secrets`, and in `orphans` repositories without a row.
        database: the running cluster.
        conninfo: a superuser's way to the forge's own database on it.
        findings: what is not as it should be; all else is there.
        seconds: by part.
        counts: `repositories`, `objects`, `secrets`, `orphans`.
    """

    folder: Path
    database: postgresql.Restored
    conninfo: str
    findings: list[Finding] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def git_root(self) -> Path:
        """The folder of git repositories."""
        return self.folder / "git"


def moment(archive: Archive, verifier: Verifier, wanted: str) -> Moment:
    """Understand where to go back to.

    Args:
        archive: where the sets are.
        verifier: whose sets are trusted.
        wanted: a set's id or name, `set` for the newest one, a time with its zone, or `latest` for as far as it goes.

    Raises:
        RefusedError: there is no such set, or none that can be trusted.
        UsageError: a time without a zone.
    """
    sets = list_sets(archive.bucket, verifier)
    if wanted == "latest":
        return Moment(wanted, newest(sets), postgresql.Target("latest"))
    target = postgresql.Target.parse(wanted)
    if target.time is None:
        found = find_set(sets, "latest" if wanted == "set" else wanted)
        return Moment(wanted, found, postgresql.Target("name", name=found.point.name))
    asked = target.time
    before = [each.catalogue for each in sets if each.catalogue is not None and each.catalogue.point.time <= asked]
    return Moment(wanted, before[-1] if before else None, target)


def plan(archive: Archive, verifier: Verifier, wanted: str, into: Path) -> WholePlan:
    """Refuse now what would go wrong later.

    Args:
        archive: seen from here; its own folder is below `into`.
        verifier: whose sets are trusted.
        wanted: see `moment`.
        into: an empty folder, or one that is not there.

    Raises:
        RefusedError: the folder is not empty or a server runs on it, there is no such set or moment, its lists are
            missing, damaged, or sealed with another key, the archive is away or of other programs. Nothing was touched.
    """
    postgresql.refuse_folder(into, archive.ground.host)
    found = moment(archive, verifier, wanted)
    refs: list[RefsItem] = []
    contents: list[ObjectItem] = []
    if found.set is not None:
        _refuse_key(archive, found.set)
        sealed = Sealed(archive.bucket, archive.key)
        refs, contents = read_refs(sealed, found.set), read_objects(sealed, found.set)
    database = postgresql.plan(archive, found.target, into / "database")
    return WholePlan(found, into, database, tuple(refs), tuple(contents))


def _refuse_key(archive: Archive, catalogue: Catalogue) -> None:
    sealed = catalogue.keys.get("seal", "")
    if sealed != archive.key.fingerprint:
        raise RefusedError(
            "KEY_WRONG",
            "The set is sealed with another key",
            on=f"{archive.bucket}, set {catalogue.id}",
            got=f"it needs {sealed}, the given key is {archive.key.fingerprint}",
            fix="name that key in [recovery] key_file",
        )


def restore(
    archive: Archive,
    planned: WholePlan,
    restic: Restic,
    *,
    sink: ObjectSink | None = None,
    git_user: str | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Brought:
    """Bring all of it back, and leave the database running.

    Args:
        archive: where from.
        planned: what `plan` allowed.
        restic: the archive's restic repository.
        sink: takes each object of the forge's store; by default they become files below `objects`.
        git_user: whose repositories will be, when we are root.
        progress: told what is done.

    Raises:
        RestoreError, BackupError, StoreError, RefusedError: a part could not be brought back; what is there already is
            left to look at, without the file that says it is whole.
    """
    into = planned.into
    archive.ground.make(into)
    seconds: dict[str, float] = {}
    progress(f"the database, to {planned.moment.target}")
    begun = time.monotonic()
    database = postgresql.restore(archive, planned.database)
    seconds["database"] = time.monotonic() - begun
    brought = Brought(into, database, make_conninfo(database.conninfo, dbname=FORGE), seconds=seconds)
    try:
        _bring_rest(archive, planned, restic, brought, sink=sink, git_user=git_user, progress=progress)
    except BaseException:
        # Nobody should take half of a forge for one.
        postgresql.end_server(archive, database.data)
        raise
    return brought


def _bring_rest(
    archive: Archive,
    planned: WholePlan,
    restic: Restic,
    brought: Brought,
    *,
    sink: ObjectSink | None,
    git_user: str | None,
    progress: Callable[[str], None],
) -> None:
    into, seconds = planned.into, brought.seconds

    def timed(name: str, begun: float) -> None:
        seconds[name] = time.monotonic() - begun

    begun = time.monotonic()
    progress("git repositories")
    _bring_git(archive, planned, restic, brought, user=git_user)
    timed("git", begun)

    progress(f"{len(planned.objects)} objects")
    begun = time.monotonic()
    sealed = Sealed(archive.bucket, archive.key)
    to_file = sink or _Files(into / "objects")
    brought.counts["objects"] = objects.restore_to(sealed, planned.objects, to_file, scratch=into / "scratch")
    timed("objects", begun)

    begun = time.monotonic()
    files: list[Path] = []
    if planned.moment.set is not None:
        folder = into / "secrets"
        folder.mkdir(mode=0o700)
        files = secrets.restore(restic, planned.moment.set, folder)
    brought.counts["secrets"] = len(files)
    timed("secrets", begun)

    shutil.rmtree(into / "scratch", ignore_errors=True)
    if planned.moment.set is None:
        why = f"{planned.moment.text}: there is no set before it, so no object and no secret came back"
        brought.findings.append(broken("PARTS_MISSING", why))
    _finish(planned, brought)


class _Files:
    """Objects as files, each under its key."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, item: ObjectItem, content: Path) -> None:
        target = self._folder / item.key
        if not target.resolve().is_relative_to(self._folder.resolve()):
            raise RefusedError("OBJECT_DIFFERS", "The key of an object leads out of its folder", on=item.key)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(content, target)


def _bring_git(archive: Archive, planned: WholePlan, restic: Restic, brought: Brought, *, user: str | None) -> None:
    taken = planned.into / "snapshots"
    found = planned.moment.set
    if found is not None:
        taken.mkdir(mode=0o700)
        snapshots.restore(restic, found, taken)
    paths = {(item.repository, item.is_wiki): taken / item.path for item in planned.refs if item.shard}

    def start(wanted: Wanted) -> Path | None:
        path = paths.get(wanted.key)
        return path if path is not None and path.is_dir() else None

    brought.findings += repositories.restore_repositories(
        archive,
        brought.conninfo,
        brought.git_root,
        starts=start,
        after=found.journal if found is not None else 0,
        user=user,
    )
    brought.counts["repositories"] = len(snapshots.found_on_disk(brought.git_root))
    brought.counts["orphans"] = _keep_orphans(planned, taken, brought.findings)
    shutil.rmtree(taken, ignore_errors=True)


def _keep_orphans(planned: WholePlan, taken: Path, findings: list[Finding]) -> int:
    """Repositories that were saved though no row knows of them: the forge has no use for them, somebody may have."""
    count = 0
    for item in planned.refs:
        if item.repository or not item.shard or not (taken / item.path).is_dir():
            continue
        target = planned.into / "orphans" / item.path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(taken / item.path, target)
        findings.append(broken("REPOSITORY_ORPHAN", f"{item.path} has no row; it is in {target}"))
        count += 1
    return count


def _finish(planned: WholePlan, brought: Brought) -> None:
    told = {
        "to": planned.moment.text,
        "set": planned.moment.set.id if planned.moment.set is not None else None,
        "base": brought.database.backup.id,
        "completed": datetime.now(UTC).isoformat(timespec="seconds"),
        "counts": brought.counts,
        "findings": [{"rule": each.rule, "message": each.message} for each in brought.findings],
    }
    temporary = brought.folder / f"{DONE}.part"
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(told, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(brought.folder / DONE)
