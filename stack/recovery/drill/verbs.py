"""What the verb `drill` does; its options are in `stack.recovery.cli`."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
import psutil

from reports.evidence import write_atomically
from reports.verdict import Finding, Verdict
from stack.errors import NeedMissingError, UsageError
from stack.recovery.canaries import REPOSITORY, Canaries
from stack.recovery.drill import history
from stack.recovery.drill.page import page_text
from stack.recovery.drill.report import Loss, Report
from stack.recovery.drill.run import Handed, Limits, run_drill
from stack.recovery.forge import load_queries
from stack.recovery.postgresql.restore import end_server
from stack.recovery.run import restic_of
from stack.recovery.sets import check_sets
from stack.recovery.store import named

if TYPE_CHECKING:
    from stack.recovery.cli import Places
    from stack.recovery.postgresql.archive import Archive
    from stack.settings import Settings

__all__ = ["check_age", "drill", "metrics", "write"]

_HISTORY = "drills.jsonl"
_NAME = "drill-"
_MEASURED_WITHIN = 90.0  # seconds: WAL is archived after 60 at the latest, receiver or not


def drill(places: Places, settings: Settings, run: str | None, target: str, *, keep: bool) -> Verdict:
    """Carry a drill out, leave its evidence, and say what came of it."""
    name = f"{_NAME}{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
    into = (settings.state_dir / name).absolute()
    known = settings.state_dir / _HISTORY
    archive = places.remote(settings, run, into / "database" / "agent")
    earlier = history.read(known, archive.bucket.name)
    handed = Handed(
        archive=archive,
        verifier=places.verifier(settings),
        restic=restic_of(archive, places.program(settings, "restic")),
        queries=load_queries(settings.recovery.queries),
        into=into,
        boot=places.boots(settings, archive),
        measure=_measure(places, settings, run),
        project=places.project(),
        earlier=earlier,
        canary_repository=REPOSITORY,
        limits=Limits(settings.recovery.allowed_rto, settings.recovery.allowed_rpo),
        slow=settings.slow,
        progress=lambda text: click.echo(f"  {text}", err=True),
    )
    _clean(settings, archive)
    owner = into.with_name(f"{name}.pid")
    owner.parent.mkdir(parents=True, exist_ok=True)
    owner.write_text(f"{os.getpid()}\n", "ascii")
    try:
        report = run_drill(handed, target)
    finally:
        owner.unlink(missing_ok=True)
        if not keep:
            shutil.rmtree(into, ignore_errors=True)
    page = write(report, settings.evidence_dir / name)
    history.append(known, report)
    _tell(report)
    click.echo(f"page: {page}")
    return report.verdict


def _clean(settings: Settings, archive: Archive) -> None:
    """End and remove what a drill left that was killed; its own stack is the runtime's to clean up."""
    for owner in settings.state_dir.glob(f"{_NAME}*.pid"):
        with suppress(OSError, ValueError):
            if psutil.pid_exists(int(owner.read_text("ascii"))):
                continue
        folder = owner.with_suffix("").absolute()
        end_server(archive, folder / "database" / "data")
        shutil.rmtree(folder, ignore_errors=True)
        owner.unlink(missing_ok=True)


def write(report: Report, folder: Path) -> Path:
    """Leave the page and the JSON; where the page is."""
    folder.mkdir(parents=True, exist_ok=True)
    told = json.dumps(report.model_dump(mode="json") | {"verdict": report.verdict.value}, sort_keys=True, indent=1)
    write_atomically(folder / "drill.json", told + "\n")
    return write_atomically(folder / "drill.html", page_text(report))


def check_age(places: Places, settings: Settings, run: str | None) -> list[Finding]:
    """Whether the newest complete set is recent, by the bucket's own times, and whether the last drill is."""
    bucket, key = places.sealed(settings, run)
    _, findings = check_sets(bucket, places.verifier(settings), settings.recovery, key=key)
    about = [each for each in findings if each.rule.startswith(("SET_NONE", "SET_STALE", "STORE_", "CATALOGUE_"))]
    return about + history.late(history.read(settings.state_dir / _HISTORY, bucket.name), settings.recovery.drill_every)


def metrics(settings: Settings) -> str:
    """Of the drills of this archive that this machine knows."""
    recovery = settings.recovery
    known = history.read(settings.state_dir / _HISTORY, named(recovery.bucket, recovery.prefix))
    return history.metrics(known, recovery.server)


def _measure(places: Places, settings: Settings, run: str | None) -> Callable[[], Loss] | None:
    """How to find out what a loss would take, where a live forge is at hand."""
    try:
        source = places.source(settings, run)
        archive, _ = places.find(settings, run)
    except (NeedMissingError, UsageError):
        return None
    canaries = Canaries(source.conninfo, source.git_root)
    return lambda: canaries.measure(archive, within=_MEASURED_WITHIN * settings.slow)


def _tell(report: Report) -> None:
    for stage in report.stages:
        verdict = stage.verdict.label if stage.ran else "NOT RUN"
        click.echo(f"{verdict:<17} {stage.name:<10} {stage.seconds:7.2f} s  {stage.what}")
        for finding in stage.findings:
            click.echo(f"{'':<18}{finding.rule}: {finding.message}")
            click.echo(f"{'':<18}  next: {finding.fix}")
    for finding in report.limits:
        click.echo(f"{finding.rule}: {finding.message}")
    rto = f"{report.rto:.1f} s" if report.rto is not None else "not reached"
    click.echo(f"to the first push (RTO): {rto}; lost (RPO): {_loss(report.loss)}")
    click.echo(f"{report.verdict.label}: drill of set {report.set or 'none'}, {report.seconds:.1f} s")


def _loss(loss: Loss) -> str:
    values = (("rows", loss.rows), ("pushes", loss.pushes))
    shown = [f"{value:.2f} s of {name}" for name, value in values if value is not None]
    return ", ".join([*shown, *([f"not all measured: {loss.why}"] if loss.why else [])])
