"""The exact index as a run of the indexer uses it: staged between checkpoints, committed with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from stack.search.exact.index import ExactIndex
from stack.search.exact.writer import Writer

__all__ = ["ExactFolder"]


class ExactFolder:
    """One exact index under writing."""

    def __init__(self, folder: Path) -> None:
        """Open what is in the folder, or begin an empty index there."""
        self.index = ExactIndex(folder)
        self._open = ExitStack()
        self._writer: Writer | None = None

    def __enter__(self) -> Self:
        """Use it as a context: what is staged and not committed is given up at its end."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give up what is not committed."""
        self._writer = None
        self._open.close()

    def generation(self) -> str | None:
        """Of the state it belongs to; `None` when it is new or damaged, and so worth nothing."""
        return None if self.index.damaged else self.index.generation or None

    def reset(self, generation: str) -> None:
        """Empty it, for this generation."""
        self.index.clear()
        self.index.ensure(generation)

    def add(self, file_id: str, repository_id: int, blob: str, text: str) -> None:
        """Stage a file's whole text in place of what was there."""
        self._staged().add(file_id, repository_id, blob, text)

    def remove(self, file_ids: Sequence[str]) -> None:
        """Stage removals; unknown files are no error."""
        self._staged().remove(file_ids)

    def commit(self) -> None:
        """Make what is staged durable and visible at once."""
        if self._writer is not None:
            self._writer.commit()
            self._writer = None
            self._open.close()

    def file_ids(self) -> Iterator[str]:
        """Every file it holds."""
        return self.index.file_ids()

    def _staged(self) -> Writer:
        if self._writer is None:
            self._writer = self._open.enter_context(self.index.writer())
        return self._writer
