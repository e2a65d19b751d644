"""Backup and restore of git beside restic alone: the same program, repositories and store, in turns.

    python -m benchmarks.recovery_git

Restic alone saves the folder of repositories and brings it back. Ours asks the database for refs and git for every
object that they name, holds gc, saves by shards, and looks at what lies in the bucket; a restore sets refs, HEAD, owner
and mode of each repository as the database has them. The gate is 0.85 of restic's throughput; each figure is the median
of the rounds; neither side reads again what it restored. Then a whole set, one small push, and another set, which may
upload 1 % of the first.
"""

from __future__ import annotations

import secrets
import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.gate import gate
from stack.addresses import ObjectStoreAddress
from stack.components.postgresql import PRIMARY
from stack.forge.hosting import Hosting
from stack.forge.migrate import migrate
from stack.forge.repositories import Person, Repositories
from stack.forge.smsly import SmslyForge
from stack.place import key_of, place, signer_of, source_of
from stack.recovery.barrier import set_barrier
from stack.recovery.git import restore, snapshots
from stack.recovery.git.hold import held
from stack.recovery.postgresql.archive import Archive
from stack.recovery.restic import Restic
from stack.recovery.run import restic_of, run_backup
from stack.recovery.settings import RecoverySettings
from stack.recovery.source import Source
from stack.recovery.store import Bucket
from stack.runtimes import start
from stack.runtimes.base import Stack
from stack.settings import Settings, load

__all__ = ["measure"]

_GATE, _GROWTH = 0.85, 1.0
_ROUNDS = 5
_REPOSITORIES, _COMMITS, _BYTES = 40, 3, 4 << 20
_LIMIT = 900.0
_BUCKET = "engineroom-benchmark"
_ADA = Person("Ada", "ada@example.org")


def measure(settings: Settings) -> Iterator[str]:
    """Lines of Markdown: throughput of a backup and a restore of git beside restic alone, and how a second set grows.

    Args:
        settings: of the run; the forge has a stack of its own.

    Raises:
        GateError: ours is slower than the gate allows, or a second set adds too much.
    """
    with TemporaryDirectory(prefix="engineroom-bench-") as folder:
        recovery = RecoverySettings(
            bucket=_BUCKET, key_file=Path(folder) / "key", signing_key=Path(folder) / "sign", archive_timeout=3600
        )
        key_of(settings, recovery, make=True)
        stack = start(settings, components=[PRIMARY, "objects"])
        try:
            here = place(settings, stack, recovery=recovery)
            here.archive.bucket.create()
            here.archive.begin(here.server)
            hosting = _fill(stack)
            source = source_of(settings, stack, recovery=recovery)
            yield from _measure(here.archive, source, Path(folder))
            signer = signer_of(settings, recovery, make=True)
            run_backup(here.archive, source, signer)
            first = _size(here.archive.bucket)
            _push(hosting, "r0", b"one small push\n")
            run_backup(here.archive, source, signer)
            grew = 100 * (_size(here.archive.bucket) - first) / first
            size = first / 2**20
            hosting.forge.close()
            yield f"\nA second set after one small push added {grew:.3f} % of the first ({size:.0f} MB)."
            yield f"Gate, below {_GROWTH:g} %: {'held' if grew < _GROWTH else 'missed'}."
            gate(grew < _GROWTH, f"A second set added {grew:.2f} % of the first")
        finally:
            stack.stop()


def _fill(stack: Stack) -> Hosting:
    found = stack.addresses.database
    assert found is not None, "this stack has no database"  # noqa: S101
    migrate(found.conninfo())
    hosting = Hosting(SmslyForge(found.conninfo()), Repositories(stack.folder / "git"))
    hosting.forge.create_user("ada", email="ada@example.org")
    for number in range(_REPOSITORIES):
        hosting.create_repository("ada", f"r{number}")
        for _ in range(_COMMITS):
            _push(hosting, f"r{number}", secrets.token_bytes(_BYTES))
    return hosting


def _push(hosting: Hosting, name: str, content: bytes) -> None:
    files = {f"{secrets.token_hex(4)}.bin": content}
    hosting.push("ada", name, files, branch="main", author=_ADA, date=datetime.now(UTC), message="more")


