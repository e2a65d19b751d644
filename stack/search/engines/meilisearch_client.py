"""The `meilisearch` client made safe: one per thread, every error ours, every try bounded."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeVar

from meilisearch import Client
from meilisearch.errors import MeilisearchError
from meilisearch.models.task import TaskInfo

from stack.addresses import EngineAddress
from stack.search.engines.base import Index
from stack.search.engines.meilisearch_errors import translate
from stack.search.engines.meilisearch_write import Enqueued, TaskState, await_task
from stack.search.engines.patience import patiently

__all__ = ["Connection"]

Answer = TypeVar("Answer")

_REQUEST_SECONDS = 60


class Connection:
    """Asks one server, and names it in errors."""

    def __init__(self, address: EngineAddress, *, prefix: str, read_seconds: float, write_seconds: float) -> None:
        """Connect lazily; the arguments are those of `MeilisearchEngine`."""
        self._key = address.key.get_secret_value() if address.key else None
        self._threads = threading.local()
        self._read_seconds = read_seconds
        self._write_seconds = write_seconds
        self._prefix = prefix
        self.url = address.url.rstrip("/")
        self.meta = f"{prefix}_meta"

    @property
    def client(self) -> Client:
        """This thread's client: it keeps the headers of the request under way in itself."""
        client: Client | None = getattr(self._threads, "client", None)
        if client is None:
            client = Client(self.url, self._key, timeout=_REQUEST_SECONDS)
            self._threads.client = client
        return client

    def uid(self, index: Index) -> str:
        """An index's name on the server."""
        return f"{self._prefix}_{index.value}"

    def on(self, index: Index | None) -> str:
        """Where something was attempted, for errors."""
        return self.url if index is None else f"{self.url}, index {self.uid(index)}"

    def ask(self, action: Callable[[], Answer], index: Index | None = None) -> Answer:
        """Ask a question, again while the server is away."""
        return patiently(partial(self._once, action, index), seconds=self._read_seconds)

    def enqueue(self, action: Callable[[], TaskInfo], index: Index | None = None) -> Enqueued:
        """Ask for a task; asking twice does no harm, since every write of ours is idempotent."""
        info = patiently(partial(self._once, action, index), seconds=self._write_seconds)
        return Enqueued(info.task_uid, info.index_uid, info.enqueued_at)

    def look(self, uid: int) -> TaskState:
        """The state of a task."""
        asking: Callable[[], Any] = partial(self.client.get_task, uid)
        state: TaskState = patiently(partial(self._once, asking, None), seconds=self._write_seconds)
        return state

    def finish(self, tasks: Iterable[Enqueued], *, seconds: float, missing_ok: bool = False) -> None:
        """Wait for tasks, at most so long for all of them."""
        until = time.monotonic() + seconds
        for task in tasks:
            await_task(task, self.look, until=until, on=self.on(None), missing_ok=missing_ok)

    def _once(self, action: Callable[[], Answer], index: Index | None) -> Answer:
        try:
            return action()
        except (MeilisearchError, OSError, ValueError) as error:  # OSError and ValueError: from `requests` below it
            raise translate(error, self.on(index)) from error
