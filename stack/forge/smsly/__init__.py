"""The adapter of smsly-code: PostgreSQL with the tables of stack/forge/migrations."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from stack.forge.smsly.artifacts import Artifacts
from stack.forge.smsly.filled import Filled
from stack.forge.smsly.outbox import Outbox
from stack.forge.smsly.people import People
from stack.forge.smsly.projects import Projects
from stack.forge.smsly.reads import Reads
from stack.forge.smsly.work import Work

__all__ = ["SmslyForge"]


class SmslyForge(Reads, Outbox, People, Projects, Work, Artifacts, Filled):
    """Reads and writes a smsly-code forge; safe for threads. Names are compared in any case of letters.

    Every verb that writes is one transaction, with the outbox row that announces it; each raises `NotFoundError` for
    what isn't there, `AlreadyExistsError` for a name that is taken, `InvalidError` for a value that can't be stored,
    and `DatabaseError` when the database can't be reached.
    """

    def __enter__(self) -> Self:
        """Use it as a context that closes."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()
