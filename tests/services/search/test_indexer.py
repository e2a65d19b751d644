"""The indexer daemon: pushes become searchable, outages are survived, and the lag is told as it is."""

from __future__ import annotations

import itertools
import math
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from stack.forge.git import open_git
from stack.forge.hosting import Hosting
from stack.runtimes.base import Stack
from stack.search.engines import open_engine
from stack.search.exact_store import ExactFolder
from stack.search.extract.symbols import SymbolExtractor
from stack.search.indexer import Indexer
from stack.search.state import State
from stack.services.common.settings import from_environment
from stack.services.search.settings import SearchSettings
from tests.services.conftest import DAY, PERSON
from tests.services.kit import Running, eventually
from tests.services.search.conftest import TOKEN

Start = Callable[..., Running]


@pytest.fixture
def indexing(variables: dict[str, str], ctags: Path) -> Iterator[dict[str, str]]:
    """What an indexer is told; its indexes go away after the test."""
    yield variables | {
        "SEARCH_CTAGS": str(ctags),
        "INDEXER_PORT": "0",
        "INDEXER_LOOK_SECONDS": "0.1",
        "INDEXER_REFS_SECONDS": "600",
        "INDEXER_BACKOFF_SECONDS": "1",
        "INDEXER_WRITE_SECONDS": "2",
    }
    settings = from_environment(SearchSettings, variables)
    engine = open_engine(settings.engine_address, prefix=settings.engine_prefix)
    engine.drop()
    engine.close()


@pytest.fixture
def service(run: Start, variables: dict[str, str]) -> Running:
    """The search service, on whatever is indexed."""
    found = run("stack.services.search", variables)
    found.headers["Authorization"] = f"Bearer {TOKEN}"
    return found


def hits(service: Running, query: str) -> list[str]:
    """Paths that a query finds; none while there is no index."""
    answer = service.get(f"/search?q={query}")
    return [hit["path"] for hit in answer.json["data"]["hits"]] if answer.status == 200 else []


def unknown(indexer: Running) -> bool:
    """Whether the lag is told as not a number."""
    return math.isnan(indexer.metric("index_lag_seconds") or 0)


def test_a_push_becomes_searchable(people: Hosting, run: Start, indexing: dict[str, str], service: Running) -> None:
    """Words and exact text alike, the event leaves the outbox, and the figures say so."""
    indexer = run("stack.services.search.indexer", indexing)
    assert eventually(lambda: hits(service, "spawn_blocking")) == ["src/task/spawn.rs"]
    people.push("ada", "runtime", {"src/park.rs": b"fn unpark_all() { 1 + 1 }\n"}, author=PERSON, date=DAY)
    assert eventually(lambda: hits(service, "unpark_all")) == ["src/park.rs"]
    assert eventually(lambda: hits(service, "%22unpark_all()%20%7B%201%22")) == ["src/park.rs"]
    eventually(lambda: indexer.metric("index_lag_seconds") == 0)
    assert indexer.metric("index_outbox_events") == 0
    assert people.forge.pending() == 0
    assert (indexer.metric("index_push_to_searchable_seconds_count") or 0) >= 3
    assert (indexer.metric("index_documents_total", operation="put") or 0) >= 3
    assert (indexer.metric("index_last_success_timestamp_seconds") or 0) > 0
    assert indexer.end() == 0


def test_the_lag_grows_while_the_engine_is_down(
    people: Hosting, run: Start, indexing: dict[str, str], whole: Stack
) -> None:
    """Its events stay in the outbox, the lag is their age, failures are counted, and all of it ends with the outage."""
    indexer = run("stack.services.search.indexer", indexing)
    eventually(lambda: indexer.metric("index_lag_seconds") == 0)
    whole.kill("opensearch")
    people.push("ada", "runtime", {"src/late.rs": b"fn too_late() {}\n"}, author=PERSON, date=DAY)
    eventually(lambda: (indexer.metric("index_lag_seconds") or 0) > 3)
    eventually(lambda: (indexer.metric("index_runs_total", result="failed") or 0) >= 1)
    assert indexer.metric("index_outbox_events") == 1
    assert indexer.get("/readyz").status == 503
    whole.restart("opensearch")
    eventually(lambda: indexer.metric("index_lag_seconds") == 0, within=90)
    assert indexer.get("/readyz").status == 200


@pytest.mark.usefixtures("people")
def test_a_new_process_does_not_call_itself_up_to_date(run: Start, indexing: dict[str, str], whole: Stack) -> None:
    """Begun while the engine is down, it tells the age of what waits; without anything waiting it tells no number."""
    whole.kill("opensearch")
    indexer = run("stack.services.search.indexer", indexing)
    eventually(lambda: (indexer.metric("index_lag_seconds") or 0) > 1)
    with psycopg.connect(indexing["DATABASE_URL"]) as connection:
        connection.execute("DELETE FROM search_outbox")
    eventually(lambda: unknown(indexer))
    whole.restart("opensearch")
    eventually(lambda: indexer.metric("index_lag_seconds") == 0, within=90)


