"""Ships every accepted push to the bucket, in the order of the database, within about a second.

The git service writes the row in `push_journal` before its client hears that a push was accepted. Here its pack goes
first, then its entry, then the row is marked. Whoever is killed in between leaves a pack that no entry names, or an
entry whose row is not marked: both are met again, and compared. Pushes that wait together share a pack.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from stack.forge.errors import ForgeError, GitError
from stack.recovery import layout
from stack.recovery.errors import BackupError, RecoveryError, StoreError
from stack.recovery.git import contents, ledger, packs
from stack.recovery.git.journal import Entry
from stack.recovery.git.ledger import Key, Row
from stack.recovery.git.packs import Pack
from stack.recovery.postgresql.archive import Archive

__all__ = ["STATE", "Shipped", "Shipper", "told"]

STATE = "shipper.json"
_SCRATCH = "shipper"
_LOCK = 0x656E67696E6501  # any number will do, as long as every shipper takes the same
_WORKERS = 4
_ROWS = 2000  # of one repository, read at once
_TOGETHER = 100  # of these, in one pack
_TIMEOUTS = "-c lock_timeout=10s -c statement_timeout=60s"


@dataclass(frozen=True)
class Shipped:
    """How far it is.

    Attributes:
        at: when nothing waited.
        rows: pushes shipped, since the first shipper of this folder.
        bytes: of their packs, before they were sealed.
        waiting: pushes that wait.
        lag: age of the oldest of them, in seconds.
        failures: what did not work, since the first shipper of this folder.
        problem: the last of it; empty once all has gone well.
        is_standby: another shipper does the work.
    """

    at: datetime | None = None
    rows: int = 0
    bytes: int = 0
    waiting: int = 0
    lag: float = 0.0
    failures: int = 0
    problem: str = ""
    is_standby: bool = False


class Shipper:
    """Ships until it is stopped. Several may run: one works, the others wait for it to end."""

    def __init__(self, archive: Archive, conninfo: str, git_root: Path) -> None:
        """Begin nothing yet.

        Args:
            archive: where pushes go.
            conninfo: the forge's database, as its owner.
            git_root: the folder of its git repositories; they are only read.
        """
        self._archive = archive
        self._conninfo = conninfo
        self._git_root = git_root
        self._scratch = archive.folder / _SCRATCH
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock: psycopg.Connection | None = None
        self._idle: list[psycopg.Connection] = []
        self._counting = threading.Lock()
        self.shipped = Shipped()

    @property
    def is_running(self) -> bool:
        """Whether its thread runs, and was not told to end."""
        return self._thread is not None and self._thread.is_alive() and not self._stop.is_set()

    def start(self) -> None:
        """Run in a thread."""
        self._thread = threading.Thread(target=self.run, name="push-shipper", daemon=True)
        self._thread.start()

    def run(self) -> None:
        """Run here, until `stop`."""
        try:
            while not self._stop.is_set():
                begun = time.monotonic()
                self.ship_once()
                self._stop.wait(max(0.0, self._archive.settings.ship_every - (time.monotonic() - begun)))
        finally:
            self.close()

    def wait(self) -> None:
        """Wait for its thread, which ends by itself only when it broke."""
        if self._thread is not None:
            self._thread.join()

    def stop(self) -> None:
        """End as on SIGTERM: what waits is shipped first."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self.ship_once()
        self.close()

    def kill(self) -> None:
        """End without shipping what waits."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def close(self) -> None:
        """Let another shipper work."""
        for connection in [*self._idle, *([self._lock] if self._lock is not None else [])]:
            connection.close()
        self._idle, self._lock = [], None

    def ship_once(self) -> Shipped:
        """Ship what waits, and tell how far it is; what fails is told, and tried again the next time."""
        try:
            if not self._take_lock():
                self.shipped = Shipped(is_standby=True)
                return self.shipped
            with self._connection() as db:
                keys = ledger.waiting(db)
            problem = self._ship(keys)
            with self._connection() as db:
                left = ledger.backlog(db)
        except (psycopg.Error, OSError) as error:
            self.close()
            self._fail(str(error).strip().partition("\n")[0])
            self._tell()
            return self.shipped
        at = datetime.now(UTC) if left.rows == 0 else self.shipped.at
        self.shipped = replace(self.shipped, at=at, waiting=left.rows, lag=left.lag, problem=problem)
        self._tell()
        return self.shipped

    # -- one repository ----------------------------------------------------------------------------------------------

    def _ship(self, keys: list[Key]) -> str:
        """Ship rows of these repositories; the last problem."""
        if not keys:
            return ""
        away = threading.Event()  # a store that does not answer one need not be asked by all others
        with ThreadPoolExecutor(min(_WORKERS, len(keys))) as pool:
            problems = [problem for problem in pool.map(lambda key: self._try(key, away), keys) if problem]
        for problem in problems:
            self._fail(problem)
        return problems[-1] if problems else ""

    def _try(self, key: Key, away: threading.Event) -> str:
        if away.is_set():
            return ""
        try:
            with self._connection() as db:
                return self._ship_repository(db, key)
        except (RecoveryError, ForgeError, psycopg.Error, OSError) as error:
            if isinstance(error, StoreError):
                away.set()
            return f"repository {key[0]}{' wiki' if key[1] else ''}: {str(error).partition(chr(10))[0]}"

    def _ship_repository(self, db: psycopg.Connection, key: Key) -> str:
        """Ship its rows; what somebody should know of it."""
        problem = ""
        rows = ledger.rows(db, key, limit=_ROWS)
        if any(row.doubtful for row in rows):
            found = ledger.look(db, self._git_root, key)
            if found == "seen":
                rows = ledger.rows(db, key, limit=_ROWS)
            if found == "emptied":
                problem = f"{rows[-1].owner}/{rows[-1].name} has lost all its refs: the journal keeps what they were"
        if not rows:
            return problem
        place = ledger.place_of(db, self._git_root, key)
        if place is not None and not (place / "HEAD").is_file():
            # Renamed just now, or lost. What it brought may still come back with its folder, so nothing is given up.
            raise GitError("The git repository of a push is not there", on=str(place.relative_to(self._git_root)))
        state = ledger.before(db, key, rows[0].id)
        for start in range(0, len(rows), _TOGETHER):
            batch = rows[start : start + _TOGETHER]
            size = self._ship_batch(place, batch, state)
            ledger.mark_shipped(db, [row.id for row in batch])
            with self._counting:
                done = self.shipped
                self.shipped = replace(done, rows=done.rows + len(batch), bytes=done.bytes + size)
            for row in batch:
                state.update({move.ref: move.new for move in row.moves if move.new is not None})
                for move in row.moves:
                    if move.new is None:
                        state.pop(move.ref, None)
        return problem

    def _ship_batch(self, place: Path | None, batch: list[Row], state: dict[str, str]) -> int:
        """Upload the pack of some rows and their entries; bytes of the pack."""
        held = set(state.values())
        wanted = sorted({move.new for row in batch for move in row.moves if move.new is not None} - held)
        there = packs.existing(place, wanted) if place is not None else set()
        with TemporaryDirectory(dir=self._scratch) as folder:
            pack: Pack | None = None
            lost: list[str] = []
            if place is not None and there:
                pack, lost = packs.make(place, sorted(there), held, Path(folder))
            if pack is not None:
                contents.put_pack(self._archive, pack)
            for row in batch:
                news = {move.new for move in row.moves if move.new is not None}
                missing = sorted((news & set(wanted)) - there)
                # Every entry of a batch whose pack lacks something says so: nobody can tell whose it was.
                self._put_entry(row, pack, [*missing, *lost])
        return pack.size if pack is not None else 0

    def _put_entry(self, row: Row, pack: Pack | None, missing: list[str]) -> None:
        news = [move.new for move in row.moves if move.new is not None]
        named = pack if pack is not None and any(oid in pack.index for oid in news) else None
        entry = Entry(
            row=row.id,
            repository=row.repository,
            is_wiki=row.is_wiki,
            owner=row.owner,
            name=row.name,
            accepted=row.accepted,
            shipped=datetime.now(UTC),
            moves=row.moves,
            seen=row.seen,
            pack=named.sha256 if named is not None else None,
            pack_bytes=named.size if named is not None else 0,
            missing=tuple(missing),
            previous=row.previous,
        )
        key = layout.entry(entry.repository, entry.row)
        if self._archive.bucket.put_if_absent(
            key, contents.sealed(self._archive, key, entry.model_dump_json().encode())
        ):
            return
        found = contents.read_entry(self._archive, key)
        if found is None or _identity(found) != _identity(entry):
            raise BackupError(
                "JOURNAL_CONFLICT",
                "The bucket has another push under this number",
                on=f"{self._archive.bucket}/{key}",
                fix="a restored forge ships elsewhere: name another prefix in [recovery]",
            )

    # -- the database ------------------------------------------------------------------------------------------------

    def _take_lock(self) -> bool:
        """Whether this is the shipper that works; the lock lasts as long as its connection."""
        if self._lock is not None:
            self._lock.execute("SELECT 1")
            return True
        connection = self._connect()
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK,)).fetchone()
        if row != (True,):
            connection.close()
            return False
        self._lock = connection
        self.shipped = told(self._archive.folder / STATE) or Shipped()
        self._archive.ground.make(self._archive.folder)
        shutil.rmtree(self._scratch, ignore_errors=True)  # what one that was killed had not shipped yet
        self._scratch.mkdir(mode=0o700)
        return True

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(
            self._conninfo, autocommit=True, options=_TIMEOUTS, application_name="engineroom-shipper"
        )

    @contextlib.contextmanager
    def _connection(self) -> Iterator[psycopg.Connection]:
        with self._counting:
            connection = self._idle.pop() if self._idle else None
        connection = connection or self._connect()
        try:
            yield connection
        except psycopg.Error:
            connection.close()
            raise
        finally:
            if not connection.closed:
                with self._counting:
                    self._idle.append(connection)

    def _fail(self, problem: str) -> None:
        self.shipped = replace(self.shipped, failures=self.shipped.failures + 1, problem=problem)

    def _tell(self) -> None:
        done = self.shipped
        known = {
            "at": done.at.timestamp() if done.at else None,
            "rows": done.rows,
            "bytes": done.bytes,
            "failures": done.failures,
            "problem": done.problem,
        }
        with contextlib.suppress(OSError):  # a full disk must not keep pushes from being shipped
            self._archive.ground.write(self._archive.folder / STATE, json.dumps(known).encode())


def _identity(entry: Entry) -> tuple[object, ...]:
    return entry.row, entry.repository, entry.is_wiki, entry.moves, entry.accepted, entry.previous


def told(path: Path) -> Shipped | None:
    """What a shipper last wrote about itself; None when none ever did."""
    try:
        known = json.loads(path.read_text("utf-8"))
        at = datetime.fromtimestamp(known["at"], UTC) if known["at"] else None
        return Shipped(at, int(known["rows"]), int(known["bytes"]), failures=int(known["failures"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
