"""The exact index: which documents can contain a literal or a match of a regular expression."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import structlog

from stack.search.exact.errors import CorruptSegmentError, IndexBusyError
from stack.search.exact.format import key_of
from stack.search.exact.grams import TrigramQuery
from stack.search.exact.manifest import MANIFEST, exclusive, sweep, write_manifest
from stack.search.exact.segment import Numbers
from stack.search.exact.snapshot import AllowedRepos, Candidate, LiveSegment, Snapshot, load
from stack.search.exact.writer import Writer

__all__ = ["ExactIndex", "digest_of"]

_log = structlog.get_logger(__name__)
_DIGEST_BITS = 256


class ExactIndex:
    """A folder of segments. It can always be made again from git, and says so when it has to be.

    Any number of processes may read while one writes; each call of a method sees one committed state.
    """

    def __init__(self, folder: Path, *, max_segments: int = 12) -> None:
        """Open the index, or begin an empty one. What a dead writer left behind is removed.

        Args:
            folder: is created if it is missing.
            max_segments: above this, a commit merges the smallest segments.
        """
        self.folder = folder
        self.max_segments = max_segments
        folder.mkdir(parents=True, exist_ok=True)
        self._found_damaged: tuple[CorruptSegmentError, ...] = ()
        self._seen: bytes | None = None
        self._snapshot: Snapshot | None = None
        self._clean()
        for error in self.snapshot().damaged:
            _log.warning("exact index damaged", file=error.name, reason=error.reason)

    def _clean(self) -> None:
        snapshot = self.snapshot()
        if any(error.name == MANIFEST for error in snapshot.damaged):
            return  # a writer will begin anew; until then, the files may help someone to find out what happened
        try:
            with exclusive(self.folder):
                sweep(self.folder, load(self.folder).manifest)
        except IndexBusyError:
            return  # whoever writes has cleaned, and its own files must stay

    def snapshot(self) -> Snapshot:
        """The state committed last; cheap when nothing changed."""
        try:
            seen = (self.folder / MANIFEST).read_bytes()
        except FileNotFoundError:
            seen = b""
        if self._snapshot is None or seen != self._seen:
            self._snapshot = load(self.folder, self._snapshot, self._found_damaged)
            self._seen = seen
        return self._snapshot

    @property
    def damaged(self) -> tuple[CorruptSegmentError, ...]:
        """What is named in the manifest and can't be read: its documents are missing from every answer."""
        return self.snapshot().damaged

    @property
    def generation(self) -> str:
        """As `ensure` set it; `""` for an index that is new, or whose manifest was lost."""
        return self.snapshot().manifest.generation

    def ensure(self, generation: str) -> str:
        """Give a new index its generation.

        Args:
            generation: any text; used only if the index has none.

        Returns:
            The generation it has: a state kept elsewhere about another one is void.
        """
        if not self.generation:
            with self.writer() as writer:
                writer.commit(generation=generation)
        return self.generation

    def clear(self) -> None:
        """Forget everything, the generation too."""
        with exclusive(self.folder):
            manifest = self.snapshot().manifest
            write_manifest(self.folder, manifest.next((), generation=""))
            sweep(self.folder, load(self.folder).manifest)
            self._found_damaged = ()

    def writer(self) -> Writer:
        """Write documents: `with index.writer() as writer: writer.add(...); writer.commit()`.

        Raises:
            IndexBusyError: on entering, when someone else is writing.
        """
        return Writer(self.folder, max_segments=self.max_segments, committed=self.snapshot)

    def remove(self, file_ids: Iterable[str]) -> int:
        """Remove documents for good.

        Args:
            file_ids: unknown ones are no error.

        Returns:
            How many there were.
        """
        with self.writer() as writer:
            removed = writer.remove(file_ids)
            writer.commit()
        return removed

    def compact(self) -> None:
        """Merge into as few segments as the limits of one allow, without the dead documents."""
        with self.writer() as writer:
            writer.compact(everything=True)

    def candidates(self, query: TrigramQuery, repositories: AllowedRepos | None) -> Iterator[Candidate]:
        """The documents that can match, those of newer segments first, each once.

        Args:
            query: the formula.
            repositories: whose documents may be named; `None` is all, for jobs that serve no reader.

        Raises:
            CorruptSegmentError: postings are damaged. From then on the segment counts as missing (`damaged`).
        """
        for live in reversed(self.snapshot().segments):
            yield from live.candidates(self._matching(live, query, repositories))

    def count(self, query: TrigramQuery, repositories: AllowedRepos | None) -> int:
        """How many candidates there are; no names are read.

        Raises:
            CorruptSegmentError: as `candidates`.
        """
        return sum(self._matching(live, query, repositories).size for live in self.snapshot().segments)

    def _matching(self, live: LiveSegment, query: TrigramQuery, repositories: AllowedRepos | None) -> Numbers:
        ids = None if repositories is None else repositories.array()
        try:
            return live.matching(query, ids, excluded=repositories is not None and repositories.excluded)
        except CorruptSegmentError as error:
            self._leave_out(error)
            raise

    def _leave_out(self, error: CorruptSegmentError) -> None:
        _log.error("exact index damaged", file=error.name, reason=error.reason)
        self._found_damaged = (*self._found_damaged, error)
        self._snapshot = load(self.folder, self._snapshot, self._found_damaged)

    def check(self) -> tuple[CorruptSegmentError, ...]:
        """Read every byte of the index.

        Returns:
            What is damaged; its documents count as missing from now on, and the next commit drops them.
        """
        for live in self.snapshot().segments:
            try:
                live.segment.check(everything=True)
            except CorruptSegmentError as error:
                self._leave_out(error)
        return self.damaged

    def documents(self) -> Iterator[Candidate]:
        """Every document that is indexed."""
        for live in self.snapshot().segments:
            yield from live.candidates(live.living())

    def file_ids(self) -> Iterator[str]:
        """The ids of every document that is indexed: what the state knows and this lacks has to be indexed again."""
        return (document.file_id for document in self.documents())

    def __len__(self) -> int:
        """How many documents are indexed."""
        return sum(live.entry.documents - live.entry.dead_count for live in self.snapshot().segments)

    def digest(self) -> str:
        """A digest of which blob is indexed for which file, whatever the order; compare it with `digest_of`."""
        return digest_of((document.file_id, document.blob) for document in self.documents())

    def size_bytes(self) -> int:
        """Disk space."""
        return sum(path.stat().st_size for path in self.folder.iterdir() if path.is_file())


def digest_of(files: Iterable[tuple[str, str]]) -> str:
    """The digest an index has that holds exactly these.

    Args:
        files: pairs of file id and blob id, each file once, in any order.
    """
    total = 0
    for file, blob in files:
        total += int.from_bytes(hashlib.sha256(key_of(file) + b"\0" + key_of(blob)).digest(), "big")
    return f"{total % (1 << _DIGEST_BITS):064x}"
