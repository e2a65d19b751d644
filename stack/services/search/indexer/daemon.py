"""Looks for events, runs the indexer, and goes on whatever is away."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

import structlog

from stack.errors import EngineRoomError
from stack.forge.git import GitAccess
from stack.forge.migrate import migrate
from stack.forge.model import EventKind
from stack.forge.poll import poll_refs
from stack.search.engines.base import Engine
from stack.search.exact_store import ExactFolder
from stack.search.extract.symbol import SymbolSource
from stack.search.indexer import Indexer, Report
from stack.search.state import MIGRATIONS, BusyError, State, translated
from stack.services.common.logs import said
from stack.services.common.statements import at_most
from stack.services.common.telemetry import span
from stack.services.search.indexer.events import HoldingForge, Taken
from stack.services.search.indexer.lag import Lag
from stack.services.search.indexer.metrics import IndexerMetrics
from stack.services.search.indexer.settings import IndexerSettings

__all__ = ["Daemon"]

_log = structlog.get_logger("indexer")
_LOCK = "daemon"
_FIRST_WAIT = 0.5
_STANDBY_SECONDS = 1.0
_STATEMENTS = 200
_CODE = frozenset({EventKind.PUSH, EventKind.DEFAULT_BRANCH})


@dataclass(slots=True)
class Daemon:
    """One engine's indexer.

    Args:
        settings: as given.
        conninfo: of the database.
        forge: whose events stay until they are made good.
        git: the repositories.
        engine: to be kept up to date.
        symbols: finds definitions.
        lag: told what is seen.
        metrics: told what is done.
    """

    settings: IndexerSettings
    conninfo: str
    forge: HoldingForge
    git: GitAccess
    engine: Engine
    symbols: Callable[[], SymbolSource]
    lag: Lag
    metrics: IndexerMetrics
    _failures: int = 0
    _kept: int = 0
    _newest: int = 0
    _scopes: int = 0
    _refs_due: float = 0.0
    _retry_due: float = field(default=float("inf"))
    _source: SymbolSource | None = None

    def look(self, stopping: threading.Event) -> None:
        """Look at the outbox again and again, apart from `work`: the lag is known while a run is under way."""
        away = False
        while not stopping.wait(self.settings.look_seconds):
            try:
                self.lag.observed(self.forge.backlog())
            except EngineRoomError as error:
                if not away:
                    _log.warning("outbox not readable", **said(error))
                away = True
            else:
                away = False

    def work(self, stopping: threading.Event) -> None:
        """Be the indexer of this engine, or wait until nobody else is, until told to end."""
        standby = False
        while not stopping.is_set():
            try:
                with translated(), ExitStack() as stack:
                    migrate(self.conninfo, MIGRATIONS, table="search_migration")
                    state = stack.enter_context(State(self.conninfo, self.engine.name))
                    # On the connection that also writes: who loses it can write no more.
                    stack.enter_context(state.lock(_LOCK))
                    _log.info("this is the indexer now", engine=self.engine.name)
                    standby = False
                    self._loop(state, stopping)
            except BusyError:
                if not standby:
                    _log.info("another indexer is at work; waiting for its place", engine=self.engine.name)
                standby = True
                stopping.wait(_STANDBY_SECONDS)
            except (EngineRoomError, OSError) as error:
                self._failed(error)
                stopping.wait(self._backoff())

    def _loop(self, state: State, stopping: threading.Event) -> None:
        # Whatever an earlier process left undone is made good by a run that looks at everything.
        self._retry_due = 0.0
        while not stopping.is_set():
            now = time.monotonic()
            if now >= self._refs_due:
                self._refs_due = now + self.settings.refs_seconds
                self._poll()
                self._run(state, stopping)
            elif self._is_due(now):
                self._run(state, stopping)
            stopping.wait(self.settings.look_seconds)

    def _is_due(self, now: float) -> bool:
        backlog = self.lag.backlog
        if backlog is not None and (backlog.newest > self._newest or backlog.events > self._kept):
            return True
        return now >= self._retry_due or self.lag.is_behind

    def _poll(self) -> None:
        """Find pushes that nobody announced; that alone must not keep a run from happening."""
        try:
            report = poll_refs(self.forge, self.git)
        except EngineRoomError as error:
            _log.warning("refs not compared", **said(error))
            return
        if report.announced or report.failed:
            _log.info("refs compared", announced=len(report.announced), failed=len(report.failed))

    def _run(self, state: State, stopping: threading.Event) -> None:
        begun = time.monotonic()
        self.forge.begin()
        self.forge.on_taken = lambda: self._taken(state)
        with span("index", attributes={"db.system.name": self.engine.name}) as made, at_most(_STATEMENTS):
            try:
                with ExactFolder(self.settings.exact_folder) as exact:
                    report = self._indexer(state, exact, stopping).run()
            except BaseException:
                self.metrics.ended("failed")
                raise
            finally:
                self.metrics.duration.observe(time.monotonic() - begun)
            made.set_attribute("index.events", len(self.forge.taken))
            made.set_attribute("index.writes", report.writes)
            if not report.stopped:
                self._settle(report)

    def _indexer(self, state: State, exact: ExactFolder, stopping: threading.Event) -> Indexer:
        if self._source is None:
            self._source = self.symbols()
        return Indexer(
            forge=self.forge,
            git=self.git,
            engine=self.engine,
            exact=exact,
            state=state,
            symbols=self._source,
            stop=stopping.is_set,
        )

    def _taken(self, state: State) -> None:
        self._scopes = sum(state.scopes().values())

    def _settle(self, report: Report) -> None:
        """Delete the events that are made good, and keep those of repositories that could not be read."""
        unread = {outcome.repository for outcome in report.broken}
        kept = [event for event in self.forge.taken if unread and self._is_unread(event, unread)]
        left = set(kept)
        released = self.forge.made_good(event for event in self.forge.taken if event not in left)
        for event in released:
            if event.kind is EventKind.PUSH:
                self.metrics.searchable.observe(event.age)
        self._newest = max((event.id for event in self.forge.taken), default=self._newest)
        self._kept = len(kept)
        self.lag.made_good(self._scopes)
        self.lag.observed(self.forge.backlog())
        self.metrics.ended("ok" if report.clean else "incomplete")
        self._failures = self._failures + 1 if kept else 0
        self._retry_due = time.monotonic() + self._backoff() if kept else float("inf")
        if released or report.writes or kept:
            _log.info(
                "indexed",
                engine=self.engine.name,
                events=len(released),
                events_kept=len(kept),
                documents=report.documents,
                writes=report.writes,
                refused=len(report.refused),
                duration_seconds=round(report.seconds, 3),
            )
        for outcome in report.broken:
            _log.warning("repository not readable", repository=outcome.repository, status=outcome.status)

    def _is_unread(self, event: Taken, unread: set[str]) -> bool:
        if event.repository_id is None or event.kind not in {*_CODE, EventKind.WIKI}:
            return False
        repository = self.forge.repository(event.repository_id)
        if repository is None:
            return False
        return repository.full_name + (".wiki" if event.kind is EventKind.WIKI else "") in unread

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        # The first failure says what is wrong; how often it went on being wrong is a counter's business.
        (_log.warning if self._failures == 1 else _log.debug)("indexing failed; trying again", **said(error))

    def _backoff(self) -> float:
        longest = min(self.settings.backoff_seconds, _FIRST_WAIT * 2.0 ** min(self._failures, 16))
        return longest * random.uniform(0.5, 1)  # noqa: S311 - spreads retries, keeps no secret
