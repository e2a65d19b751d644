"""Which commit touched each path last, without holding a history in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog

from stack.forge.git_types import Touch, instant
from stack.forge.objects import ObjectReader
from stack.forge.pipes import GitPipe, PipeClosedError

__all__ = ["touches"]

_log = structlog.get_logger(__name__)

_WINDOW = 64
_FLUSH = b"F\n"
_DIFF = (
    "diff-tree",
    "--stdin",
    "-z",
    "-r",
    "-c",
    "--root",
    "--raw",
    "--no-renames",
    "--always",
    "--format=%H %at %ct %an",  # the name last: it alone may hold spaces
)


@dataclass(frozen=True, slots=True)
class _Commit:
    id: str
    author_name: str
    author_seconds: bytes
    commit_seconds: bytes

    @classmethod
    def parse(cls, header: bytes) -> _Commit:
        """From `id author-seconds committer-seconds author-name`."""
        oid, authored, committed, name = header.split(b" ", 3)
        return cls(oid.decode("ascii"), name.decode("utf-8", "replace"), authored, committed)

    def touch(self, path: bytes) -> Touch:
        return Touch(path, self.id, self.author_name, instant(self.author_seconds), instant(self.commit_seconds))


def touches(git_dir: Path, new: str, old: str | None) -> Iterator[Touch]:
    """For each path the touch with the highest (committer date, commit id); see `GitAccess.touches`.

    Commits are sorted first (28 bytes each), then compared with their parents in that order, so the first touch of a
    path is its newest and nothing but the set of paths seen is kept.
    """
    seen: set[int] = set()
    for commit, path in _changes(git_dir, _newest_first(git_dir, new, old)):
        # Python's 64-bit keyed hash stands for the path: 1 in 30 million that two of a million paths share one.
        mark = hash(path)
        if mark not in seen:
            seen.add(mark)
            yield commit.touch(path)


def _newest_first(git_dir: Path, new: str, old: str | None) -> list[bytes]:
    """All commits from `old` (excluded) to `new`: 8 bytes of committer date and the raw id each, newest first."""
    arguments = ["rev-list", "--timestamp", new, *([f"^{old}"] if old else []), "--"]
    commits: list[bytes] = []
    with GitPipe(git_dir, arguments) as pipe:
        pipe.end_of_input()
        for line in pipe.pieces(b"\n"):
            seconds, _, oid = line.partition(b" ")
            commits.append(_sortable(int(seconds), oid.decode("ascii")))
        code, words = pipe.finish()
    if code:
        # rev-list gives up at the first commit it can't read: go from parent to parent and leave out only that one.
        _log.warning("history_is_incomplete", repository=str(git_dir), commit=new, got=words)
        reader = ObjectReader(git_dir)
        try:
            known = {oid for _, oid in _walk(reader, old, set())} if old else set()
            commits = [_sortable(seconds, oid) for seconds, oid in _walk(reader, new, known)]
        finally:
            reader.close()
    commits.sort(reverse=True)
    return commits


def _sortable(seconds: int, oid: str) -> bytes:
    return max(seconds, 0).to_bytes(8) + bytes.fromhex(oid)


def _walk(reader: ObjectReader, start: str, known: set[str]) -> Iterator[tuple[int, str]]:
    """Committer date and id of every commit that can still be reached and read."""
    seen = set(known)
    waiting = [start]
    while waiting:
        oid = waiting.pop()
        content = None if oid in seen else reader.content(oid)
        seen.add(oid)
        if content is None:
            continue
        header = content.split(b"\n\n", 1)[0].splitlines()
        waiting += [line[7:].decode("ascii") for line in header if line.startswith(b"parent ")]
        seconds = next((line.rsplit(b" ", 2)[-2] for line in header if line.startswith(b"committer ")), b"0")
        yield (int(seconds) if seconds.isdigit() else 0), oid


def _changes(git_dir: Path, commits: list[bytes]) -> Iterator[tuple[_Commit, bytes]]:
    """The paths that each commit wrote, commit by commit, passing over commits whose trees can't be read."""
    start = 0
    while start < len(commits):
        told = 0
        with GitPipe(git_dir, _DIFF) as pipe:
            feeder = _Feeder(pipe, commits, start)
            commit: _Commit | None = None
            while (piece := feeder.next()) is not None:
                if not piece.startswith(b":"):
                    commit = _Commit.parse(piece)
                    told = feeder.answered(commit.id)
                    continue
                path = pipe.until(b"\0")
                if commit is not None and not _deletes(piece):
                    yield commit, path
            code, words = pipe.finish()
        if code == 0:
            return
        # It ended over the commit after the last one it told about, or over the very first.
        if told == 0:
            _log.warning("commit_is_unreadable", repository=str(git_dir), commit=commits[start][8:].hex(), got=words)
        start += max(told, 1)


class _Feeder:
    """Hands commits to `git diff-tree --stdin`, never more at once than fits a pipe, so that neither side can block."""

    def __init__(self, pipe: GitPipe, commits: list[bytes], start: int) -> None:
        self._pipe = pipe
        self._commits = commits
        self._start = start
        self._written = start
        self._told = start
        self._open = True

    def next(self) -> bytes | None:
        """The next record header (of a commit, or of a path that follows); `None` at the end."""
        while self._open and self._written - self._told < _WINDOW:
            batch = self._commits[self._written : self._written + _WINDOW]
            try:
                # A line that is no object id is echoed, and makes git flush what it has.
                self._pipe.write(b"".join(b"%s\n" % commit[8:].hex().encode() for commit in batch) + _FLUSH)
            except PipeClosedError:
                self._open = False
                break
            self._written += len(batch)
            if self._written == len(self._commits):
                self._pipe.end_of_input()
                self._open = False
        while (piece := self._pipe.piece(b"\0")) is not None:
            # Echoes and the newline between a commit and its paths come before a header; a merge may add an empty one.
            if header := piece.lstrip(_FLUSH):
                return header
        return None

    def answered(self, oid: str) -> int:
        """Note that git is at this commit; how many it has told about, this one included."""
        wanted = bytes.fromhex(oid)
        while self._told < self._written:
            self._told += 1
            if self._commits[self._told - 1][8:] == wanted:
                break
        return self._told - self._start


def _deletes(record: bytes) -> bool:
    """Whether a raw diff record (`:100644 000000 ...`, one colon for each parent) says that the path is gone after."""
    parents = len(record) - len(record.lstrip(b":"))
    return record[parents:].split(b" ", parents + 1)[parents] == b"000000"
