"""Speaks git's fast-import stream: commits written straight into a bare repository, the same bytes every time."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from stack.forge.errors import GitError, InvalidError
from stack.forge.gitenv import child_environment
from stack.forge.pipes import wait_for_end
from stack.process import tail

__all__ = [
    "Change",
    "Commit",
    "Executable",
    "FastImport",
    "Files",
    "Gitlink",
    "Person",
    "Streamed",
    "Symlink",
    "as_path",
    "whole_tree",
]


@dataclass(frozen=True, slots=True)
class Executable:
    """A file with the executable bit."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Symlink:
    """A symbolic link; it may point nowhere."""

    target: bytes


@dataclass(frozen=True, slots=True)
class Gitlink:
    """A submodule: the commit of another repository."""

    oid: str


@dataclass(frozen=True, slots=True)
class Streamed:
    """A file too large to hold: exactly `size` bytes in chunks."""

    size: int
    chunks: Iterable[bytes]


_PLAIN = frozenset(range(0x20, 0x7F)) - frozenset(b'"\\')

Change = bytes | Executable | Symlink | Gitlink | Streamed | None
"""What a path becomes; `None` deletes it (a folder with all it holds)."""

Files = Mapping[str, Change] | Mapping[bytes, Change] | Mapping[str | bytes, Change]
"""Paths and what they become."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who wrote or committed."""

    name: str
    email: str

    def line(self, at: datetime) -> bytes:
        """`name <email> seconds offset` as git stores it; `<`, `>` and newlines can't be stored and are dropped."""
        offset = at.utcoffset()
        if offset is None:
            raise InvalidError("A commit's date needs its offset from UTC", on=at.isoformat())
        minutes = int(offset.total_seconds()) // 60
        sign = "-" if minutes < 0 else "+"
        zone = f"{sign}{abs(minutes) // 60:02d}{abs(minutes) % 60:02d}"
        return f"{_plain(self.name)} <{_plain(self.email)}> {int(at.timestamp())} {zone}".encode()


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit to write.

    Attributes:
        author: who wrote it.
        authored: when, with an offset.
        message: what for.
        files: what changes, from path to new content.
        parents: ids or marks of its parents; the first one's tree is what `files` changes.
        committer: who committed it; the author by default.
        committed: when; the author's date by default.
        whole: `files` is the whole tree, nothing of the parent's is kept.
    """

    author: Person
    authored: datetime
    message: str
    files: Iterable[tuple[bytes, Change]] = ()
    parents: tuple[str, ...] = ()
    committer: Person | None = None
    committed: datetime | None = None
    whole: bool = False


@dataclass
class FastImport:
    """One `git fast-import`. Objects are stored, refs are left alone: move them when the context has ended well."""

    git_dir: Path
    timeout: float = 600.0
    _marks: int = field(default=0, init=False)
    _oids: dict[str, str] = field(default_factory=dict, init=False)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def __enter__(self) -> Self:
        """Start git."""
        self._errors = tempfile.TemporaryFile()
        self._marks_file = tempfile.NamedTemporaryFile(prefix="marks-")
        arguments = ["fast-import", "--quiet", "--done", "--date-format=raw", f"--export-marks={self._marks_file.name}"]
        self._process = subprocess.Popen(
            ["git", f"--git-dir={self.git_dir}", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            env=child_environment(),
            start_new_session=True,
        )
        return self

    def commit(self, commit: Commit) -> str:
        """Write one commit; its mark, which later commits may name as parent."""
        self._marks += 1
        mark = f":{self._marks}"
        out = self._stdin()
        # A ref of its own that is dropped again before git would write it: nobody ever sees a half-moved branch.
        ref = b"refs/engine-room/incoming"
        out.write(b"reset %s\n\n" % ref)
        out.write(b"commit %s\nmark %s\n" % (ref, mark.encode()))
        committed = commit.committed or commit.authored
        out.write(b"author %s\n" % commit.author.line(commit.authored))
        out.write(b"committer %s\n" % (commit.committer or commit.author).line(committed))
        out.write(_data(commit.message.encode()))
        for position, parent in enumerate(commit.parents):
            out.write(b"%s %s\n" % (b"merge" if position else b"from", parent.encode("ascii")))
        if commit.whole:
            out.write(b"deleteall\n")
        for path, change in commit.files:
            for piece in _change(path, change):
                out.write(piece)
        out.write(b"\nreset %s\nfrom %s\n\n" % (ref, b"0" * 40))
        return mark

    def oid(self, mark: str) -> str:
        """The id of a commit; known when the context has ended.

        Raises:
            GitError: there is no such mark.
        """
        try:
            return self._oids[mark]
        except KeyError as error:
            raise GitError("git fast-import did not write this commit", on=f"{self.git_dir} {mark}") from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish, or when something was raised stop and leave no trace but loose objects.

        Raises:
            GitError: git did not accept the stream.
        """
        process = self._process
        if process is None or process.stdin is None:  # pragma: no cover - it is entered once
            return
        try:
            if error is None:
                process.stdin.write(b"done\n")
            process.stdin.close()
        except BrokenPipeError:
            pass  # its exit code and last words say why
        try:
            code = wait_for_end(process, self.timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        self._errors.seek(0)
        words = tail(self._errors.read().decode("utf-8", "replace"))
        marks = Path(self._marks_file.name).read_text("ascii").split()
        self._oids = dict(zip(marks[::2], marks[1::2], strict=True))
        self._errors.close()
        self._marks_file.close()
        if code and (error is None or isinstance(error, BrokenPipeError)):
            raise GitError("git fast-import refused the stream", on=str(self.git_dir), got=words) from error

    def _stdin(self) -> IO[bytes]:
        if self._process is None or self._process.stdin is None:
            raise GitError("git fast-import is not running", on=str(self.git_dir))
        return self._process.stdin


def as_path(path: str | bytes) -> bytes:
    """A path as git keeps it.

    Raises:
        InvalidError: it is absolute, empty, has empty, `.`, `..` or `.git` parts, or a NUL.
    """
    raw = path.encode("utf-8", "surrogateescape") if isinstance(path, str) else path
    if b"\0" in raw or any(part.lower() in {b"", b".", b"..", b".git"} for part in raw.split(b"/")):
        raise InvalidError("This path can't be in a repository", on=repr(raw)[:200])
    return raw


def whole_tree(files: Files) -> Iterator[tuple[bytes, Change]]:
    """Files in the order of their paths."""
    named = {as_path(path): change for path, change in files.items()}
    return ((path, named[path]) for path in sorted(named))


def _change(path: bytes, change: Change) -> Iterator[bytes]:
    quoted = _quote(path)
    match change:
        case None:
            yield b"D %s\n" % quoted
        case Gitlink(oid):
            yield b"M 160000 %s %s\n" % (oid.encode("ascii"), quoted)
        case Symlink(target):
            yield b"M 120000 inline %s\n" % quoted
            yield _data(target)
        case Executable(data):
            yield b"M 100755 inline %s\n" % quoted
            yield _data(data)
        case Streamed(size, chunks):
            yield b"M 100644 inline %s\ndata %d\n" % (quoted, size)
            sent = 0
            for chunk in chunks:
                sent += len(chunk)
                yield chunk
            if sent != size:
                raise InvalidError("A streamed file has another size than it said", got=f"{sent} of {size} bytes")
            yield b"\n"
        case bytes():
            yield b"M 100644 inline %s\n" % quoted
            yield _data(change)


def _data(data: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(data), data)


def _quote(path: bytes) -> bytes:
    """C-style quoting as git-fast-import(1) asks: everything but plain ASCII as three octal digits."""
    plain = b"".join(bytes([byte]) if byte in _PLAIN else b"\\%03o" % byte for byte in path)
    return b'"%s"' % plain


def _plain(text: str) -> str:
    return "".join(char for char in text if char not in "<>\n\0").strip()
