"""The verbs `backup` and `restore`: whoever runs them puts a way to what they work on into the context's `PLACES`."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click

from reports.verdict import ExitCode, Finding, exit_code
from stack.errors import UsageError

# What is heavy is imported by the verbs that use it: showing a help text need not load a client of S3.
if TYPE_CHECKING:
    from reports.evidence import Project
    from stack.addresses import PostgresAddress
    from stack.recovery.catalogue import Signer, Verifier
    from stack.recovery.drill.run import Booted
    from stack.recovery.postgresql.archive import Archive
    from stack.recovery.postgresql.contents import Contents
    from stack.recovery.sealing import SealKey
    from stack.recovery.source import Source
    from stack.recovery.store import Bucket
    from stack.recovery.tools import Server
    from stack.recovery.whole import Brought
    from stack.settings import Settings

__all__ = ["PLACES", "Places", "backup", "drill", "restore"]

PLACES = "stack.recovery.places"


class Places(Protocol):
    """The way from settings to archives and servers."""

    def begin(self, settings: Settings, run: str | None, *, create: bool) -> tuple[Archive, Server]:
        """A running stack's archive and server; the key is made where there is none, and the bucket if asked."""

    def find(self, settings: Settings, run: str | None, *, pruner: bool = False) -> tuple[Archive, Server]:
        """A running stack's archive and server."""

    def pushes(self, settings: Settings, run: str | None) -> tuple[Archive, PostgresAddress, Path]:
        """A running stack's archive, the forge's database, and the folder of its git repositories."""

    def textfile(self, settings: Settings, run: str | None) -> Path:
        """The folder of text files that a running stack's node exporter reads."""

    def remote(self, settings: Settings, run: str | None, folder: Path, *, pruner: bool = False) -> Archive:
        """An archive as another machine sees it, with its programs' files in `folder`; no stack need run."""

    def source(self, settings: Settings, run: str | None) -> Source:
        """Everything of a running stack that goes into a set."""

    def sealed(self, settings: Settings, run: str | None) -> tuple[Bucket, SealKey | None]:
        """The archive's bucket, and the key if it is at hand; no stack need run, and no program is needed."""

    def signer(self, settings: Settings, *, make: bool = False) -> Signer:
        """What catalogues are signed with."""

    def verifier(self, settings: Settings) -> Verifier:
        """What they are checked with."""

    def program(self, settings: Settings, name: str) -> Path:
        """A program of the toolchain: `restic`, `rclone`."""

    def project(self) -> Project:
        """This code, for evidence."""

    def boots(self, settings: Settings, archive: Archive) -> Callable[[Brought], Booted]:
        """What starts a stack on a forge that came back."""


def _run_option(function: Callable[..., object]) -> Callable[..., object]:
    return click.option("--run", help="Of which run, when there are several.")(function)


def _database_option(function: Callable[..., object]) -> Callable[..., object]:
    text = "The database alone: base backups and WAL, no sets."
    return click.option("--database-only", is_flag=True, help=text)(function)


def _places() -> Places:
    found: Places = click.get_current_context().meta[PLACES]
    return found


@click.group()
def backup() -> None:
    """Take, list, check, copy and prune backups of the forge: sets of database, git, objects and secrets."""


@backup.command("init")
@click.option("--create-bucket", "create", is_flag=True, help="Make the bucket, if it is not there.")
@_run_option
@click.pass_obj
def init(settings: Settings, *, create: bool, run: str | None) -> None:
    """Claim the folder in the bucket for this server, and have it archive its WAL there. Repeating it is safe.

    Refs that git has and the database does not know of are written down, so that their pushes are shipped too.
    """
    from stack.recovery.git import ledger  # noqa: PLC0415

    archive, server = _places().begin(settings, run, create=create)
    marker = archive.begin(server)
    click.echo(f"{server.admin.host}:{server.admin.port} archives to {archive.where}")
    click.echo(f"system {marker.system}, sealed with key {marker.key}: keep a copy of the key elsewhere")
    signer = _places().signer(settings, make=True)
    click.echo(f"sets are signed with key {signer.verifier.fingerprint}: whoever checks them needs the public key")
    _, database, git_root = _places().pushes(settings, run)
    if not ledger.is_kept(database.conninfo()):
        click.echo("its database holds no forge yet, so there are no pushes to ship; repeat this when it does")
        return
    synced = ledger.sync(database.conninfo(), git_root)
    click.echo(f"{synced.looked} git repositories, {len(synced.seen)} of them with refs that nobody had announced")
    for repo in (*synced.missing, *synced.emptied):
        click.echo(f"{repo} has lost its refs: the journal keeps what they were", err=True)


