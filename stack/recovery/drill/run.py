"""Carries a drill out: stage after stage, each with time and verdict; what a failed one keeps from running is said.

What is compared with the set (rows, refs, canaries) is asked before the forge's services start on the restored data:
they would go on working, and what they change could not be told from what was lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import psycopg
from psycopg import sql

from reports.evidence import Project
from reports.verdict import Finding
from stack.errors import EngineRoomError, NeedMissingError
from stack.forge.errors import ForgeError
from stack.recovery import structure, whole
from stack.recovery.canary import later
from stack.recovery.catalogue import Catalogue, Verifier
from stack.recovery.drill.report import Loss, Report, Stage, Trend
from stack.recovery.drill.serve import Forge, ServeError
from stack.recovery.errors import RecoveryError, RefusedError
from stack.recovery.forge import ForgeQueries
from stack.recovery.git import inspect as pushes
from stack.recovery.postgresql import inspect, integrity
from stack.recovery.postgresql.archive import Archive
from stack.recovery.postgresql.restore import end_server
from stack.recovery.reconcile import Restored
from stack.recovery.reconcile import run as reconcile
from stack.recovery.reconcile.place import FolderObjects
from stack.recovery.restic import Restic
from stack.recovery.rules import RULES, broken
from stack.recovery.rules import told as told_of
from stack.recovery.sealed import Sealed
from stack.recovery.sets import check_set, check_sets, find_set

__all__ = ["STAGES", "Booted", "Handed", "Limits", "run_drill"]

STAGES = {
    "inspect": "the set is signed, whole and recent, by what lies in the bucket",
    "restore": "base backup, git, objects and secrets come back from bucket and keys",
    "recover": "the database reaches the set's point",
    "structure": "its schema is the committed one",
    "volume": "every table has as many rows as the set says",
    "semantics": "rows say nothing impossible, canaries are where they must be",
    "integrity": "indexes, sequences, collations and checksums hold",
    "reconcile": "database, git, objects and keys agree, both ways",
    "boot": "the forge comes up on what came back",
    "serve": "it does what a forge does: sign in, clone, push, pull request, search, a job",
}
_UNTRUSTED = ("CATALOGUE_UNSIGNED", "CATALOGUE_DAMAGED")
_UNTESTED = (
    "that the keys can be found by whoever needs them: they were handed to the drill",
    "that this machine, and not another one, is there on that day",
)


class Booted(Protocol):
    """A stack that runs on what came back."""

    @property
    def url(self) -> str:
        """Where its api answers."""

    def indexed(self) -> list[tuple[str, int, int]]:
        """Wait until the search is rebuilt: of each kind, how many the database has and how many the index holds."""

    def invite(self, username: str, owner: str, name: str) -> None:
        """Let a user read a repository, as its owner could."""

    def stop(self) -> None:
        """End it."""


@dataclass(frozen=True)
class Limits:
    """What is asked of a drill, in seconds; None: nothing."""

    rto: float | None = None
    rpo: float | None = None


@dataclass(frozen=True)
class Handed:
    """What a drill is handed: the bucket and the keys, and the way to a stack.

    Attributes:
        archive: seen from here; its own folder is `database/agent` below `into`.
        verifier: whose sets are trusted.
        restic: the archive's restic repository.
        queries: about the forge.
        into: an empty folder, which is left for whoever wants to look.
        boot: starts a stack on what came back; it raises NeedMissingError where it cannot be had.
        measure: finds out what a loss would take now; None where no live forge is at hand.
        project: of this code.
        earlier: drills before this one.
        canary_repository: the git repository of canary commits, `owner/name.git`; empty when there is none.
        limits: what is asked.
        slow: factor of every deadline.
        progress: told what is done.
    """

    archive: Archive
    verifier: Verifier
    restic: Restic
    queries: ForgeQueries
    into: Path
    boot: Callable[[whole.Brought], Booted]
    measure: Callable[[], Loss] | None
    project: Project
    earlier: tuple[Trend, ...] = ()
    canary_repository: str = ""
    limits: Limits = field(default_factory=Limits)
    slow: float = 1.0
    progress: Callable[[str], None] = lambda _: None


def run_drill(handed: Handed, wanted: str = "set") -> Report:
    """Carry it out; whatever happens there is a report.

    Args:
        handed: see there.
        wanted: a set's id or name, or `set` for the newest one.
    """
    return _Drill(handed, wanted).run()


class _StopError(Exception):
    """A stage that the later ones need did not come to its end."""


class _Drill:
    def __init__(self, handed: Handed, wanted: str) -> None:
        self._handed, self._wanted = handed, wanted
        self._stages: dict[str, Stage] = {}
        self._set: Catalogue | None = None
        self._brought: whole.Brought | None = None
        self._booted: Booted | None = None
        self._restoring = 0.0
        self._rto: float | None = None
        self._known: tuple[str, str] | None = None  # a repository to clone

    def run(self) -> Report:
        began, begun = datetime.now(UTC), time.monotonic()
        loss = self._loss()
        try:
            self._in_order()
        except _StopError as stop:
            for name, what in STAGES.items():
                self._stages.setdefault(name, Stage.not_run(name, what, str(stop)))
        finally:
            if self._booted is not None:
                self._booted.stop()
            elif self._brought is not None:
                end_server(self._handed.archive, self._brought.database.data)
        found = self._set
        return Report(
            archive=self._handed.archive.bucket.name,
            began=began,
            seconds=round(time.monotonic() - begun, 3),
            set=found.id if found is not None else "",
            set_completed=found.completed if found is not None else None,
            point=found.point.name if found is not None else "",
            stages=tuple(self._stages[name] for name in STAGES),
            loss=loss,
            rto=round(self._rto, 3) if self._rto is not None else None,
            limits=tuple(self._limits(loss)),
            untested=self._untested(loss),
            earlier=self._handed.earlier,
            project=self._handed.project,
        )

    def _in_order(self) -> None:
        self._stage("inspect", self._inspect)
        if self._set is None:
            raise _StopError("there is no set that could be restored")
        self._bring()
        for name, work in (
            ("structure", self._structure),
            ("volume", self._volume),
            ("semantics", self._semantics),
            ("integrity", self._integrity),
            ("reconcile", self._reconcile),
        ):
            self._stage(name, work)
        self._stage("boot", self._boot)
        if self._booted is None:
            raise _StopError("the restored forge did not come up")
        self._stage("serve", self._serve)

    def _stage(self, name: str, work: Callable[[list[str]], list[Finding]]) -> None:
        self._handed.progress(name)
        begun = time.monotonic()
        told: list[str] = []
        try:
            findings = work(told)
        except RecoveryError as error:
            findings = [told_of(error)]
        except (EngineRoomError, psycopg.Error, OSError) as error:
            findings = [broken("RECONCILE_UNKNOWN", f"{name} could not be asked", evidence=str(error).strip())]
        # Where else a rule is asked, here it broke in this stage.
        findings = [finding.model_copy(update={"stage": name}) for finding in findings]
        self._stages[name] = Stage.of(name, STAGES[name], time.monotonic() - begun, findings, told)

    # -- what lies in the bucket -------------------------------------------------------------------------------------

    def _inspect(self, told: list[str]) -> list[Finding]:
        archive = self._handed.archive
        sets, findings = check_sets(archive.bucket, self._handed.verifier, archive.settings, key=archive.key)
        untrusted = [each for each in findings if each.rule in _UNTRUSTED]
        try:
            self._set = find_set(sets, "latest" if self._wanted == "set" else self._wanted)
        except RefusedError as error:
            return [*untrusted, told_of(error)]
        # What is wrong with other sets is for `backup check`: this drill is about one of them.
        # But one that cannot be trusted may be the newest, in whose place an older one would be restored.
        about = untrusted + [
            each
            for each in findings
            if each not in untrusted and (self._set.id in each.message or each.rule in ("SET_STALE", "KEY_WRONG"))
        ]
        about += [
            each
            for each in check_set(archive.bucket, self._set, key=archive.key)
            if (each.rule, each.message) not in {(known.rule, known.message) for known in about}
        ]
        about += inspect.check(archive)[1]
        about += pushes.check(Sealed(archive.bucket, archive.key), floor=self._set.journal)
        told.append(f"set {self._set.id}, complete since {self._set.completed:%Y-%m-%d %H:%M:%S} UTC")
        told.append(f"{self._set.refs.items} git repositories, {self._set.objects.items} objects")
        return about

    # -- the way back ------------------------------------------------------------------------------------------------

    def _bring(self) -> None:
        handed, found = self._handed, self._set
        assert found is not None, "there is a set"  # noqa: S101
        handed.progress("restore")
        self._restoring = begun = time.monotonic()
        try:
            planned = whole.plan(handed.archive, handed.verifier, found.id, handed.into)
            brought = whole.restore(handed.archive, planned, handed.restic, progress=handed.progress)
        except (EngineRoomError, psycopg.Error, OSError) as error:
            spent = time.monotonic() - begun
            rule = error.rule if isinstance(error, RecoveryError) else "RESTORE_FAILED"
            name = "recover" if RULES[rule].stage == "recover" or rule.startswith("WAL_") else "restore"
            finding = told_of(error) if isinstance(error, RecoveryError) else broken(rule, str(error))
            finding = finding.model_copy(update={"stage": name})
            if name == "recover":
                # Only the base backup came back: git, objects and secrets are brought after the database.
                why = "the database did not reach its point, and all else comes after that"
                self._stages["restore"] = Stage.not_run("restore", STAGES["restore"], why)
            self._stages[name] = Stage.of(name, STAGES[name], spent, [finding], [])
            raise _StopError(f"{name} failed: {RULES[rule].meaning}") from error
        self._brought = brought
        with suppress(psycopg.Error, EngineRoomError), psycopg.connect(brought.conninfo) as db:
            self._known = next(((str(row[0]), str(row[1])) for row in handed.queries.rows(db, "clonable")), None)
        database = brought.database
        recovering = database.recovered - database.fetched
        told = [f"{count} {name}" for name, count in brought.counts.items() if count]
        told += [f"{name} {spent:.1f} s" for name, spent in brought.seconds.items()]
        findings = [finding.model_copy(update={"stage": "restore"}) for finding in brought.findings]
        spent = time.monotonic() - begun - recovering
        self._stages["restore"] = Stage.of("restore", STAGES["restore"], spent, findings, told)
        reached = [f"from base backup {database.backup.id} to {found.point.name}"]
        self._stages["recover"] = Stage.of("recover", STAGES["recover"], recovering, [], reached)

    # -- what came back ----------------------------------------------------------------------------------------------

    @property
    def _forge(self) -> whole.Brought:
        assert self._brought is not None, "it came back"  # noqa: S101
        return self._brought

    def _structure(self, told: list[str]) -> list[Finding]:
        found = self._set
        schema = int(found.versions.get("schema", "0")) if found is not None else 0
        told.append(f"schema {schema}")
        return structure.check(self._forge.conninfo, schema)

    def _volume(self, told: list[str]) -> list[Finding]:
        counts = dict(self._set.counts) if self._set is not None else {}
        findings, rows = [], 0
        with psycopg.connect(self._forge.conninfo) as db:
            for table, expected in sorted(counts.items()):
                try:
                    with db.transaction():
                        row = db.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
                except psycopg.errors.UndefinedTable:
                    findings.append(broken("VOLUME_DIFFERS", f"{table} is not there; the set says {expected} rows"))
                    continue
                there = int(row[0]) if row is not None else 0
                rows += there
                if there != expected:
                    findings.append(broken("VOLUME_DIFFERS", f"{table} has {there} rows, the set says {expected}"))
        told.append(f"{rows} rows in {len(counts)} tables")
        if not counts:
            findings.append(broken("RECONCILE_UNKNOWN", "the set does not say how many rows there were"))
        return findings

    def _restored(self) -> Restored:
        found, brought = self._set, self._forge
        assert found is not None, "there is a set"  # noqa: S101
        secrets = brought.folder / "secrets"
        objects = brought.folder / "objects"
        return Restored(
            conninfo=brought.conninfo,
            git_root=brought.git_root,
            objects=FolderObjects(objects) if "objects" not in found.left_out else None,
            vault_keys=tuple(sorted(path for path in secrets.rglob("*") if path.is_file())),
            canary=found.canary,
            later=later(found.canary) if found.canary else "",
            canary_repository=self._handed.canary_repository,
        )

    def _semantics(self, told: list[str]) -> list[Finding]:
        findings = []
        with psycopg.connect(self._forge.conninfo) as db:
            asked = list(self._handed.queries.rows(db, "impossible"))
        told.append(f"{len(self._handed.queries.impossible)} questions about what cannot be")
        findings += [broken("ROWS_IMPOSSIBLE", str(row[0])) for row in asked]
        return findings + self._checks(["C8"], told)

    def _integrity(self, told: list[str]) -> list[Finding]:
        told.append("every index of every database, compared with its whole table")
        return integrity.check(self._forge.database.conninfo)

    def _reconcile(self, told: list[str]) -> list[Finding]:
        return self._checks(["C1", "C2", "C3", "C4", "C5", "C6"], told)

    def _checks(self, names: list[str], told: list[str]) -> list[Finding]:
        findings: list[Finding] = []
        for report in reconcile(self._restored(), self._handed.queries, only=names):
            told.append(f"{report.check}: {report.what}; looked at {report.looked}, {len(report.findings)} findings")
            findings += report.findings
        return findings

    # -- the forge ---------------------------------------------------------------------------------------------------

    def _boot(self, told: list[str]) -> list[Finding]:
        try:
            self._booted = self._handed.boot(self._forge)
        except NeedMissingError as error:
            return [broken("BOOT_UNKNOWN", str(error))]
        except EngineRoomError as error:
            return [broken("BOOT_FAILED", error.what, evidence=f"{error.on}\n{error.got}".strip())]
        told.append(f"its api answers after {time.monotonic() - self._restoring:.1f} s")
        return []

    def _serve(self, told: list[str]) -> list[Finding]:
        booted = self._booted
        assert booted is not None, "it came up"  # noqa: S101
        folder = self._handed.into / "clones"
        folder.mkdir(mode=0o700)
        forge = Forge(booted.url, folder, booted.invite, self._handed.slow)
        findings: list[Finding] = []
        if self._known is None:
            findings.append(broken("RECONCILE_UNKNOWN", "no repository with commits came back that could be cloned"))
        steps = list(forge.steps(self._known))
        for number, (name, work) in enumerate(steps):
            begun = time.monotonic()
            try:
                said = work()
            except (ServeError, ForgeError) as error:
                findings.append(broken("SERVE_FAILED", f"{name}: {error}"))
                told += [f"{untried}: not tried" for untried, _ in steps[number + 1 :]]
                break
            finally:
                if forge.pushed_at is not None and self._rto is None:
                    self._rto = forge.pushed_at - self._restoring
            told.append(f"{name}: {said}, {time.monotonic() - begun:.1f} s")
        return findings + self._indexed(booted, told)

    @staticmethod
    def _indexed(booted: Booted, told: list[str]) -> list[Finding]:
        findings = []
        try:
            counts = booted.indexed()
        except (EngineRoomError, psycopg.Error) as error:
            return [broken("RECONCILE_UNKNOWN", "the rebuilt search could not be counted", evidence=str(error))]
        for kind, wanted, there in counts:
            told.append(f"search rebuilt: {there} of {wanted} {kind}")
            if wanted != there:
                findings.append(broken("SEARCH_COUNT", f"{there} {kind} are indexed, the database has {wanted}"))
        return findings

    # -- what is asked of it all -------------------------------------------------------------------------------------

    def _untested(self, loss: Loss) -> tuple[str, ...]:
        left_out = self._set.left_out if self._set is not None else {}
        return (*_unmeasured(loss), *_UNTESTED, *(f"{name}: {why}" for name, why in left_out.items()))

    def _loss(self) -> Loss:
        if self._handed.measure is None:
            return Loss(why="no live forge was at hand")
        self._handed.progress("what a loss would take")
        try:
            return self._handed.measure()
        except (EngineRoomError, psycopg.Error, OSError) as error:
            return Loss(why=str(error).strip())

    def _limits(self, loss: Loss) -> list[Finding]:
        limits, findings = self._handed.limits, []
        # Where a live forge is at hand it has to be measured; elsewhere only if there is a limit to hold.
        if loss.worse is None and (limits.rpo is not None or self._handed.measure is not None):
            findings.append(broken("LOSS_UNMEASURED", loss.why or "rows or pushes were not measured"))
        if limits.rpo is not None and loss.worse is not None and loss.worse > limits.rpo:
            findings.append(broken("RPO_EXCEEDED", f"{loss.worse:.1f} s of data, the limit is {limits.rpo:g} s"))
        if limits.rto is not None and self._rto is not None and self._rto > limits.rto:
            findings.append(broken("RTO_EXCEEDED", f"{self._rto:.1f} s, the limit is {limits.rto:g} s"))
        return findings


def _unmeasured(loss: Loss) -> tuple[str, ...]:
    return () if loss.worse is not None else (f"what a loss would take: {loss.why or 'not measured'}",)
