"""`python -m stack.services.search`: the search service."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import psycopg

from stack.forge.git import open_git
from stack.forge.smsly import SmslyForge
from stack.search.engines import open_engine
from stack.search.exact.index import ExactIndex
from stack.search.service import Search
from stack.search.state import State, StateError
from stack.services.common import logs, telemetry
from stack.services.common.app import Service
from stack.services.common.health import Check
from stack.services.common.metrics import new_registry
from stack.services.common.serving import Listen, configured, leave, serve
from stack.services.common.settings import from_environment, patient
from stack.services.common.statements import trace_statements
from stack.services.search.pool import Pool
from stack.services.search.service import SearchApi, SearchMetrics
from stack.services.search.settings import SearchSettings
from stack.services.search.suggestions import Suggester
from stack.services.search.traced import TracedEngine

_SERVICE = "search"
_SUGGESTERS = 4
_SUGGESTION_SLACK = 3.0
_KINDS_AT_ONCE = 10


def main() -> int:
    """Serve until told to end."""
    settings = from_environment(SearchSettings)
    logs.configure(settings.service_name or _SERVICE, settings.log_level)
    registry = new_registry()
    spans = telemetry.start(_SERVICE, settings, registry)
    trace_statements()
    conninfo = patient(settings.database, application=_SERVICE, statement_seconds=settings.seconds)
    with ExitStack() as stack:
        stack.callback(spans.shutdown)
        forge = stack.enter_context(SmslyForge(conninfo))
        git = stack.enter_context(open_git(settings.git_address, settings.mirrors))
        engine = TracedEngine(
            open_engine(settings.engine_address, prefix=settings.engine_prefix, read_seconds=settings.engine_seconds),
            settings.engine_url,
        )
        stack.callback(engine.close)
        kinds = ThreadPoolExecutor(_KINDS_AT_ONCE, thread_name_prefix="suggest")
        stack.callback(kinds.shutdown, wait=False, cancel_futures=True)

        def search() -> Search:
            # The state connects last: what was opened before it holds nothing that has to be closed.
            exact = ExactIndex(settings.exact_folder)
            return Search(forge=forge, git=git, engine=engine, exact=exact, state=State(conninfo, engine.name))

        def suggester() -> Suggester:
            return Suggester(forge, engine, State(conninfo, engine.name), kinds, settings.suggest_seconds)

        broken = (psycopg.Error, StateError)
        searches = Pool(
            search,
            threads=settings.threads,
            waiting=settings.queue,
            wait_seconds=settings.queue_seconds,
            broken=broken,
        )
        suggesters = Pool(
            suggester,
            threads=_SUGGESTERS,
            waiting=settings.queue,
            wait_seconds=settings.queue_seconds,
            broken=broken,
        )
        stack.callback(searches.close)
        stack.callback(suggesters.close)
        api = SearchApi(
            forge=forge,
            token=settings.token.get_secret_value(),
            searches=searches,
            suggesters=suggesters,
            metrics=SearchMetrics(registry),
            seconds=settings.seconds,
            suggest_seconds=settings.suggest_seconds + _SUGGESTION_SLACK,
        )
        service = Service(
            _SERVICE,
            registry,
            routes={"/search": api.search, "/suggest": api.suggest},
            checks=[Check("database", lambda: _database(conninfo)), Check("engine", lambda: engine.version() and "")],
        )
        return serve(service, Listen(settings.host, settings.port, settings.grace, settings.head_seconds))


def _database(conninfo: str) -> str:
    with psycopg.connect(conninfo) as connection:
        connection.execute("SELECT FROM search.engine LIMIT 1")
    return ""


if __name__ == "__main__":
    leave(configured(main))