@backup.command("run")
@click.option("--name", default="", help="A name for it.")
@click.option("--if-due", is_flag=True, help="Only if the newest is older than [recovery] base_every hours.")
@click.option("--accept", is_flag=True, help="Although there is far less than in the set before.")
@_database_option
@_run_option
@click.pass_obj
def run_(settings: Settings, *, name: str, if_due: bool, accept: bool, database_only: bool, run: str | None) -> int:
    """Take a set: database, git, objects and secrets of one moment; 2 when its WAL is not all archived yet."""
    from stack.recovery import verbs  # noqa: PLC0415
    from stack.recovery.postgresql.base import take  # noqa: PLC0415
    from stack.recovery.postgresql.contents import look  # noqa: PLC0415

    if not database_only:
        return _tell(verbs.take(_places(), settings, run, name=name, if_due=if_due, accept=accept))

    archive, server = _places().find(settings, run)
    if if_due and not _is_due(archive, look(archive)):
        click.echo("the newest base backup is recent enough")
        return 0
    taken = take(archive, server, name=name)
    click.echo(f"base backup {taken.backup.id}: {_size(taken.backup.size)} in {taken.seconds:.1f} s")
    return _tell(taken.findings)


@backup.command("point")
@click.argument("name")
@_run_option
@click.pass_obj
def point(settings: Settings, *, name: str, run: str | None) -> None:
    """Set a point NAME that can be restored to."""
    from stack.recovery.postgresql.base import set_point  # noqa: PLC0415
    from stack.recovery.postgresql.walfile import show_lsn  # noqa: PLC0415

    archive, server = _places().find(settings, run)
    made = set_point(archive, server, name)
    click.echo(f"{made.name} at {show_lsn(made.lsn)}, {made.time.isoformat(timespec='milliseconds')}")


@backup.command("receive")
@_run_option
@click.pass_obj
def receive(settings: Settings, *, run: str | None) -> int:
    """Ship the unfinished segment about every second, until Ctrl-C."""
    from stack.recovery.postgresql.receiver import Receiver  # noqa: PLC0415

    archive, server = _places().find(settings, run)
    archive.require()
    receiver = Receiver(archive, server)
    click.echo(f"receiving from {server.admin.host}:{server.admin.port}; Ctrl-C ends it")
    receiver.start()
    code = ExitCode.FAIL
    try:
        receiver.wait()
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        code = ExitCode.PASS
    finally:
        receiver.stop()
    click.echo(f"shipped until {receiver.shipped.at}")
    return int(code)


@backup.command("ship")
@click.option("--once", is_flag=True, help="Ship what waits, and end; 2 when something still waits.")
@_run_option
@click.pass_obj
def ship(settings: Settings, *, once: bool, run: str | None) -> int:
    """Ship every accepted push, about a second after it was accepted, until Ctrl-C."""
    from stack.recovery.git.shipper import Shipper  # noqa: PLC0415

    archive, database, git_root = _places().pushes(settings, run)
    archive.require()
    shipper = Shipper(archive, database.conninfo(), git_root)
    if not once:
        click.echo(f"shipping pushes of {database.host}:{database.port} to {archive.bucket}; Ctrl-C ends it")
        shipper.start()
        try:
            shipper.wait()
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        finally:
            shipper.stop()
    else:
        shipper.ship_once()
        shipper.close()
    done = shipper.shipped
    if done.is_standby:
        click.echo("another shipper is at work")
        return int(ExitCode.COULD_NOT_VERIFY)
    click.echo(f"{done.waiting} pushes wait, {done.rows} were shipped{': ' + done.problem if done.problem else ''}")
    return int(ExitCode.COULD_NOT_VERIFY if done.waiting else ExitCode.PASS)


@backup.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@_database_option
@_run_option
@click.pass_obj
def list_(settings: Settings, *, as_json: bool, database_only: bool, run: str | None) -> None:
    """Show sets; with --database-only base backups, how far WAL reaches, and named points."""
    from stack.recovery import verbs  # noqa: PLC0415
    from stack.recovery.postgresql.contents import look  # noqa: PLC0415

    if not database_only:
        sets = verbs.described(_places(), settings, run)
        click.echo(json.dumps(sets, indent=1) if as_json else _shown(sets))
        return

    archive, _ = _places().find(settings, run)
    told = _described(look(archive))
    click.echo(json.dumps(told, indent=1) if as_json else _shown(told))