def test_the_database_comes_back(
    people: Hosting, run: Start, indexing: dict[str, str], service: Running, whole: Stack
) -> None:
    """While it is away the lag is unknown and a search is a 503; afterwards both go on by themselves."""
    indexer = run("stack.services.search.indexer", indexing)
    eventually(lambda: hits(service, "spawn_blocking"))
    whole.kill("postgresql-primary")
    answer = service.get("/search?q=spawn_blocking")
    assert (answer.status, answer.code) == (503, "UNAVAILABLE")
    assert "retry-after" in answer.headers
    eventually(lambda: unknown(indexer))
    assert indexer.get("/readyz").status == 503
    whole.restart("postgresql-primary")
    eventually(lambda: hits(service, "spawn_blocking"))
    people.push("ada", "runtime", {"src/back.rs": b"fn back_again() {}\n"}, author=PERSON, date=DAY)
    assert eventually(lambda: hits(service, "back_again")) == ["src/back.rs"]
    eventually(lambda: indexer.metric("index_lag_seconds") == 0)


def test_the_second_waits(people: Hosting, run: Start, indexing: dict[str, str], service: Running) -> None:
    """Of two indexers one works; when it is killed the other goes on, and the index is what it should be."""
    first = run("stack.services.search.indexer", indexing)
    eventually(lambda: first.metric("index_lag_seconds") == 0)
    second = run("stack.services.search.indexer", indexing)
    eventually(lambda: any("waiting for its place" in line["message"] for line in second.lines()))
    people.push("ada", "runtime", {"src/one.rs": b"fn by_the_first() {}\n"}, author=PERSON, date=DAY)
    eventually(lambda: hits(service, "by_the_first"))
    assert second.metric("index_runs_total") == 0
    first.signal(signal.SIGKILL)
    people.push("ada", "runtime", {"src/two.rs": b"fn by_the_second() {}\n"}, author=PERSON, date=DAY)
    assert eventually(lambda: hits(service, "by_the_second")) == ["src/two.rs"]
    eventually(lambda: second.metric("index_lag_seconds") == 0)


def test_a_repository_that_cannot_be_read_stays_behind(
    people: Hosting, run: Start, indexing: dict[str, str], service: Running
) -> None:
    """Its push is not called searchable, and is made good once git has the repository again; others don't wait."""
    indexer = run("stack.services.search.indexer", indexing)
    eventually(lambda: indexer.metric("index_lag_seconds") == 0)
    people.push("ada", "runtime", {"src/away.rs": b"fn was_away() {}\n"}, author=PERSON, date=DAY)
    eventually(lambda: hits(service, "was_away"))
    folder = people.repositories.root / "ada" / "runtime.git"
    aside = folder.with_name("aside")
    folder.rename(aside)
    people.forge.record_push("ada", "runtime", [])
    eventually(lambda: (indexer.metric("index_runs_total", result="incomplete") or 0) >= 2)
    assert (indexer.metric("index_lag_seconds") or 0) > 0
    aside.rename(folder)
    eventually(lambda: indexer.metric("index_lag_seconds") == 0)
    assert people.forge.pending() == 0


def test_a_push_that_nobody_announced_is_found(
    people: Hosting, run: Start, indexing: dict[str, str], service: Running
) -> None:
    """The reconciling look at the refs finds it."""
    run("stack.services.search.indexer", indexing | {"INDEXER_REFS_SECONDS": "0.5"})
    eventually(lambda: hits(service, "spawn_blocking"))
    people.repositories.push(
        "ada/runtime.git", "main", {"src/quiet.rs": b"fn quietly() {}\n"}, author=PERSON, date=DAY, message="Quiet"
    )
    assert eventually(lambda: hits(service, "quietly")) == ["src/quiet.rs"]


def test_a_run_ends_between_repositories(
    people: Hosting, indexing: dict[str, str], ctags: Path, service: Running
) -> None:
    """Told to stop after the first, what is done is recorded and found; the next run does the rest, and only that."""
    settings = from_environment(SearchSettings, indexing)
    engine = open_engine(settings.engine_address, prefix=settings.engine_prefix)
    asked = itertools.count()
    reports = []
    with open_git(settings.git_address, settings.mirrors) as git, SymbolExtractor(ctags) as symbols:
        for stop in (lambda: next(asked) >= 1, lambda: False):
            with State(indexing["DATABASE_URL"], engine.name) as state, ExactFolder(settings.exact_folder) as exact:
                indexer = Indexer(
                    forge=people.forge,
                    git=git,
                    engine=engine,
                    exact=exact,
                    state=state,
                    symbols=symbols,
                    stop=stop,
                )
                reports.append(indexer.run())
            assert hits(service, "spawn_blocking") == ["src/task/spawn.rs"]
    engine.close()
    assert [report.stopped for report in reports] == [True, False]
    assert [[outcome.repository for outcome in report.outcomes] for report in reports] == [
        ["ada/runtime"],
        ["ada/spawn-vault"],
    ]
