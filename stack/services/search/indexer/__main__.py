"""`python -m stack.services.search.indexer`: the indexer."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path

import psycopg

from stack.errors import UsageError
from stack.forge.git import open_git
from stack.search.engines import open_engine
from stack.search.extract.symbols import SymbolExtractor
from stack.services.common import logs, telemetry
from stack.services.common.app import Service
from stack.services.common.health import Check
from stack.services.common.metrics import new_registry
from stack.services.common.serving import Listen, configured, leave, serve
from stack.services.common.settings import from_environment, patient
from stack.services.common.statements import trace_statements
from stack.services.search.indexer.daemon import Daemon
from stack.services.search.indexer.events import HoldingForge
from stack.services.search.indexer.lag import Lag
from stack.services.search.indexer.metrics import IndexerMetrics
from stack.services.search.indexer.settings import IndexerSettings
from stack.services.search.traced import TracedEngine

_SERVICE = "indexer"


def main() -> int:
    """Index until told to end."""
    settings = from_environment(IndexerSettings)
    ctags = shutil.which(settings.ctags)
    if ctags is None:
        raise UsageError("The environment is not valid", got=f"SEARCH_CTAGS: {settings.ctags} is no program")
    logs.configure(settings.service_name or _SERVICE, settings.log_level)
    registry = new_registry()
    spans = telemetry.start(_SERVICE, settings, registry)
    trace_statements()
    conninfo = patient(settings.database, application=_SERVICE)
    lag = Lag()
    metrics = IndexerMetrics(registry, settings.engine, lag)
    with ExitStack() as stack:
        stack.callback(spans.shutdown)
        forge = stack.enter_context(HoldingForge(conninfo))
        git = stack.enter_context(open_git(settings.git_address, settings.mirrors))
        engine = TracedEngine(
            open_engine(settings.engine_address, prefix=settings.engine_prefix, write_seconds=settings.write_seconds),
            settings.engine_url,
            written=metrics.written,
            anew=lag.anew,
        )
        stack.callback(engine.close)
        daemon = Daemon(
            settings=settings,
            conninfo=conninfo,
            forge=forge,
            git=git,
            engine=engine,
            symbols=lambda: stack.enter_context(SymbolExtractor(Path(ctags))),
            lag=lag,
            metrics=metrics,
        )
        service = Service(
            _SERVICE,
            registry,
            checks=[Check("database", lambda: _database(conninfo)), Check("engine", lambda: engine.version() and "")],
        )
        listen = Listen(settings.host, settings.port, settings.grace, settings.head_seconds)
        return serve(service, listen, workers=[daemon.work, daemon.look])


def _database(conninfo: str) -> str:
    with psycopg.connect(conninfo) as connection:
        connection.execute("SELECT FROM search_outbox LIMIT 1")
    return ""


if __name__ == "__main__":
    leave(configured(main))
