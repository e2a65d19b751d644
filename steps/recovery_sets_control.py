"""The controller behind the steps about sets."""

from __future__ import annotations

import multiprocessing
import secrets
import shutil
import signal
import tempfile
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import psycopg
from botocore.exceptions import ClientError
from psycopg import sql
from psycopg.conninfo import make_conninfo

from reports.verdict import Finding
from stack.components.s3 import s3_client
from stack.forge.errors import GitError
from stack.forge.gitenv import git
from stack.place import archive_of
from stack.recovery import layout, objects
from stack.recovery import secrets as forge_secrets
from stack.recovery.canaries import REPOSITORY
from stack.recovery.catalogue import Catalogue
from stack.recovery.copying import copy_archive
from stack.recovery.deep import check_deep
from stack.recovery.errors import RecoveryError, StoreError
from stack.recovery.git import snapshots
from stack.recovery.git.hold import HELD
from stack.recovery.manifests import read_objects, read_refs
from stack.recovery.postgresql import restore as restoring
from stack.recovery.postgresql.archive import Archive
from stack.recovery.prune import prune_sets, surplus_sets
from stack.recovery.restic import Restic
from stack.recovery.rights import policy, policy_text, probe_lock, probe_rights, seen
from stack.recovery.run import Made
from stack.recovery.sealed import Sealed
from stack.recovery.sets import Inventory, check_set, check_sets, list_sets, needed_by, newest
from stack.recovery.source import Source
from stack.recovery.store import Bucket
from stack.runtimes import start
from stack.runtimes.base import Stack
from stack.toolchain import Toolchain
from steps.recovery_accounts import make_account
from steps.recovery_sets_site import STORE, SetSite

__all__ = ["Sets"]

_POLL = 0.05


