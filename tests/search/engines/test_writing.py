"""Writing to the real engines: what is held, what is refused, and in which order."""

from __future__ import annotations

import pytest

from stack.addresses import EngineAddress
from stack.search.engines import open_engine
from stack.search.engines.base import Document, Engine, EngineRefusedError, Equals, Index, SearchRequest
from tests.search.engines.library import HUGE, code, issue

SECONDS = 60.0


def test_a_generation_is_kept_until_the_indexes_are_dropped(address: EngineAddress) -> None:
    """The first generation stays; after a drop the next one is taken, and nothing is left of the documents."""
    engine = open_engine(address, prefix="generations")
    assert engine.ensure(generation="first") == "first"
    engine.submit(Index.USERS, put=[issue("u1", "Ada")]).wait(SECONDS)
    assert engine.ensure(generation="second") == "first"
    assert engine.count(Index.USERS) == 1
    engine.drop()
    assert engine.ensure(generation="third") == "third"
    assert engine.count(Index.USERS) == 0
    engine.drop()
    engine.drop()
    engine.close()


def test_indexes_of_other_settings_are_made_again(address: EngineAddress, monkeypatch: pytest.MonkeyPatch) -> None:
    """When this program lays indexes out otherwise than they are, they get a new generation, empty."""
    engine = open_engine(address, prefix="settings")
    engine.ensure(generation="old")
    engine.submit(Index.USERS, put=[issue("u1", "Ada")]).wait(SECONDS)
    monkeypatch.setattr(f"stack.search.engines.{engine.name}.digest", lambda: "other")
    assert engine.ensure(generation="new") == "new"
    assert engine.ensure(generation="newer") == "new"
    assert engine.count(Index.USERS) == 0
    engine.drop()
    engine.close()


def test_a_missing_index_is_said_to_be_missing(address: EngineAddress) -> None:
    """Reading from and writing to dropped indexes is refused, and makes none up."""
    engine = open_engine(address, prefix="nothing")
    with pytest.raises(EngineRefusedError, match="not there"):
        engine.count(Index.CODE)
    ticket = engine.submit(Index.CODE, put=[code("a")])
    with pytest.raises(EngineRefusedError):
        ticket.wait(SECONDS)
    with pytest.raises(EngineRefusedError, match="not there"):
        engine.search(SearchRequest(Index.CODE))
    engine.drop()
    engine.close()


def test_a_batch_of_300_is_found_when_the_ticket_says_so(desk: Engine) -> None:
    """All documents of a batch can be found the moment the wait is over."""
    documents = [code(f"f{number:03}", f"common word{number}", date=number) for number in range(300)]
    desk.submit(Index.CODE, put=documents).wait(SECONDS)
    assert desk.search(SearchRequest(Index.CODE, words=("common",))).total == 300
    assert desk.search(SearchRequest(Index.CODE, words=("word299",))).hits[0].id == "f299-0"


def test_nothing_to_write_is_no_trouble(desk: Engine) -> None:
    """An empty batch is done at once."""
    desk.submit(Index.CODE).wait(SECONDS)
    assert desk.count(Index.CODE) == 0


def test_a_put_replaces_the_whole_document(desk: Engine) -> None:
    """What the new version no longer says is no longer found."""
    desk.submit(Index.CODE, put=[code("a", "oldtext", author="Ada")]).wait(SECONDS)
    second = {name: value for name, value in code("a", "newtext").items() if name != "author"}
    desk.submit(Index.CODE, put=[second]).wait(SECONDS)
    assert desk.fetch(Index.CODE, ["a-0"]) == {"a-0": second}
    assert desk.search(SearchRequest(Index.CODE, words=("oldtext",))).total == 0
    assert desk.count(Index.CODE, Equals("author", "Ada")) == 0


def test_a_patch_changes_only_what_it_names(desk: Engine) -> None:
    """The other fields stay; an unknown id is left unknown; a delete of an unknown id is no error."""
    desk.submit(Index.CODE, put=[code("a", "text"), code("b", "text"), code("c", "text")]).wait(SECONDS)
    changes: list[Document] = [{"id": "a-0", "visibility": "private", "stars": 7}, {"id": "unknown-0", "stars": 1}]
    desk.submit(Index.CODE, patch=changes, delete=["b-0", "unknown-1"]).wait(SECONDS)
    assert sorted(desk.ids(Index.CODE)) == ["a-0", "c-0"]
    assert desk.fetch(Index.CODE, ["a-0"])["a-0"] == code("a", "text", visibility="private", stars=7)
    hits = desk.search(SearchRequest(Index.CODE, words=("text",), filter=Equals("visibility", "public"))).hits
    assert [hit.id for hit in hits] == ["c-0"]