def _measure(archive: Archive, source: Source, folder: Path) -> Iterator[str]:
    size = sum(path.stat().st_size for path in source.git_root.rglob("*") if path.is_file())
    times: dict[str, tuple[list[float], list[float]]] = {"git backup": ([], []), "git restore": ([], [])}
    for number in range(_ROUNDS):
        alone = _alone(archive, source, folder, number)
        ours = restic_of(_below(archive, f"ours-{number}"), source.restic, folder / f"cache-ours-{number}")
        ours.ensure()
        times["git backup"][0].append(_timed(lambda: _save_alone(alone, source)))  # noqa: B023 - used at once
        taken: list[snapshots.Taken] = []
        times["git backup"][1].append(_timed(lambda: taken.append(_save(ours, archive, source, number))))  # noqa: B023
        times["git restore"][0].append(_timed(lambda: _back_alone(alone, folder / "alone")))  # noqa: B023
        times["git restore"][1].append(_timed(lambda: _back(ours, archive, source, taken[0], folder / "ours")))  # noqa: B023
        for each in ("alone", "ours"):
            shutil.rmtree(folder / each)
    yield from _table(times, size)


def _below(archive: Archive, prefix: str) -> Archive:
    bucket = Bucket(archive.bucket.address, archive.bucket.bucket, prefix)
    return Archive(
        archive.settings, bucket, archive.key, ground=archive.ground, programs=archive.programs, folder=archive.folder
    )


def _alone(archive: Archive, source: Source, folder: Path, number: int) -> Restic:
    address: ObjectStoreAddress = archive.bucket.address
    bucket = Bucket(address, archive.bucket.bucket, f"alone-{number}")
    restic = Restic(source.restic, bucket, archive.key, folder / f"cache-alone-{number}")
    restic.ensure()
    return restic


def _save_alone(restic: Restic, source: Source) -> None:
    restic.run(["backup", "--quiet", source.git_root], within=_LIMIT)


def _back_alone(restic: Restic, into: Path) -> None:
    restic.run(["restore", "latest", "--target", into], within=_LIMIT)


def _save(restic: Restic, archive: Archive, source: Source, number: int) -> snapshots.Taken:
    on_disk = [source.git_root / path for path in snapshots.found_on_disk(source.git_root)]
    with held(on_disk):
        barrier = set_barrier(archive, source, f"bench-{number}")
        taken = snapshots.take(
            restic,
            source.git_root,
            barrier.items(),
            server="forge",
            set_id=f"bench-{number}",
            most=archive.settings.shards,
            from_database=True,
        )
    assert not taken.findings, taken.findings  # noqa: S101
    for snapshot in taken.snapshots:
        assert restic.bucket.head(f"restic/snapshots/{snapshot.id}") is not None  # noqa: S101
    return taken


def _back(restic: Restic, archive: Archive, source: Source, taken: snapshots.Taken, into: Path) -> None:
    start_at = into / "snapshot"
    for snapshot in taken.snapshots:
        restic.restore(snapshot.id, start_at)
    findings = restore.restore_repositories(
        archive, source.conninfo, into / "git", starts=lambda wanted: start_at / wanted.git, after=1 << 40, verify=False
    )
    assert not findings, findings  # noqa: S101


def _timed(work: Callable[[], object]) -> float:
    begun = time.monotonic()
    work()
    return time.monotonic() - begun


def _size(bucket: Bucket) -> int:
    return sum(stored.size for stored in bucket.list())


def _table(times: dict[str, tuple[list[float], list[float]]], size: int) -> Iterator[str]:
    yield f"{_REPOSITORIES} git repositories, {size / 2**20:.0f} MB, median of {_ROUNDS}:\n"
    yield "| | ours, MB/s | restic alone, MB/s | ratio | gate |"
    yield "|---|---|---|---|---|"
    ratios = {}
    for name, (alone, ours) in times.items():
        there, here = statistics.median(alone), statistics.median(ours)
        ratios[name] = ratio = there / here
        held = "held" if ratio >= _GATE else "missed"
        speeds = f"{size / 2**20 / here:.1f} | {size / 2**20 / there:.1f}"
        yield f"| {name} | {speeds} | {ratio:.2f} | >= {_GATE} {held} |"
    for name, ratio in ratios.items():
        gate(ratio >= _GATE, f"{name} is at {ratio:.2f} of restic alone")


def main() -> None:
    """Measure and print."""
    for line in measure(load()):
        print(line, flush=True)


if __name__ == "__main__":
    main()
