"""Backup and restore of PostgreSQL beside bare Barman: the same tools, the same database, the same bucket, in turns.

Bare Barman compresses and uploads; ours seals as well, writes WAL on condition, and looks at what it wrote. Base backup
and restore are counted in bytes of the data folder per second of the tool, WAL in segments per second, one process for
each segment as PostgreSQL runs it. The gate is 0.85 of bare Barman; each figure is the median of the rounds.
"""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from benchmarks.gate import gate
from stack.components.postgresql import PRIMARY
from stack.components.s3 import s3_client
from stack.place import key_of, place
from stack.process import run
from stack.recovery.postgresql.archive import Archive
from stack.recovery.postgresql.walfile import SEGMENT_SIZE, Segment
from stack.recovery.settings import RecoverySettings
from stack.runtimes import start
from stack.settings import Settings
from stack.toolchain import Toolchain

__all__ = ["measure"]

_GATE = 0.85
_ROUNDS = 3
_MEGABYTES = 400
_SEGMENTS = 10
_BUCKET = "engineroom-benchmark"
_LIMIT = 900.0  # seconds for one run of a tool

_Times = dict[str, tuple[list[float], list[float]]]


class _Peer:
    """Barman's programs as they come, into the same bucket."""

    def __init__(self, archive: Archive, bin_: Path) -> None:
        self._archive = archive
        self._bin = bin_
        address = archive.bucket.address
        self._env = {
            "AWS_ACCESS_KEY_ID": address.access_key,
            "AWS_SECRET_ACCESS_KEY": address.secret_key.get_secret_value(),
            "AWS_DEFAULT_REGION": address.region,
            "PGPASSFILE": str(archive.passfile),
            "TMPDIR": "/tmp",  # noqa: S108 - where Barman keeps its parts unless told otherwise
        }
        self._common = ["--endpoint-url", address.endpoint, "--addressing-style", "path"]
        self._place = [f"s3://{_BUCKET}/bare", "forge"]

    def run(self, program: str, options: list[str], after: list[str]) -> None:
        """One of its programs."""
        words: list[str | Path] = [self._bin / program, *options, *self._common, *self._place, *after]
        user = getattr(self._archive.ground, "user", None)
        run(words, timeout=_LIMIT, env=self._env, user=user, cwd=Path("/"))


def _ours(archive: Archive, words: list[str | Path]) -> None:
    done = archive.run(words, within=_LIMIT, passfile=True)
    if done.code != 0:
        raise SystemExit(done.stderr.decode("utf-8", "replace"))


def _timed(work: Callable[[], None]) -> float:
    begun = time.monotonic()
    work()
    return time.monotonic() - begun


