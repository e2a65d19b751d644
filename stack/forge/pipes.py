"""A program that is kept open and read piece by piece, each read with a deadline."""

from __future__ import annotations

import os
import select
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from stack.forge.errors import GitError
from stack.forge.gitenv import child_environment
from stack.process import tail

__all__ = ["GitPipe", "PipeClosedError", "wait_for_end"]

_CHUNK = 1 << 16


class PipeClosedError(GitError):
    """The program ended in the middle of an answer."""


class GitPipe:
    """One running git process: bytes in, bytes out, in this thread, never more in memory than was asked for."""

    def __init__(self, git_dir: Path, arguments: Sequence[str], *, timeout: float = 120.0) -> None:
        """Start it.

        Args:
            git_dir: the bare repository.
            arguments: subcommand and its arguments.
            timeout: seconds that any single read or write may take.
        """
        self._git_dir = git_dir
        self._arguments = list(arguments)
        self._timeout = timeout
        self._buffer = bytearray()
        self._start = 0
        # A file and not a pipe: nobody has to read it while the answer is read, so it can't fill and block.
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            ["git", f"--git-dir={git_dir}", *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=child_environment(),
            bufsize=0,
            start_new_session=True,
        )
        if self._process.stdin is None or self._process.stdout is None:  # pragma: no cover - PIPE was asked for
            raise GitError("git has no pipes", on=str(git_dir))
        self._stdin = self._process.stdin
        self._stdout = self._process.stdout

    def write(self, data: bytes) -> None:
        """Send all of `data`.

        Raises:
            PipeClosedError: the process no longer reads.
        """
        view = memoryview(data)
        while view:
            self._wait(self._stdin.fileno(), select.POLLOUT)
            try:
                written = os.write(self._stdin.fileno(), view[: select.PIPE_BUF])
            except BrokenPipeError as error:
                raise self._closed() from error
            view = view[written:]

    def end_of_input(self) -> None:
        """Close its standard input; doing so twice is harmless."""
        self._stdin.close()

    def line(self) -> bytes:
        """The next line without its newline.

        Raises:
            PipeClosedError: the output ended before it.
        """
        return self.until(b"\n")

    def until(self, separator: bytes) -> bytes:
        """What comes before the next `separator`, which is consumed.

        Raises:
            PipeClosedError: the output ended before it.
        """
        piece = self.piece(separator)
        if piece is None:
            raise self._closed()
        return piece

    def pieces(self, separator: bytes) -> Iterator[bytes]:
        """All that follows, in pieces that each ended with `separator`; what is cut off at the end is dropped."""
        while (piece := self.piece(separator)) is not None:
            yield piece

    def piece(self, separator: bytes) -> bytes | None:
        """What comes before the next `separator`, or `None` when the output ended before one."""
        searched = self._start
        while (found := self._buffer.find(separator, searched)) < 0:
            searched = max(self._start, len(self._buffer) - len(separator) + 1)
            offset = searched - self._start
            if not self._fill(_CHUNK):
                return None
            searched = self._start + offset
        piece = bytes(memoryview(self._buffer)[self._start : found])
        self._consume(found + len(separator) - self._start)
        return piece

    def exactly(self, count: int) -> bytes:
        """The next `count` bytes.

        Raises:
            PipeClosedError: the output ended before that.
        """
        while len(self._buffer) - self._start < count:
            if not self._fill(max(_CHUNK, count - (len(self._buffer) - self._start))):
                raise self._closed()
        data = bytes(memoryview(self._buffer)[self._start : self._start + count])
        self._consume(count)
        return data

    def finish(self) -> tuple[int, str]:
        """Wait for the end; exit code and the last lines of its errors.

        Raises:
            GitError: it doesn't end in time; it is killed.
        """
        self.end_of_input()
        try:
            code = wait_for_end(self._process, self._timeout)
        except subprocess.TimeoutExpired as error:
            self._process.kill()
            raise self._late() from error
        return code, self._last_words()

    def close(self) -> None:
        """End it, whatever it is doing."""
        for pipe in (self._stdin, self._stdout):
            pipe.close()
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._errors.close()

    def __enter__(self) -> Self:
        """Use it as a context."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def _consume(self, count: int) -> None:
        self._start += count
        if self._start == len(self._buffer):
            self._buffer.clear()
            self._start = 0

    def _fill(self, count: int) -> bool:
        if self._start:
            del self._buffer[: self._start]
            self._start = 0
        self._wait(self._stdout.fileno(), select.POLLIN)
        data = os.read(self._stdout.fileno(), min(count, 1 << 20))
        self._buffer += data
        return bool(data)

    def _wait(self, descriptor: int, event: int) -> None:
        poll = select.poll()
        poll.register(descriptor, event | select.POLLERR | select.POLLHUP)
        deadline = time.monotonic() + self._timeout
        while not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            if time.monotonic() >= deadline:
                raise self._late()

    def _late(self) -> GitError:
        return GitError(
            f"git {self._arguments[0]} did not answer within {self._timeout} s",
            on=str(self._git_dir),
            fix="look at the disk and the load of the machine that holds the repository",
        )

    def _closed(self) -> PipeClosedError:
        code, words = self.finish()
        return PipeClosedError(
            f"git {self._arguments[0]} ended in the middle of an answer with exit code {code}",
            on=str(self._git_dir),
            got=words,
            fix="run `git fsck` on the repository",
        )

    def _last_words(self) -> str:
        self._errors.seek(0)
        return tail(self._errors.read().decode("utf-8", "replace"))


def wait_for_end(process: subprocess.Popen[bytes], timeout: float) -> int:
    """The exit code of a process, as soon as it has ended: `Popen.wait` with a timeout looks only every 50 ms.

    Args:
        process: what to wait for.
        timeout: seconds.

    Raises:
        subprocess.TimeoutExpired: it still runs.
    """
    if not hasattr(os, "pidfd_open"):  # not Linux
        return process.wait(timeout)
    if process.poll() is None:
        descriptor = os.pidfd_open(process.pid)
        try:
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            poll.poll(timeout * 1000)
        finally:
            os.close(descriptor)
    return process.wait(0)
