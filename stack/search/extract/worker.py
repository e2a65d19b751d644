"""A long-lived child process that answers one question at a time over its pipes, within a time and a memory cap.

The protocol is universal-ctags' interactive mode: one JSON line `{"command": "generate-tags", "filename": ..., "size":
...}` followed by that many bytes; the answer is one JSON object a line: `tag`s, warnings, and at last `completed`.
Whatever else comes back, or nothing in time, ends the child: the next question gets a new one.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import NoReturn

import psutil

from stack.errors import EngineRoomError

try:
    import resource
except ImportError:  # pragma: no cover - no such limits on this platform
    resource = None  # type: ignore[assignment]

__all__ = ["Worker", "WorkerBrokenError", "WorkerTimedOutError"]

_START_SECONDS = 20.0
_CHUNK = 1 << 16
_MAX_LINE = 1 << 20  # no tag is longer
_MAX_ANSWER = 64 << 20  # bytes; a child that says more is no longer trusted
_CPU_GRACE = 5  # seconds
_PATIENCE = 4  # times the processor time that a question may take by the clock
_LOOK_AGAIN = 0.05  # seconds

_TAG = b'{"_type": "tag"'
_COMPLETED = b'{"_type": "completed"'
_ERROR = b'{"_type": "error"'
_WARNING = b'"warning": true'
_GREETING = b'{"_type": "program"'


class WorkerTimedOutError(EngineRoomError):
    """The child took longer than its cap and was killed."""


class WorkerBrokenError(EngineRoomError):
    """The child could not be started, ended, or answered nonsense, and was killed."""


class Worker:
    """One child process; not to be shared by threads."""

    def __init__(self, arguments: Sequence[str], *, memory_cap: int) -> None:
        """Start the child and wait for its first line.

        Args:
            arguments: its command line.
            memory_cap: bytes of address space it may take.

        Raises:
            WorkerBrokenError: it does not start, or its first line is no greeting.
        """
        self._arguments = list(arguments)
        try:
            self._process = subprocess.Popen(
                self._arguments,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                start_new_session=True,
                env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
            )
        except OSError as error:
            raise WorkerBrokenError("start a symbol parser", on=self._arguments[0], got=str(error)) from error
        assert self._process.stdin is not None  # noqa: S101 - asked for above
        assert self._process.stdout is not None  # noqa: S101 - asked for above
        self._in = self._process.stdin.fileno()
        self._out = self._process.stdout.fileno()
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)
        self._busy = 0.0
        self.asked = 0
        self._pending = b""
        self._limit("RLIMIT_AS", memory_cap)
        self._exchange(b"", lambda line: line.startswith(_GREETING), clock=_START_SECONDS, processor=_START_SECONDS)

    def ask(self, name: str, body: bytes, *, seconds: float, tag: Callable[[bytes], None]) -> None:
        """Ask for the definitions in one text.

        Args:
            name: file name that tells the language.
            body: the text.
            seconds: of processor time until the child is killed, so that a busy machine changes no answer; at four
                times as many by the clock it is killed anyway.
            tag: called with each tag's line of JSON.

        Raises:
            WorkerTimedOutError: no complete answer within that time.
            WorkerBrokenError: the child ended or answered nonsense.
        """
        self.asked += 1
        # A child whose parent was killed outright, while it spins in an endless parse, ends by this.
        self._limit("RLIMIT_CPU", math.ceil(self._busy + seconds) + _CPU_GRACE)

        def take(line: bytes) -> bool:
            if line.startswith(_TAG):
                tag(line)
                return False
            if line.startswith(_COMPLETED):
                return True
            if line.startswith(_ERROR) and _WARNING in line:  # "ignoring null tag", for instance
                return False
            return self._break(f"unexpected answer {line[:200]!r}")

        header = json.dumps({"command": "generate-tags", "filename": name, "size": len(body)}).encode() + b"\n"
        begun = time.monotonic()
        self._exchange(header + body, take, clock=_PATIENCE * seconds, processor=seconds)
        self._busy += time.monotonic() - begun

    def close(self) -> None:
        """End the child; not an error if it has ended."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._process.wait()

    def _limit(self, name: str, value: int) -> None:
        if resource is not None and hasattr(resource, "prlimit"):
            with contextlib.suppress(ProcessLookupError):
                number = getattr(resource, name)
                resource.prlimit(self._process.pid, number, (value, resource.prlimit(self._process.pid, number)[1]))

    def _exchange(self, request: bytes, take: Callable[[bytes], bool], *, clock: float, processor: float) -> None:
        """Write a request while reading lines, until `take` says that the answer is complete."""
        todo, said, done = memoryview(request), 0, False
        timer = _Timer(self._process.pid, clock=clock, processor=processor)
        with selectors.DefaultSelector() as selector:
            selector.register(self._out, selectors.EVENT_READ)
            if todo:
                selector.register(self._in, selectors.EVENT_WRITE)
            while not done:
                wait = timer.wait()
                if wait is None:
                    self.close()
                    raise WorkerTimedOutError("find definitions", on=self._arguments[0], got="no answer in time")
                for key, _ in selector.select(wait):
                    if key.fd == self._in:
                        todo = self._write(todo)
                        if not todo:
                            selector.unregister(self._in)
                        continue
                    for line in self._read():
                        said += len(line)
                        done = take(line) or done
                    if said > _MAX_ANSWER:
                        self._break("answers without end")

    def _write(self, todo: memoryview) -> memoryview:
        try:
            return todo[os.write(self._in, todo[:_CHUNK]) :]
        except BlockingIOError:
            return todo
        except OSError as error:
            self._break(str(error))

    def _read(self) -> list[bytes]:
        try:
            chunk = os.read(self._out, _CHUNK)
        except BlockingIOError:
            return []
        if not chunk:
            self._break("ended without an answer")
        *lines, self._pending = (self._pending + chunk).split(b"\n")
        if len(self._pending) > _MAX_LINE:
            self._break("a line without end")
        return lines

    def _break(self, got: str) -> NoReturn:
        self.close()
        code = self._process.returncode
        raise WorkerBrokenError("find definitions", on=self._arguments[0], got=f"{got} (exit code {code})")


class _Timer:
    """Tells how long a child may still take; looks at its processor time only once it is slow, because that costs."""

    def __init__(self, pid: int, *, clock: float, processor: float) -> None:
        self._pid = pid
        self._begun = time.monotonic()
        self._look_at = self._begun + _LOOK_AGAIN
        self._clock = clock
        self._allowed = processor
        self._until: float | None = None  # processor time of the child since its start

    def wait(self) -> float | None:
        """Seconds to wait for the child before asking here again; `None` when its time is up."""
        now = time.monotonic()
        if now < self._look_at:
            return self._look_at - now
        used = self._used()
        if self._until is None:
            # So far it can't have used more than has passed by the clock.
            self._until = used - (now - self._begun) + self._allowed
        left = min(self._clock - (now - self._begun), self._until - used)
        if left <= 0:
            return None
        wait = max(left, _LOOK_AGAIN)
        self._look_at = now + wait
        return wait

    def _used(self) -> float:
        try:
            times = psutil.Process(self._pid).cpu_times()
        except psutil.Error:
            return 0.0  # it has ended: its pipe says so
        return times.user + times.system