@backup.command("check")
@click.option("--deep", is_flag=True, help="Read and open every object.")
@_database_option
@_run_option
@click.pass_obj
def check(settings: Settings, *, deep: bool, database_only: bool, run: str | None) -> int:
    """Compare what is in the bucket with what must be; 1 when a rule is broken, 2 when it could not be asked.

    Sets are checked with bucket and public key alone; with the seal key their lists are opened as well.
    """
    from stack.recovery import verbs  # noqa: PLC0415
    from stack.recovery.postgresql.inspect import check, check_deep  # noqa: PLC0415

    if not database_only:
        return _tell(verbs.check(_places(), settings, run, deep=deep))
    archive, _ = _places().find(settings, run)
    contents, findings = check(archive)
    if deep and contents is not None:
        findings += check_deep(archive, contents, archive.require())
    return _tell(findings)


@backup.command("prune")
@click.option("--yes", is_flag=True, help="Delete; without it, only say what would go.")
@_database_option
@_run_option
@click.pass_obj
def prune_(settings: Settings, *, yes: bool, database_only: bool, run: str | None) -> None:
    """Delete sets that no point of the last [recovery] keep_days days needs, and all that no set needs any more."""
    from stack.recovery import verbs  # noqa: PLC0415
    from stack.recovery.postgresql.contents import look  # noqa: PLC0415
    from stack.recovery.postgresql.prune import prune, surplus  # noqa: PLC0415

    if not database_only:
        verbs.prune(_places(), settings, run, yes=yes)
        return
    archive, _ = _places().find(settings, run, pruner=True)
    found = surplus(archive, look(archive))
    for gone in found.backups:
        click.echo(f"base backup {gone.id} {'goes' if yes else 'would go'}, ended {gone.ended}")
    verb = "deleted" if yes else "would be deleted"
    click.echo(f"{len(found.keys)} objects, {_size(found.size)}, {verb} from {archive.where}")
    if yes:
        prune(archive, found)


@backup.command("copy")
@_run_option
@click.pass_obj
def copy_(settings: Settings, *, run: str | None) -> None:
    """Copy everything to the bucket of [recovery.copy]; what is there already is never touched, nor deleted."""
    from stack.recovery import verbs  # noqa: PLC0415

    verbs.copy(_places(), settings, run)


@backup.command("probe")
@_run_option
@click.pass_obj
def probe(settings: Settings, *, run: str | None) -> int:
    """Try what the writer may do in the bucket and what it must not, and whether what is locked stays."""
    from stack.recovery import verbs  # noqa: PLC0415

    return _tell(verbs.probe(_places(), settings, run))


@backup.command("metrics")
@click.option("--file", type=click.Path(path_type=Path), help="Write there, as a node exporter's text file.")
@click.option("--scraped", is_flag=True, help="Write where the stack's own node exporter reads.")
@_run_option
@click.pass_obj
def metrics_(settings: Settings, *, file: Path | None, scraped: bool, run: str | None) -> None:
    """Print the health of archiving and of shipping pushes, and what drills came to, as Prometheus reads it."""
    from stack.recovery import metrics  # noqa: PLC0415
    from stack.recovery.drill import verbs  # noqa: PLC0415

    if scraped and file is not None:
        raise UsageError("Both --file and --scraped are given", fix="one of them says where to write")

    archive, server = _places().find(settings, run)
    _, database, _ = _places().pushes(settings, run)
    health = metrics.measure(archive, server, database.conninfo())
    told = metrics.text(health, archive.settings.server) + verbs.metrics(settings)
    for problem in health.problems:
        click.echo(problem, err=True)
    if scraped:
        file = _places().textfile(settings, run) / metrics.FILE
    if file is None:
        click.echo(told, nl=False)
    else:
        metrics.write(file, told)