class Sets:
    """What one scenario does with sets."""

    def __init__(self, site: SetSite) -> None:
        """Nothing is done yet."""
        self.site = site
        self.known: set[str] = {each.id for each in list_sets(site.bucket, site.signer.verifier)}
        self.size_before = site.size()
        self.commit = ""
        self.text = b""
        self.made: Made | None = None
        self.error: RecoveryError | None = None
        self.copy: Archive | None = None
        self.second: Bucket | None = None
        self.into = Path(tempfile.mkdtemp(prefix="engineroom-sets-"))
        self.damaged = ""
        self.pushes: list[float] = []
        self._enough = threading.Event()
        self._storm: threading.Thread | None = None
        self._undo: list[tuple[Path, Path]] = []
        self._gone: list[str] = []
        self._writer: Bucket | None = None
        self._pruner: Bucket | None = None
        self._other: Stack | None = None

    # -- taking ------------------------------------------------------------------------------------------------------

    def take(self, *, accept: bool = False) -> None:
        """Take a set."""
        self.made = self.site.take(accept=accept)

    def try_take(self) -> None:
        """Try to."""
        self.error = None
        try:
            self.made = self.site.take()
        except RecoveryError as error:
            self.error = error

    @property
    def newest(self) -> Catalogue:
        """The newest set of the archive."""
        found = newest(list_sets(self.site.bucket, self.site.signer.verifier))
        assert found is not None, "there is no set"
        return found

    def newest_of(self, archive: Archive) -> Catalogue:
        """The newest set of another archive."""
        found = newest(list_sets(archive.bucket, self.site.signer.verifier))
        assert found is not None, "there is no set"
        return found

    def added(self) -> list[str]:
        """Sets that were added, by their ids."""
        sets = list_sets(self.site.bucket, self.site.signer.verifier)
        return [each.id for each in sets if each.catalogue is not None and each.id not in self.known]

    def push(self) -> None:
        """A small push."""
        self.commit = self.site.push("r1", {"small.txt": secrets.token_hex(20).encode()})

    def tips(self, catalogue: Catalogue) -> set[str]:
        """Every object that a ref of the set names."""
        return {oid for item in read_refs(self.site.sealed, catalogue) for oid in item.refs.values()}

    def plant(self) -> None:
        """Put a text everywhere."""
        self.text = b"planted kestrel " + secrets.token_hex(16).encode()
        self.site.push("r2", {"planted.txt": self.text * 20})
        self.site.put("attachments/planted", self.text * 20)
        planted = self.site.recovery.secrets[0].with_name("planted.key")
        planted.write_bytes(self.text)
        self.site.source = _with_secret(self.site.source, planted)
        with psycopg.connect(self.site.source.conninfo, autocommit=True) as db:
            db.execute("UPDATE repository SET description = %s WHERE name = 'r2'", (self.text.decode(),))

    def readable(self) -> list[Finding]:
        """Where it can be read."""
        whole = Bucket(self.site.store, self.site.recovery.bucket, "")
        return seen(whole, [self.text])

    def push_steadily(self) -> None:
        """Push to all repositories in turns, as fast as it goes, until a set was taken."""
        begun = threading.Event()

        def run() -> None:
            while not self._enough.is_set():
                for name in ("r1", "r2", "r3", "r4"):
                    started = time.monotonic()
                    self.site.push(name, {"storm.txt": secrets.token_bytes(2000)})
                    self.pushes.append(time.monotonic() - started)
                    begun.set()

        self._storm = threading.Thread(target=run, name="pushes")
        self._storm.start()
        assert begun.wait(20), "nobody could push"

    def end_pushes(self) -> None:
        """Nobody pushes any more."""
        self._enough.set()
        if self._storm is not None:
            self._storm.join(30)

    def take_two(self) -> None:
        """Begin a set while one is being taken."""
        reached, go_on = threading.Event(), threading.Event()

        def progress(text: str) -> None:
            if text == "git":
                reached.set()
                go_on.wait(60)

        def first() -> None:
            self.made = self.site.take(progress=progress)

        thread = threading.Thread(target=first)
        thread.start()
        assert reached.wait(60), "the first one did not come to git"
        try:
            self.site.take()
        except RecoveryError as error:
            self.error = error
        finally:
            go_on.set()
            thread.join(120)

    def kill(self) -> None:
        """Kill a backup while it saves git; restic, which it had begun, lives on by itself."""
        context = multiprocessing.get_context("fork")
        reached = context.Event()
        process = context.Process(target=_backup, args=(self.site, reached))
        process.start()
        assert process.pid is not None
        assert reached.wait(60), "it did not come to git"
        time.sleep(0.3)  # so that restic has begun
        assert psutil.Process(process.pid).children(), "nothing was running that could be left behind"
        process.kill()
        process.join(10)
        assert process.exitcode == -signal.SIGKILL, "it ended before it was killed"

    def held(self) -> list[str]:
        """Repositories where gc refuses."""
        refusing = []
        for path in snapshots.found_on_disk(self.site.source.git_root):
            try:
                git(["gc", "--quiet", "--no-prune"], git_dir=self.site.source.git_root / path)
            except GitError:
                refusing.append(path)
            assert not (self.site.source.git_root / path / HELD).exists()
        return refusing

    # -- damage to the forge -----------------------------------------------------------------------------------------

    def lose_objects(self) -> None:
        """Lose the newest objects of a repository."""
        self.damaged = "ada/r3.git"
        path = self.site.git("r3")
        self._keep(path)
        self.site.push("r3", {"lost.txt": secrets.token_bytes(100)})
        tip = git(["rev-parse", "refs/heads/main"], git_dir=path).text.strip()
        (path / "objects" / tip[:2] / tip[2:]).unlink()  # so small a push is not packed

    def lose_repositories(self) -> None:
        """Lose half of the repositories, rows and all, as a wrong statement would."""
        self._gone = ["r0", "r4", "r5", "r1"]
        with psycopg.connect(self.site.source.conninfo, autocommit=True) as db:
            db.execute("UPDATE repository SET deleted_at = now() WHERE name = ANY(%s)", (self._gone,))
        for name in self._gone:
            self._hide(self.site.git(name))

    def _keep(self, path: Path) -> None:
        kept = self.into / path.name
        shutil.copytree(path, kept, symlinks=True)
        self._undo.append((kept, path))

    def _hide(self, path: Path) -> None:
        for each in (path, path.with_name(path.name.replace(".git", ".wiki.git"))):
            if each.exists():
                kept = self.into / each.name
                shutil.move(each, kept)
                self._undo.append((kept, each))

    # -- restoring ---------------------------------------------------------------------------------------------------

    def restore(self) -> None:
        """Restore git, objects and secrets of the newest set."""
        catalogue = self.newest
        snapshots.restore(self.site.restic, catalogue, self.into / "git")
        forge_secrets.restore(self.site.restic, catalogue, self.into / "secrets")
        bucket = Bucket(self.site.store, f"engineroom-back-{secrets.token_hex(4)}", "")
        bucket.create()
        self.second = bucket
        items = read_objects(self.site.sealed, catalogue)
        objects.restore(self.site.sealed, items, bucket, scratch=self.into / "scratch")

    def wrong_refs(self, *, but: str = "", live: bool = True) -> list[str]:
        """Refs that do not reach all they should in what came back; `live`: and that are not what the forge has now."""
        wrong = []
        items = read_refs(self.site.sealed, self.newest)
        assert items, "the set names no repository"
        for item in items:
            if item.path == but:
                continue
            # Of canaries one is always written after the point.
            is_compared = live and item.path != REPOSITORY
            now = snapshots.refs_on_disk(self.site.source.git_root / item.path) if is_compared else dict(item.refs)
            wrong += [] if now == dict(item.refs) else [f"{item.path}: {item.refs}, the forge has {now}"]
            for oid in item.refs.values():
                git_dir = self.into / "git" / item.path
                done = git(["fsck", "--connectivity-only", oid], git_dir=git_dir, ok=range(256))
                wrong += [] if done.code == 0 else [f"{item.path}: {done.stderr.decode()}"]
        return wrong

    def wrong_rows(self) -> list[str]:
        """How a database that is recovered to the newest set's point differs from what the set tells."""
        catalogue = self.newest
        into = self.site.stack.folder / "restores" / secrets.token_hex(4)
        into.parent.mkdir(exist_ok=True)
        archive = archive_of(
            self.site.settings,
            into / "agent",
            store=self.site.store,
            recovery=self.site.recovery,
            stack=self.site.stack,
        )
        done = restoring.restore(archive, restoring.plan(archive, restoring.Target.parse(catalogue.point.name), into))
        try:
            database = self.site.source.database.database
            with psycopg.connect(make_conninfo(done.conninfo, dbname=database)) as db:
                counts = {table: _count(db, table) for table in catalogue.counts}
                known = db.execute("SELECT repository_id, is_wiki, ref, oid FROM repository_ref").fetchall()
        finally:
            words: list[str | Path] = [
                archive.programs.postgresql["pg_ctl"],
                "stop",
                "-m",
                "immediate",
                "-D",
                done.data,
            ]
            archive.ground.run(words, within=30, env=archive.programs.env)
        told = {
            (item.repository, item.is_wiki, ref, oid)
            for item in read_refs(self.site.sealed, catalogue)
            for ref, oid in item.refs.items()
        }
        wrong = [f"{row}: on one side alone" for row in told ^ {tuple(row) for row in known}]
        rows = catalogue.counts
        return wrong + [
            f"{table}: {counts[table]}, told {rows[table]}" for table in rows if counts[table] != rows[table]
        ]

    def wrong_contents(self) -> list[str]:
        """Objects and secrets that came back otherwise than they are in the forge."""
        assert self.second is not None
        there = {stored.key: self.second.get(stored.key) for stored in self.second.list()}
        mine = {stored.key: self.site.objects.get(stored.key) for stored in self.site.objects.list()}
        assert len(mine) >= 4
        wrong = [key for key in mine.keys() | there.keys() if mine.get(key) != there.get(key)]
        for path in self.site.source.secrets:
            back = self.into / "secrets" / path.relative_to("/")
            wrong += [] if back.read_bytes() == path.read_bytes() else [str(path)]
            wrong += [] if back.stat().st_mode == path.stat().st_mode else [f"{path}: its mode"]
        return wrong

    # -- checking ----------------------------------------------------------------------------------------------------

    def check(self, archive: Archive | None = None, *, deep: bool = False, key: bool = True) -> list[Finding]:
        """What the check says."""
        of = archive or self.site.archive
        sets, findings = check_sets(of.bucket, self.site.signer.verifier, of.settings, key=of.key if key else None)
        if deep:
            catalogues = [each.catalogue for each in sets if each.catalogue is not None]
            findings += check_deep(of, catalogues, self.site.source.restic)
        return findings

    def check_newest(self) -> list[Finding]:
        """What it says of the newest set alone."""
        return check_set(self.site.bucket, self.newest, key=self.site.archive.key)

    def check_late(self, hours: float) -> list[Finding]:
        """What it says when so many hours pass without another set."""
        late = datetime.now(UTC) + timedelta(hours=hours)
        return check_sets(
            self.site.bucket, self.site.signer.verifier, self.site.recovery, key=self.site.archive.key, now=late
        )[1]

    # -- copies ------------------------------------------------------------------------------------------------------

    @property
    def the_copy(self) -> Archive:
        """The copy that was made."""
        assert self.copy is not None, "no copy was made"
        return self.copy

    def take_younger(self) -> None:
        """Two more sets, unless they are there, of which the first holds something that is gone by the second."""
        if self.site.has_passed:
            return
        self.site.has_passed = True
        self.site.put("attachments/passing", secrets.token_bytes(5000))
        self.site.take()
        self.site.objects.delete(["attachments/passing"])
        self.site.take()

    def make_copy(self) -> None:
        """A copy of the archive in another folder of the bucket."""
        settings = self.site.recovery.model_copy(
            update={"prefix": f"copy-{secrets.token_hex(4)}", "keep_days": 1, "keep_at_least": 1}
        )
        source = self.site.bucket
        target = Bucket(source.address, source.bucket, settings.prefix)
        for stored in source.list():
            source.client.copy_object(
                Bucket=source.bucket,
                Key=f"{target.prefix}/{stored.key}",
                CopySource={"Bucket": source.bucket, "Key": f"{source.prefix}/{stored.key}"},
            )
        of = self.site.archive
        self.copy = Archive(
            settings, target, of.key, ground=of.ground, programs=of.programs, folder=of.folder / "copies"
        )

    def flip(self, what: str) -> None:
        """Flip a byte of an object of this kind."""
        bucket = self.the_copy.bucket
        last = self._whole(bucket)[-1]
        keys = {
            "a catalogue": [layout.catalogue(last)],
            "a list of refs": [layout.part(last, "refs.json")],
            "a list of objects": [layout.part(last, "objects.json")],
            "a content": [stored.key for stored in bucket.list(layout.OBJECTS)],
            "a pack of snapshots": [stored.key for stored in bucket.list(f"{layout.RESTIC}/data/")],
            "a snapshot": [f"{layout.RESTIC}/snapshots/{self.newest.snapshots[0].id}"],
        }[what]
        data = bytearray(bucket.get(keys[0]) or b"")
        data[len(data) // 2] ^= 1
        bucket.put(keys[0], bytes(data))

    def without_catalogue(self) -> str:
        """Take away the newest catalogue; the id of the set before it."""
        sets = self._whole(self.the_copy.bucket)
        self.the_copy.bucket.delete([layout.catalogue(sets[-1])])
        return sets[-2]

    def prune(self) -> None:
        """Prune the copy as it would be after three days; one set stays."""
        late = datetime.now(UTC) + timedelta(days=3)
        doomed = surplus_sets(self.the_copy, self.site.signer.verifier, self.site.source.restic, now=late)
        prune_sets(self.the_copy, doomed, self.site.source.restic)

    def wasted(self) -> list[str]:
        """What the copy still holds though its one set does not need it."""
        bucket = self.the_copy.bucket
        (left,) = list_sets(bucket, self.site.signer.verifier)
        assert left.catalogue is not None
        items = read_objects(Sealed(bucket, self.the_copy.key), left.catalogue)
        needed = {layout.blob(item.sha256) for item in items} | {
            f"{layout.RESTIC}/snapshots/{snapshot.id}" for snapshot in left.catalogue.snapshots
        }
        held = [*bucket.list(layout.OBJECTS), *bucket.list(f"{layout.RESTIC}/snapshots/")]
        return [stored.key for stored in held if stored.key not in needed]

    def copy_out(self) -> None:
        """Copy the archive's copy to a second bucket."""
        if self.second is None:
            self.second = Bucket(self.site.store, f"engineroom-second-{secrets.token_hex(4)}", "kept")
            self.second.create()
        rclone = Toolchain(self.site.settings).require("rclone").program("rclone")
        copy_archive(self.the_copy.bucket, self.second, rclone)

    def delete_set(self) -> None:
        """Delete the oldest set of the copy."""
        oldest = list_sets(self.the_copy.bucket, self.site.signer.verifier)[0]
        self.damaged = oldest.id
        self.the_copy.bucket.delete(stored.key for stored in oldest.parts)

    def second_sets(self) -> list[str]:
        """Whole sets in the second bucket."""
        assert self.second is not None
        return self._whole(self.second)

    def _whole(self, bucket: Bucket) -> list[str]:
        return [each.id for each in list_sets(bucket, self.site.signer.verifier) if each.catalogue is not None]

    def check_second(self) -> list[Finding]:
        """What the check says of the second bucket."""
        assert self.second is not None
        return check_sets(self.second, self.site.signer.verifier, self.site.recovery, key=self.site.archive.key)[1]

    # -- rights ------------------------------------------------------------------------------------------------------

    def lock_proof(self, *, locks: bool) -> tuple[bool, list[Finding]]:
        """What is claimed of a bucket that locks objects, or of one that does not."""
        name = f"engineroom-lock-{secrets.token_hex(4)}"
        client = s3_client(self.site.store, timeout=10)
        client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=locks)
        proof = probe_lock(Bucket(self.site.store, name, "archive"))
        return proof.proven, proof.findings

    def deletable(self) -> list[str]:
        """Of each kind of object that the newest set needs: the one that could be deleted though it is locked."""
        bucket = self.site.bucket
        kinds: dict[str, str] = {}
        for key in needed_by(self.newest, Inventory(bucket)):
            kinds[key.rpartition("/")[0].partition("/")[0] + "/" + key.partition("/")[2].partition("/")[0]] = key
        kinds["catalogue"] = layout.catalogue(self.newest.id)
        assert len(kinds) >= 8, kinds
        gone = []
        for key in kinds.values():
            name = f"{bucket.prefix}/{key}"
            version = bucket.client.head_object(Bucket=bucket.bucket, Key=name)["VersionId"]
            try:
                bucket.client.delete_object(Bucket=bucket.bucket, Key=name, VersionId=version)
            except ClientError:
                continue
            gone.append(key)
        return gone

    def take_out_snapshot(self) -> None:
        """Delete a snapshot from the copy."""
        self.damaged = self.newest.snapshots[0].id
        self.the_copy.bucket.delete([f"{layout.RESTIC}/snapshots/{self.damaged}"])

    def own_rights(self) -> list[Finding]:
        """What the probe says of the store's own account."""
        return probe_rights(self.site.bucket)

    def split(self) -> None:
        """A store of its own, with an account that writes and one that prunes."""
        settings = self.site.settings.model_copy(update={"objects": "versitygw"})
        stack = start(settings, components=[STORE])
        self._other = stack
        store = stack.addresses.objects
        assert store is not None
        name = "archive"
        client = s3_client(store, timeout=10)
        client.create_bucket(Bucket=name)
        writer, pruner = make_account(store), make_account(store)
        told = policy(name, "engineroom", writer=writer.access_key, pruner=pruner.access_key)
        client.put_bucket_policy(Bucket=name, Policy=policy_text(told))
        self._writer, self._pruner = (Bucket(address, name, "engineroom") for address in (writer, pruner))

    def _restic(self, bucket: Bucket | None) -> Restic:
        assert bucket is not None
        return Restic(self.site.source.restic, bucket, self.site.archive.key)

    def writer_snapshot(self) -> None:
        """The writer takes a snapshot, and fails to delete it and everything else but restic's locks."""
        assert self._writer is not None
        assert probe_rights(self._writer, self._pruner) == []
        restic = self._restic(self._writer)
        restic.ensure()
        self.commit = restic.backup(["r0.git"], root=self.site.git("r0").parent, host="probe", tags=()).id
        assert restic.unlock() == []
        for stored in list(self._writer.list()):
            try:
                self._writer.delete([stored.key])
            except StoreError as error:
                assert error.got in {"AccessDenied", "403"}, error  # noqa: PT017 - which refusal it is matters
        left = self._restic(self._pruner)
        assert [told["id"] for told in left.snapshots()] == [self.commit]
        assert left.check(read=True) is None

    def pruner_deletes(self) -> list[dict[str, object]]:
        """What is left when the pruner deleted the snapshot."""
        restic = self._restic(self._pruner)
        restic.forget([self.commit])
        return restic.snapshots()

    # -- the end -----------------------------------------------------------------------------------------------------

    def tidy(self) -> None:
        """The forge is what it was."""
        self.end_pushes()
        for kept, path in reversed(self._undo):
            shutil.rmtree(path, ignore_errors=True)
            shutil.move(kept, path)
        if self.damaged == "ada/r3.git":
            tip = git(["rev-parse", "refs/heads/main"], git_dir=self.site.git("r3")).text.strip()
            with psycopg.connect(self.site.source.conninfo, autocommit=True) as db:
                db.execute(
                    "UPDATE repository_ref SET oid = %s WHERE repository_id = (SELECT id FROM repository"
                    " WHERE name = 'r3') AND NOT is_wiki",
                    (tip,),
                )
        if self._gone:
            with psycopg.connect(self.site.source.conninfo, autocommit=True) as db:
                db.execute("UPDATE repository SET deleted_at = NULL WHERE name = ANY(%s)", (self._gone,))
        if self._other is not None:
            self._other.stop()
        shutil.rmtree(self.into, ignore_errors=True)


def _backup(site: SetSite, reached: threading.Event) -> None:
    def progress(text: str) -> None:
        if text.startswith("git snapshot"):
            reached.set()

    site.take(progress=progress)


def _count(db: psycopg.Connection, table: str) -> int:
    row = db.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
    assert row is not None
    return int(row[0])


def _with_secret(source: Source, path: Path) -> Source:
    return replace(source, secrets=(*source.secrets, path))