def test_a_patch_renews_what_is_kept_beside_a_value(desk: Engine) -> None:
    """Values that are compared by a digest are compared by the new one after a patch, in both directions."""
    long = "p/" * 300
    desk.submit(Index.CODE, put=[code("a", repository_id=HUGE + 1, path=long)]).wait(SECONDS)
    desk.submit(Index.CODE, patch=[{"id": "a-0", "repository_id": 5, "path": "short"}]).wait(SECONDS)
    assert desk.count(Index.CODE, Equals("repository_id", HUGE + 1)) == 0
    assert desk.count(Index.CODE, Equals("path", long)) == 0
    assert desk.count(Index.CODE, Equals("repository_id", 5)) == 1
    desk.submit(Index.CODE, patch=[{"id": "a-0", "repository_id": HUGE + 3, "content": "汉字"}]).wait(SECONDS)
    assert desk.count(Index.CODE, Equals("repository_id", HUGE + 3)) == 1
    assert desk.search(SearchRequest(Index.CODE, words=("汉字",))).total == 1
    desk.submit(Index.CODE, patch=[{"id": "a-0", "content": "letters"}]).wait(SECONDS)
    assert desk.search(SearchRequest(Index.CODE, words=("汉字",))).total == 0


def test_writes_happen_in_the_order_they_were_given(desk: Engine) -> None:
    """A patch after a put and a put after a delete, all under way together, end as the last one says."""
    tickets = [desk.submit(Index.CODE, put=[code("a", f"version{number}")]) for number in range(5)]
    tickets.append(desk.submit(Index.CODE, patch=[{"id": "a-0", "stars": 9}]))
    tickets.append(desk.submit(Index.CODE, put=[code("b", "one")], delete=["a-0"]))
    tickets.append(desk.submit(Index.CODE, put=[code("a", "last")], delete=["b-0"]))
    for ticket in tickets:
        ticket.wait(SECONDS)
    assert desk.fetch(Index.CODE, ["a-0", "b-0"]) == {"a-0": code("a", "last")}
    assert desk.search(SearchRequest(Index.CODE, words=("version4",))).total == 0


def test_bad_documents_are_named_all_at_once_and_the_rest_can_be_written(desk: Engine) -> None:
    """A bad id and an unknown field are refused by name; without them the batch is taken."""
    good, bad = code("good"), {**code("bad"), "surprise": 1}
    ugly = {**code("ugly"), "id": "no/slash here"}
    with pytest.raises(EngineRefusedError) as refusal:
        desk.submit(Index.CODE, put=[good, bad, ugly]).wait(SECONDS)
    assert set(refusal.value.ids) == {"bad-0", "no/slash here"}
    assert "surprise" in refusal.value.got
    desk.submit(Index.CODE, put=[good]).wait(SECONDS)
    assert list(desk.ids(Index.CODE)) == ["good-0"]


def test_a_value_of_the_wrong_kind_hurts_nobody_else(desk: Engine) -> None:
    """A word where a number belongs is refused by name, or taken; the others can be written either way."""
    batch = [code("a"), {**code("b"), "stars": "many"}, code("c")]
    try:
        desk.submit(Index.CODE, put=batch).wait(SECONDS)
    except EngineRefusedError as error:
        assert error.ids == ("b-0",)  # noqa: PT017 - Meilisearch takes it
        desk.submit(Index.CODE, put=[batch[0], batch[2]]).wait(SECONDS)
    assert {"a-0", "c-0"} <= set(desk.ids(Index.CODE))


def test_text_that_json_finds_hard(desk: Engine) -> None:
    """Halves of surrogate pairs, NUL and characters beyond the basic plane do not keep a document out."""
    text = "start \ud800 nul\x00nul \U0001f600 \U0001d54f \u2028 end"
    desk.submit(Index.CODE, put=[code("a", text, path="bad\udcff.rs")]).wait(SECONDS)
    assert desk.search(SearchRequest(Index.CODE, words=("start", "end"))).total == 1
    stored = desk.fetch(Index.CODE, ["a-0"])["a-0"]
    assert stored["content"] == text.replace("\ud800", "\ufffd")
    assert stored["path"] == "bad\ufffd.rs"


def test_a_batch_larger_than_one_request(desk: Engine) -> None:
    """26 MB in one submit are cut into requests that the server takes."""
    documents = [code(f"f{number}", f"unique{number} " + "lorem ipsum dolor " * 72_000) for number in range(20)]
    desk.submit(Index.CODE, put=documents).wait(SECONDS)
    assert desk.count(Index.CODE) == 20
    assert desk.search(SearchRequest(Index.CODE, words=("unique19", "dolor"))).total == 1


def test_records_are_written_to_their_own_index(desk: Engine) -> None:
    """An id in one index is not the same id in another."""
    desk.submit(Index.ISSUES, put=[issue("same", "In issues")]).wait(SECONDS)
    assert desk.count(Index.CODE) == 0
    desk.submit(Index.CODE, delete=["same"]).wait(SECONDS)
    assert desk.count(Index.ISSUES) == 1