@click.command()
@click.option(
    "--to",
    "target",
    default="latest",
    show_default=True,
    help="A set's name or id, `set` for the newest one, a time with its zone; latest: as far as the archive reaches.",
)
@click.option("--into", type=click.Path(path_type=Path), required=True, help="An empty folder.")
@click.option("--database-only", is_flag=True, help="The database alone, to any point's name or time.")
@_run_option
@click.pass_obj
def restore(settings: Settings, *, target: str, into: Path, database_only: bool, run: str | None) -> int:
    """Bring the forge back from bucket and keys alone, verify its database, and leave that running."""
    from stack.recovery import verbs  # noqa: PLC0415
    from stack.recovery.postgresql import integrity  # noqa: PLC0415
    from stack.recovery.postgresql.restore import Target, plan, restore  # noqa: PLC0415

    into = into.absolute()
    if not database_only:
        return _tell(verbs.bring(_places(), settings, run, target, into))
    archive = _places().remote(settings, run, into / "agent")
    planned = plan(archive, Target.parse(target), into)
    click.echo(f"base backup {planned.backup.id}, then WAL to {planned.target}, into {archive.ground.host}: {into}")
    done = restore(archive, planned)
    click.echo(f"fetched after {done.fetched:.1f} s, recovered after {done.recovered:.1f} s")
    click.echo(f"it runs: psql '{done.conninfo}'")
    return _tell(integrity.check(done.conninfo))


@click.command()
@click.option("--to", "target", default="set", show_default=True, help="A set's name or id; `set` for the newest one.")
@click.option("--keep", is_flag=True, help="Leave what came back, to look at it.")
@click.option("--check-age", is_flag=True, help="No drill: only whether the newest set and the last drill are recent.")
@click.option("--metrics", is_flag=True, help="No drill: only what monitoring is told of the last ones.")
@_run_option
@click.pass_obj
def drill(settings: Settings, *, target: str, keep: bool, check_age: bool, metrics: bool, run: str | None) -> int:
    """Bring the forge back from bucket and keys alone into an empty place, prove that it is whole, and let it work.

    Exit codes: 0 every stage passed, 1 one failed, 2 one could not be put to the test.
    """
    from stack.recovery.drill import verbs  # noqa: PLC0415

    if metrics:
        click.echo(verbs.metrics(settings), nl=False)
        return int(ExitCode.PASS)
    if check_age:
        return _tell(verbs.check_age(_places(), settings, run))
    return int(exit_code(verbs.drill(_places(), settings, run, target, keep=keep)))


def _is_due(archive: Archive, contents: Contents) -> bool:
    ends = [each.ended for each in contents.complete if each.ended is not None]
    limit = datetime.now(UTC) - timedelta(hours=archive.settings.base_every)
    return not ends or max(ends) < limit


def _tell(findings: list[Finding]) -> int:
    from stack.recovery.rules import verdict  # noqa: PLC0415

    for finding in findings:
        click.echo(f"{finding.rule}: {finding.message}\n  next: {finding.fix}")
        if finding.evidence:
            click.echo(f"  evidence: {finding.evidence}")
    found = verdict(findings)
    click.echo(f"{found.label}: {len(findings)} findings")
    return int(exit_code(found))


def _described(contents: Contents) -> dict[str, object]:
    covered = contents.covered()
    timelines = sorted({segment.timeline for segment in covered})
    newest = contents.newest_wal
    return {
        "base_backups": [
            {
                "id": each.id,
                "name": each.name,
                "complete": each.done,
                "ended": each.ended.isoformat() if each.ended else None,
                "bytes": each.size,
                "postgresql": each.version // 10000,
            }
            for each in contents.backups
        ],
        "wal": [
            {
                "timeline": timeline,
                "first": min(each for each in covered if each.timeline == timeline).name(),
                "last": max(each for each in covered if each.timeline == timeline).name(),
            }
            for timeline in timelines
        ],
        "missing": [segment.name() for segment in contents.gaps()],
        "unfinished": {segment.name(): contents.reach(segment) for segment in sorted(contents.chunks)[-1:]},
        "newest": newest.modified.isoformat() if newest is not None else None,
        "points": {
            each.name: each.time.isoformat() for each in sorted(contents.points.values(), key=lambda each: each.lsn)
        },
    }


def _shown(told: dict[str, object]) -> str:
    lines = []
    for key, value in told.items():
        items = value if isinstance(value, list) else list(value.items()) if isinstance(value, dict) else [value]
        lines.append(f"{key.replace('_', ' ')}:{'' if items else ' none'}")
        for item in items:
            parts = item.items() if isinstance(item, dict) else [item] if isinstance(item, tuple) else [("", item)]
            lines.append("  " + ", ".join(f"{name} {each}".strip() for name, each in parts))
    return "\n".join(lines)


def _size(count: int) -> str:
    return f"{count / 2**20:.1f} MB"
