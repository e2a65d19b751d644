"""How far behind an index is, told honestly: a number that is known, or none."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from stack.services.search.indexer.events import Backlog

__all__ = ["Lag"]

_STALE_SECONDS = 5.0


@dataclass(slots=True)
class Lag:
    """What is known of the outbox and of the runs; safe for threads.

    The lag is the age of the oldest event that is not searchable yet. Events stay in the outbox until they are, so its
    oldest row tells, also for a process that has only just begun. What it can't tell is added: events that another
    engine's indexer took first, and an engine that lost everything.

    Args:
        clock: seconds that never go back.
    """

    clock: Callable[[], float] = time.monotonic
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _seen: Backlog | None = None
    _seen_at: float = -math.inf
    _done_scopes: int | None = None
    _done_at: float | None = None
    _behind_since: float | None = None
    _anew_since: float | None = None

    def observed(self, backlog: Backlog) -> None:
        """The outbox was looked at just now."""
        with self._lock:
            self._seen, self._seen_at = backlog, self.clock()
            if self._done_scopes is None or backlog.scopes == self._done_scopes:
                self._behind_since = None
            elif self._behind_since is None:
                self._behind_since = self._seen_at

    def anew(self) -> None:
        """The engine turned out to hold nothing: all of it was searchable, at the latest, after the last good run."""
        with self._lock:
            if self._anew_since is None:
                self._anew_since = self._done_at if self._done_at is not None else self.clock()

    def made_good(self, scopes: int) -> None:
        """A run ended well: all that happened before it, up to this state of the scopes, can be found."""
        with self._lock:
            self._done_scopes, self._done_at = scopes, self.clock()
            self._behind_since = self._anew_since = None

    @property
    def backlog(self) -> Backlog | None:
        """The outbox when it was last looked at; `None` when that is too long ago."""
        with self._lock:
            return self._fresh()

    @property
    def is_behind(self) -> bool:
        """Whether another engine's indexer took events that this one hasn't made good."""
        with self._lock:
            return self._behind_since is not None

    def events(self) -> float:
        """Events that wait; NaN when it is not known."""
        backlog = self.backlog
        return math.nan if backlog is None else float(backlog.events)

    def seconds(self) -> float:
        """The lag; NaN when it is not known."""
        with self._lock:
            backlog = self._fresh()
            if backlog is None:
                return math.nan
            now = self.clock()
            ages = [now - since for since in (self._behind_since, self._anew_since) if since is not None]
            if backlog.oldest_age is not None:
                ages.append(backlog.oldest_age + now - self._seen_at)
            if ages:
                return max(ages)
            # Nothing waits, but what an earlier process left undone shows only once a run has looked at everything.
            return 0.0 if self._done_at is not None else math.nan

    def _fresh(self) -> Backlog | None:
        return self._seen if self.clock() - self._seen_at <= _STALE_SECONDS else None
