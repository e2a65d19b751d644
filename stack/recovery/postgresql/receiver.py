"""Ships the segment that PostgreSQL still writes to, about every second, so that less than a segment can be lost.

PostgreSQL archives a segment when it is full. Here `pg_receivewal` streams WAL as it is written, and what is new of its
unfinished file goes into the bucket as a chunk named by its place in the segment. A chunk is written once, never
changed: a receiver that is killed, or that runs twice, ships the same bytes under the same names. The slot keeps WAL
for a receiver that is away, as long as `max_slot_wal_keep_size` allows; what it misses, the archiver still archives.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import subprocess
import threading
import time
import zlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import psutil
import psycopg

from stack.process import tail
from stack.recovery.errors import StoreError
from stack.recovery.postgresql.archive import ROLE, SLOT, Archive
from stack.recovery.postgresql.walfile import SEGMENT_SIZE, Segment, read_header
from stack.recovery.tools import Server

__all__ = ["STATE", "Receiver", "Shipped"]

STATE = "receiver.json"
_LOCK = "receiver.lock"
_PROGRAM = "pg_receivewal"
_END_SECONDS = 10
_PARTIAL = ".partial"
_BLOCK = 256 << 10
_KEPT = 64  # finished segments that wait for the bucket; the server keeps them too, until they are archived
_HEAD = 64
_LOG_LINES = 3


@dataclass(frozen=True)
class Shipped:
    """How far it is.

    Attributes:
        at: when all that had been received was in the bucket.
        position: the last byte of WAL in the bucket.
        failures: uploads that did not work, since it was started.
        problem: the last of them, or what pg_receivewal said.
    """

    at: datetime | None = None
    position: int = 0
    failures: int = 0
    problem: str = ""


class Receiver:
    """Streams and ships until it is stopped."""

    def __init__(self, archive: Archive, server: Server) -> None:
        """Begin nothing yet."""
        self._archive = archive
        self._server = server
        self._folder = archive.folder / "receiver"
        self._log = archive.folder / "receiver.log"
        self._stop = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._ends: dict[Segment, int] = {}
        self.shipped = Shipped()

    def start(self) -> None:
        """Run in a thread."""
        self._thread = threading.Thread(target=self.run, name="wal-receiver", daemon=True)
        self._thread.start()

    def run(self) -> None:
        """Run here, until `stop`. Several may run: one works, the others wait for it to end."""
        self._archive.ground.make(self._folder)
        with (self._archive.folder / _LOCK).open("w") as lock:
            while not _is_alone(lock):
                if self._stop.wait(self._archive.settings.receive_every):
                    return
            self._end_left()
            self._work()

    def _work(self) -> None:
        try:
            while not self._stop.is_set():
                begun = time.monotonic()
                try:
                    self._keep_streaming()
                    self.ship()
                except OSError as error:  # a full disk, for one; what could not be kept here the server keeps
                    self._fail(str(error))
                self._stop.wait(max(0.0, self._archive.settings.receive_every - (time.monotonic() - begun)))
        finally:
            self._end_process()

    def wait(self) -> None:
        """Wait for its thread, which ends by itself only when it broke."""
        if self._thread is not None:
            self._thread.join()

    def stop(self) -> None:
        """End as on SIGTERM: what was received is shipped."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(60)
        self.ship()

    def kill(self) -> None:
        """End as if the machine were lost: nothing more is shipped."""
        if self._process is not None:
            self._process.kill()
        self._stop.set()
        if self._thread is not None:
            self._thread.join(60)

    def ship(self) -> bool:
        """Upload what is new; whether all that was received is in the bucket."""
        files = sorted(self._received())
        done = True
        for segment, path in files:
            try:
                done = self._ship_file(segment, path) and done
            except StoreError as error:
                self._fail(str(error).partition("\n")[0])
                done = False
                break
        if done and files:
            last = files[-1][0]
            position = last.start() + self._ends.get(last, 0)
            self.shipped = replace(self.shipped, at=datetime.now(UTC), position=position)
        self._drop_surplus([path for _, path in files])
        self._tell()
        return done

    def _received(self) -> list[tuple[Segment, Path]]:
        found = []
        with contextlib.suppress(FileNotFoundError):
            for path in self._folder.iterdir():
                segment = Segment.parse(path.name.removesuffix(_PARTIAL))
                if segment is not None:
                    found.append((segment, path))
        return found

    def _ship_file(self, segment: Segment, path: Path) -> bool:
        finished = not path.name.endswith(_PARTIAL)
        if segment not in self._ends:
            self._ends[segment] = self._shipped_before(segment)
        first = self._ends[segment]
        if finished and self._is_archived(segment):
            path.unlink(missing_ok=True)
            self._ends.pop(segment)
            return True
        try:
            data = _new_bytes(path, first, finished=finished)
        except FileNotFoundError:
            return True  # it was finished just now, and has another name
        if first == 0 and data and read_header(data[:_HEAD]) is None:
            return True  # its first page is not written yet
        if data:
            after = first + len(data)
            name = f"partial/{segment.name()}/{first:08x}-{after:08x}"
            self._archive.put_if_absent(name, zlib.compress(data, 1))
            self._ends[segment] = after
        if finished and self._ends[segment] == SEGMENT_SIZE:
            path.unlink(missing_ok=True)
            self._ends.pop(segment)
        return True

    def _shipped_before(self, segment: Segment) -> int:
        """What an earlier receiver shipped of it, without a hole."""
        end = 0
        below = f"{self._archive.below}partial/{segment.name()}/"
        for stored in self._archive.bucket.list(below):
            first, _, after = stored.key.rpartition("/")[2].partition("-")
            if int(first, 16) <= end:
                end = max(end, int(after, 16))
        return end

    def _is_archived(self, segment: Segment) -> bool:
        below = f"{self._archive.below}wals/{segment.name()[:16]}/{segment.name()}"
        return any(True for _ in self._archive.bucket.list(below))

    def _drop_surplus(self, paths: list[Path]) -> None:
        # The disk must not fill because a bucket is away; the server has these segments until they are archived.
        finished = [path for path in paths if not path.name.endswith(_PARTIAL)]
        for path in finished[: max(0, len(finished) - _KEPT)]:
            path.unlink(missing_ok=True)

    def _keep_streaming(self) -> None:
        if self._process is not None and self._process.poll() is None:
            return
        if self._process is not None:
            self.shipped = replace(self.shipped, problem=tail(_text(self._log), _LOG_LINES))
            self._renew_slot()
        admin = self._server.admin
        # A connection is tried once a tick, so the program itself need not.
        words: list[str | Path] = [self._archive.programs.postgresql[_PROGRAM], "--host", admin.host]
        words += ["--port", str(admin.port), "--username", ROLE, "--no-password", "--slot", SLOT, "--no-loop"]
        words += ["--status-interval", "1", "--directory", self._folder]
        self._log.unlink(missing_ok=True)
        env = {**self._archive.programs.env, "PGPASSFILE": str(self._archive.passfile), "PGCONNECT_TIMEOUT": "5"}
        self._process = self._archive.ground.spawn(words, log=self._log, env=env)

    def _end_left(self) -> None:
        """What a receiver began that was killed still holds the slot."""
        for process in psutil.process_iter(["name", "cmdline"]):
            if process.info["name"] == _PROGRAM and str(self._folder) in (process.info["cmdline"] or ()):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.terminate()
                    process.wait(_END_SECONDS)

    def _renew_slot(self) -> None:
        """A slot that was away for too long is lost for good, and is made anew: the hole is the archiver's to fill."""
        with contextlib.suppress(psycopg.Error), psycopg.connect(self._server.admin.conninfo(), autocommit=True) as db:
            row = db.execute("SELECT wal_status FROM pg_replication_slots WHERE slot_name = %s", (SLOT,)).fetchone()
            if row == ("lost",):
                db.execute("SELECT pg_drop_replication_slot(%s)", (SLOT,))
                row = None
            if row is None:
                db.execute("SELECT pg_create_physical_replication_slot(%s, true)", (SLOT,))

    def _end_process(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(_END_SECONDS)

    def _fail(self, problem: str) -> None:
        self.shipped = replace(self.shipped, failures=self.shipped.failures + 1, problem=problem)

    def _tell(self) -> None:
        told = {
            "at": self.shipped.at.timestamp() if self.shipped.at else None,
            "position": self.shipped.position,
            "failures": self.shipped.failures,
            "problem": self.shipped.problem,
        }
        with contextlib.suppress(OSError):  # a full disk must not keep WAL from being shipped
            self._archive.ground.write(self._archive.folder / STATE, json.dumps(told).encode())


def _new_bytes(path: Path, first: int, *, finished: bool) -> bytes:
    """The bytes from `first` on; of a file that is still written to, without the zeros at its end."""
    with path.open("rb") as file:
        if finished:
            file.seek(first)
            return file.read(SEGMENT_SIZE - first)
        end = SEGMENT_SIZE
        while end > first:
            start = max(first, end - _BLOCK)
            file.seek(start)
            block = file.read(end - start).rstrip(b"\0")
            if block:
                file.seek(first)
                return file.read(start + len(block) - first)
            end = start
    return b""


def _is_alone(lock: TextIO) -> bool:
    """Whether the lock is ours; whoever had it has ended, however that was."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
