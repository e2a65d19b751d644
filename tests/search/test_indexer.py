"""The indexer on a real forge and real git, with an engine in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stack.forge.fixtures import corrupt
from stack.forge.git_local import LocalGit
from stack.forge.hosting import Hosting
from stack.forge.migrate import migrate
from stack.forge.repositories import Change, Executable, Person, Symlink
from stack.search.engines.base import EngineUnavailableError, Index
from stack.search.exact_store import ExactFolder
from stack.search.extract.symbol import Symbols, SymbolStatus
from stack.search.indexer import Indexer, Report
from stack.search.state import MIGRATIONS, State
from tests.search.memory_engine import MemoryEngine

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
PEOPLE = [Person("Ada", "ada@forge.example"), Person("Bela", "bela@forge.example")]


class NoSymbols:
    """Finds no definitions, quickly."""

    def symbols(self, path: str, language: str | None, text: str) -> Symbols:
        del path, language, text
        return Symbols((), SymbolStatus.UNSUPPORTED)


class Place(NamedTuple):
    """One forge and where its indexes are kept."""

    hosting: Hosting
    conninfo: str
    folder: Path

    @contextmanager
    def indexer(self, engine: MemoryEngine, *, limit: int = 2_000_000) -> Iterator[Indexer]:
        with (
            LocalGit(self.hosting.repositories.root) as git,
            State(self.conninfo, engine.name) as state,
            ExactFolder(self.folder / engine.name) as exact,
        ):
            yield Indexer(
                forge=self.hosting.forge,
                git=git,
                engine=engine,
                exact=exact,
                state=state,
                symbols=NoSymbols(),
                limit=limit,
                lock_wait=0.0,
            )

    def run(self, engine: MemoryEngine, *, full: bool = False) -> Report:
        with self.indexer(engine) as indexer:
            return indexer.run(full=full)

    def exact(self, engine: MemoryEngine) -> set[tuple[str, str]]:
        with ExactFolder(self.folder / engine.name) as exact:
            return {(document.file_id, document.blob) for document in exact.index.documents()}


@pytest.fixture
def place(hosting: Hosting, conninfo: str, tmp_path: Path) -> Place:
    """A forge with one user and one repository."""
    migrate(conninfo, MIGRATIONS, table="search_migration")
    hosting.forge.create_user("ada")
    hosting.create_repository("ada", "one")
    return Place(hosting, conninfo, tmp_path / "index")


def push(place: Place, files: dict[str | bytes, Change], *, day: int, who: int = 0, fresh: bool = False) -> None:
    date = BEGIN + timedelta(days=day)
    place.hosting.push("ada", "one", files, author=PEOPLE[who], date=date, force=fresh, orphan=fresh)


def paths(engine: MemoryEngine) -> dict[str, str]:
    return {str(d["path"]): str(d["content"]) for d in engine.documents[Index.CODE].values()}


def test_a_second_run_over_an_unchanged_forge_writes_nothing(place: Place) -> None:
    """Nothing is put, patched or removed, and the engine is not even asked to."""
    push(place, {"a.txt": b"one"}, day=1)
    engine = MemoryEngine()
    assert place.run(engine).writes > 0
    before = engine.writes
    report = place.run(engine)
    assert (report.writes, report.outcomes, engine.writes) == (0, [], before)


def test_a_full_run_over_an_unchanged_forge_writes_nothing(place: Place) -> None:
    """Comparing everything finds nothing to do."""
    push(place, {"a.txt": b"one", "empty": b"", "bom.txt": b"\xef\xbb\xbf"}, day=1)
    engine = MemoryEngine()
    place.run(engine)
    report = place.run(engine, full=True)
    assert (report.writes, report.lost, report.extra) == (0, 0, 0)


def test_documents_that_an_engine_lost_are_put_again_by_a_full_run(place: Place) -> None:
    """State and engine are compared, and what only one of them has is made good."""
    push(place, {"a.txt": b"one", "b.txt": b"two"}, day=1)
    engine = MemoryEngine()
    place.run(engine)
    held = engine.documents[Index.CODE]
    lost = next(key for key, document in held.items() if document["path"] == "a.txt")
    whole = dict(held)
    held["ff" * 27] = {**held.pop(lost), "id": "ff" * 27}
    report = place.run(engine, full=True)
    assert (report.lost, report.extra) == (1, 1)
    assert engine.documents[Index.CODE] == whole


def test_an_engine_that_was_emptied_is_filled_again(place: Place) -> None:
    """The state of another generation counts for nothing."""
    push(place, {"a.txt": b"one"}, day=1)
    engine = MemoryEngine()
    place.run(engine)
    engine.drop()
    report = place.run(engine)
    assert report.rebuilt
    assert paths(engine) == {"a.txt": "one"}


def test_an_exact_index_that_was_lost_is_made_anew(place: Place, tmp_path: Path) -> None:
    """Engine, exact index and state speak of the same thing or all start over."""
    push(place, {"a.txt": b"one"}, day=1)
    engine = MemoryEngine()
    place.run(engine)
    held = place.exact(engine)
    for file in (tmp_path / "index" / engine.name).iterdir():
        file.unlink()
    assert place.run(engine).rebuilt
    assert place.exact(engine) == held
    assert paths(engine) == {"a.txt": "one"}


def test_nothing_is_called_done_that_the_engine_did_not_take(place: Place) -> None:
    """An engine that goes down leaves the work to the next run."""
    push(place, {"a.txt": b"one"}, day=1)
    engine = MemoryEngine(down_after=0)
    with pytest.raises(EngineUnavailableError):
        place.run(engine)
    with State(place.conninfo, engine.name) as state:
        assert state.counts() == {}
    engine.down_after = None
    place.run(engine)
    assert paths(engine) == {"a.txt": "one"}


def test_a_refused_document_is_named_and_the_rest_is_indexed(place: Place) -> None:
    """One bad document spoils neither its batch nor its repository, and is tried again."""
    push(place, {"a.txt": b"one", "b.txt": b"two"}, day=1)
    probe = MemoryEngine("probe")
    place.run(probe)
    bad = next(key for key, document in probe.documents[Index.CODE].items() if document["path"] == "a.txt")
    engine = MemoryEngine(refuse={bad})
    report = place.run(engine)
    assert [(problem.path, problem.status) for problem in report.problems] == [("a.txt", "refused")]
    assert not report.clean
    assert paths(engine) == {"b.txt": "two"}
    engine.refuse.clear()
    assert place.run(engine).clean
    assert paths(engine) == {"a.txt": "one", "b.txt": "two"}


def test_a_repository_made_private_is_private_in_every_document(place: Place) -> None:
    """All documents of a repository follow, without its files being read again."""
    push(place, {"a.txt": b"one", "b.txt": b"two"}, day=1)
    engine = MemoryEngine()
    place.run(engine)
    place.hosting.forge.set_visibility("ada", "one", "private")
    place.run(engine)
    assert {document["visibility"] for document in engine.documents[Index.CODE].values()} == {"private"}
    assert {document["visibility"] for document in engine.documents[Index.REPOSITORIES].values()} == {"private"}
    with State(place.conninfo, engine.name) as state:
        assert state.behind("closed") == frozenset()


def test_a_deleted_repository_leaves_nothing(place: Place) -> None:
    """Files, records and trigrams are gone."""
    push(place, {"a.txt": b"one"}, day=1)
    place.hosting.forge.open_issue("ada", "one", author="ada", title="broken")
    engine = MemoryEngine()
    place.run(engine)
    place.hosting.delete_repository("ada", "one")
    place.run(engine)
    left = {index: held for index, held in engine.documents.items() if held and index is not Index.USERS}
    assert left == {}
    assert place.exact(engine) == set()


def test_a_repository_whose_git_data_is_gone_is_named(place: Place) -> None:
    """It is neither removed nor called indexed, and the others go on."""
    push(place, {"a.txt": b"one"}, day=1)
    place.hosting.create_repository("ada", "two")
    place.hosting.repositories.delete("ada/one.git")
    report = place.run(MemoryEngine())
    assert [(outcome.repository, outcome.status) for outcome in report.broken] == [("ada/one", "gone")]
    assert not report.clean


def test_two_runs_at_once_do_not_meet(place: Place) -> None:
    """The second one says that somebody is at work, and touches nothing."""
    from stack.search.state import BusyError  # noqa: PLC0415 - only this test needs it

    engine = MemoryEngine()
    with State(place.conninfo, engine.name) as state, state.lock("index"), pytest.raises(BusyError):
        place.run(engine)
    assert engine.writes == 0


def test_what_an_interrupted_run_sent_does_not_stay(place: Place) -> None:
    """A file that arrived, was never acknowledged and is gone since is not found."""
    engine = MemoryEngine()
    push(place, {"kept.txt": b"kept"}, day=1)
    place.run(engine)
    push(place, {"secret.txt": b"secret"}, day=2)
    engine.down_after, engine.applies = engine.writes, True
    with pytest.raises(EngineUnavailableError):
        place.run(engine)
    assert "secret.txt" in paths(engine)
    push(place, {"kept.txt": b"kept"}, day=3, fresh=True)
    engine.down_after = None
    place.run(engine)
    assert paths(engine) == {"kept.txt": "kept"}


def test_a_private_repository_stays_no_public_record_after_an_interruption(place: Place) -> None:
    """Code went through, records did not: the next run does both."""
    push(place, {"a.txt": b"one"}, day=1)
    place.hosting.forge.open_issue("ada", "one", author="ada", title="hidden")
    engine = MemoryEngine()
    place.run(engine)
    place.hosting.forge.set_visibility("ada", "one", "private")
    engine.down_after = engine.writes + 1
    with pytest.raises(EngineUnavailableError):
        place.run(engine)
    with State(place.conninfo, engine.name) as state:
        assert len(state.behind("closed")) == 1
    engine.down_after = None
    place.run(engine)
    told = [d["visibility"] for index in (Index.CODE, Index.ISSUES) for d in engine.documents[index].values()]
    assert told == ["private", "private"]


def test_a_refused_new_content_leaves_no_old_one(place: Place) -> None:
    """What the engine held of the file before is not what the file says."""
    push(place, {"a.txt": b"old"}, day=1)
    engine = MemoryEngine()
    place.run(engine)
    engine.refuse = set(engine.documents[Index.CODE])
    push(place, {"a.txt": b"new"}, day=2)
    assert not place.run(engine).clean
    assert paths(engine) == {}


def test_a_refused_record_is_tried_again(place: Place) -> None:
    """The run is not clean until it is taken."""
    place.hosting.forge.open_issue("ada", "one", author="ada", title="refused")
    probe = MemoryEngine("probe")
    place.run(probe)
    engine = MemoryEngine(refuse=set(probe.documents[Index.ISSUES]))
    assert not place.run(engine).clean
    engine.refuse.clear()
    assert place.run(engine).clean
    assert len(engine.documents[Index.ISSUES]) == 1


def test_a_lost_object_is_reported_by_every_run_and_indexed_when_it_is_back(place: Place) -> None:
    """The exit code says so for as long as it is so."""
    push(place, {"a.txt": b"back again"}, day=1)
    corrupt(place.hosting.repositories, "ada/one.git", b"a.txt", lose=True)
    engine = MemoryEngine()
    assert not place.run(engine).clean
    assert not place.run(engine).clean
    push(place, {"b.txt": b"back again"}, day=2)  # writes the same object anew
    assert place.run(engine).clean
    assert paths(engine) == {"a.txt": "back again", "b.txt": "back again"}


def test_documents_of_another_state_do_not_stay(place: Place) -> None:
    """An engine that holds what this state does not know starts over."""
    push(place, {"a.txt": b"one"}, day=1)
    engine = MemoryEngine()
    place.run(engine)
    engine.documents[Index.CODE]["00" * 27] = {"id": "00" * 27, "path": "ghost.txt", "content": "boo"}
    with State(place.conninfo, engine.name) as state:
        state.adopt("another")
    assert place.run(engine).rebuilt
    assert paths(engine) == {"a.txt": "one"}


def test_a_renamed_author_is_renamed_in_records(place: Place) -> None:
    """Records name people, who may change their names."""
    place.hosting.forge.create_user("bela")
    place.hosting.forge.open_issue("ada", "one", author="bela", title="hello")
    engine = MemoryEngine()
    place.run(engine)
    place.hosting.forge.rename_owner("bela", "boris")
    place.run(engine)
    assert [document["author"] for document in engine.documents[Index.ISSUES].values()] == ["boris"]


Push = tuple[dict[str | bytes, Change], int, int, bool, int]
_NAMES = ("a.txt", "b.rs", "dir/c.go", "dir/d.md", "e")
_CONTENTS = st.sampled_from(
    [b"", b"one", b"two words", b"\xff\xfe\x00\x01", b"x" * 3000, Executable(b"one"), Symlink(b"a.txt"), None]
)
_PUSHES = st.lists(
    st.tuples(
        st.dictionaries(st.sampled_from(_NAMES), _CONTENTS, min_size=1, max_size=4),
        st.integers(0, 30),  # the day: clocks of committers run as they like
        st.integers(0, 1),  # who
        st.booleans(),  # begins a new history
        st.integers(0, 5),  # 0: not indexed; 1: indexed; above: the engine goes down within so many writes
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pushes=_PUSHES)
def test_after_any_pushes_the_incremental_index_is_that_made_from_nothing(
    new_database: Callable[[str | None], str],
    tmp_path_factory: pytest.TempPathFactory,
    pushes: list[tuple[dict[str | bytes, Change], int, int, bool, bool]],
) -> None:
    """Whatever the history was and whenever the engine went down, only the last state counts."""
    from stack.forge.repositories import Repositories  # noqa: PLC0415
    from stack.forge.smsly import SmslyForge  # noqa: PLC0415

    conninfo = new_database("migrated")
    migrate(conninfo, MIGRATIONS, table="search_migration")
    folder = tmp_path_factory.mktemp("forge")
    with SmslyForge(conninfo) as forge:
        forge.create_user("ada")
        place = Place(Hosting(forge, Repositories(folder / "git")), conninfo, folder / "index")
        place.hosting.create_repository("ada", "one")
        step = MemoryEngine("step")
        for files, day, who, fresh, index in pushes:
            push(place, files, day=day, who=who, fresh=fresh)
            place.hosting.forge.set_visibility("ada", "one", "private" if who else "public")
            step.down_after = step.writes + index - 2 if index > 1 else None
            step.applies = fresh
            if index:
                with place.indexer(step, limit=1000) as indexer, suppress(EngineUnavailableError):
                    indexer.run()
        step.down_after = None
        whole = MemoryEngine("whole")
        for engine in (step, whole):
            with place.indexer(engine, limit=1000) as indexer:
                indexer.run()
        assert step.documents == whole.documents
        assert place.exact(step) == place.exact(whole)
        rows = []
        for engine in (step, whole):
            with State(conninfo, engine.name) as state:
                rows.append({number: list(state.files(number)) for number in state.repositories()})
        assert rows[0] == rows[1]