def _fill(conninfo: str) -> None:
    # Half of it can be compressed, as source code can; half of it cannot.
    with psycopg.connect(conninfo, autocommit=True) as db:
        db.execute("CREATE TABLE filler (id bigint PRIMARY KEY, content text, noise bytea)")
        db.execute("ALTER TABLE filler ALTER content SET STORAGE EXTERNAL, ALTER noise SET STORAGE EXTERNAL")
        db.execute(
            "INSERT INTO filler SELECT n, repeat(md5(n::text), 64),"
            " (SELECT string_agg(uuid_send(gen_random_uuid()), ''::bytea) FROM generate_series(1, 128) WHERE n > 0)"
            " FROM generate_series(1, %s) AS n",
            (_MEGABYTES * 1024 // 4,),
        )
        db.execute("CHECKPOINT")


def measure(settings: Settings) -> Iterator[str]:
    """Yield lines of the results, from a stack of its own.

    Raises:
        GateError: the gate is missed.
    """
    with TemporaryDirectory(prefix="engineroom-bench-") as keys:
        recovery = RecoverySettings(bucket=_BUCKET, key_file=Path(keys) / "key", archive_timeout=3600)
        key_of(settings, recovery, make=True)
        stack = start(settings, components=[PRIMARY, "objects"])
        try:
            assert stack.addresses.objects is not None, "this stack has no object store"  # noqa: S101
            s3_client(stack.addresses.objects, timeout=10).create_bucket(Bucket=_BUCKET)
            here = place(settings, stack, recovery=recovery)
            here.archive.begin(here.server)
            # Only what is measured is to write to the bucket.
            here.archive.end(here.server)
            _fill(here.server.admin.conninfo())
            bin_ = Toolchain(settings).require("barman").root / "bin"
            yield from _measured(
                here.archive, _Peer(here.archive, bin_), here.server.data, here.server.admin.port, stack.folder
            )
        finally:
            stack.stop()


def _measured(archive: Archive, peer: _Peer, data: Path, port: int, folder: Path) -> Iterator[str]:
    size = sum(path.stat().st_size for path in data.rglob("*") if path.is_file() and "pg_wal" not in path.parts)
    connect = ["--host", "127.0.0.1", "--port", str(port), "--user", "backup", "--dbname", "postgres"]
    backup = [*connect, "--immediate-checkpoint", "--jobs", "2", "--lz4", "--name"]
    segments = _set_aside(archive, data)
    times: _Times = {name: ([], []) for name in ("base backup", "restore", "WAL")}
    for number in range(_ROUNDS):
        _round(archive, peer, times, [*backup, f"round{number}"], target=folder / "restored", segments=segments)
    yield f"PostgreSQL, {size / 2**20:.0f} MB of data, {len(segments)} segments of WAL, median of {_ROUNDS}:\n"
    yield from _table(times, {"base backup": size, "restore": size, "WAL": len(segments) * SEGMENT_SIZE})


def _set_aside(archive: Archive, data: Path) -> list[Path]:
    """Copies of some segments: the server removes its own when it no longer needs them."""
    folder = archive.folder / "segments"
    archive.ground.make(folder)
    found = sorted(path for path in (data / "pg_wal").iterdir() if Segment.parse(path.name))[:_SEGMENTS]
    for path in found:
        archive.ground.write(folder / path.name, path.read_bytes())
    return sorted(folder.iterdir())


def _round(
    archive: Archive, peer: _Peer, times: _Times, backup: list[str], *, target: Path, segments: list[Path]
) -> None:
    name = backup[-1]

    def wal_bare() -> None:
        for path in segments:
            peer.run("barman-cloud-wal-archive", ["--lz4"], [str(path)])

    def wal_ours() -> None:
        for path in segments:
            _ours(archive, ["archive", path])

    def restored(work: Callable[[], None]) -> float:
        archive.ground.make(target)
        spent = _timed(work)
        shutil.rmtree(target)
        return spent

    times["base backup"][0].append(_timed(lambda: peer.run("barman-cloud-backup", backup, [])))
    times["base backup"][1].append(_timed(lambda: _ours(archive, ["barman-cloud-backup", *backup])))
    times["restore"][0].append(restored(lambda: peer.run("barman-cloud-restore", [], [name, str(target)])))
    times["restore"][1].append(restored(lambda: _ours(archive, ["barman-cloud-restore", "--", name, target])))
    # A segment that is there already is compared and not written: each round has to write.
    archive.bucket.delete([stored.key for stored in archive.bucket.list(archive.below + "wals/")])
    times["WAL"][0].append(_timed(wal_bare))
    times["WAL"][1].append(_timed(wal_ours))


def _table(times: _Times, sizes: dict[str, int]) -> Iterator[str]:
    missed = []
    yield "| | ours, MB/s | bare barman-cloud, MB/s | ratio | gate |"
    yield "|---|---|---|---|---|"
    for name, (bare, ours) in times.items():
        there, here = statistics.median(bare), statistics.median(ours)
        rate = sizes[name] / 2**20
        ratio = there / here
        if ratio < _GATE:
            missed.append(name)
        yield (
            f"| {name} | {rate / here:.1f} | {rate / there:.1f} | {ratio:.2f}"
            f" | >= {_GATE} {'MISSED' if ratio < _GATE else 'held'} |"
        )
    gate(not missed, f"below {_GATE} of bare barman-cloud: {', '.join(missed)}")
