"""The search service over HTTP: what it answers, to whom, and what it says when something is away."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from stack.forge.hosting import Hosting
from stack.runtimes.base import Stack
from tests.services.kit import Answer, Running, eventually
from tests.services.search.conftest import TOKEN

EVERYTHING = [
    "spawn",
    "spawn_",
    "spawn_s",
    "spawn-v",
    "ada/spawn",
    "sym:spawn_secret",
    "file:spawn_secret",
    "repo:spawn",
]


def ask(service: Running, query: str, user: str | None = None, **parameters: object) -> Answer:
    """Search for something, as somebody."""
    rest = "".join(f"&{name}={value}" for name, value in parameters.items())
    return service.get(f"/search?q={quote(query)}{rest}", headers={"X-Engineroom-User": user} if user else {})


def suggested(service: Running, text: str, user: str | None = None) -> list[dict[str, str]]:
    """What is suggested."""
    answer = service.get(f"/suggest?q={quote(text)}&limit=20", headers={"X-Engineroom-User": user} if user else {})
    assert answer.status == 200, answer.body
    found: list[dict[str, str]] = answer.json["data"]
    return found


def test_a_query_is_answered(search: Running) -> None:
    """A hit comes with its line, its permalink and the facets, in the envelope; with reasons only when asked."""
    answer = ask(search, "spawn_blocking")
    assert answer.status == 200, answer.body
    found = answer.json["data"]
    assert [hit["path"] for hit in found["hits"]] == ["src/task/spawn.rs"]
    assert found["hits"][0]["url"].endswith("/src/task/spawn.rs#L2")
    assert found["facets"]["language"] == {"Rust": 1}
    assert found["hits"][0]["reasons"] == []
    assert ask(search, "spawn_blocking", why=1).json["data"]["hits"][0]["reasons"]
    assert search.metric("search_query_duration_seconds_count", type="code", outcome="ok") == 2
    assert search.metric("search_results_total", type="code", result="some") == 2


def test_the_exact_layer_answers(search: Running) -> None:
    """Literal text and patterns are found in the real files."""
    assert ask(search, '"work + 1"').json["data"]["total"] == 1
    assert ask(search, "/spawn_[a-z]+\\(/").json["data"]["total"] == 1


def test_what_is_private_stays_so(search: Running) -> None:
    """Its owner finds it; to everybody else there is neither hit nor count nor facet."""
    for query in ("spawn_secret", '"work + 42"', "type:repo spawn", "repo:ada/spawn-vault spawn"):
        assert ask(search, query, "ada").json["data"]["total"] == 1, query
        for user in (None, "bob"):
            answer = ask(search, query, user)
            assert answer.status in {200, 400}, query
            assert "vault" not in answer.body.decode().replace(quote(query), "").replace(query, ""), query
            assert answer.status == 400 or answer.json["data"]["total"] == 0, query


def test_suggestions(search: Running) -> None:
    """Symbols, files, repositories, users and organisations that begin so, each with its address."""
    found = suggested(search, "spawn", "ada")
    assert {one["kind"] for one in found} == {"symbol", "file", "repo", "user", "org"}
    by_text = {one["text"]: one for one in found}
    assert by_text["spawn_blocking"]["url"].endswith("/src/task/spawn.rs#L2")
    assert by_text["spawn_blocking"]["detail"].endswith("in ada/runtime/src/task/spawn.rs")
    assert by_text["ada/spawn-vault"]["url"] == "/ada/spawn-vault"
    assert by_text["spawner"] == {"kind": "user", "text": "spawner", "detail": "", "url": "/spawner"}
    assert by_text["spawn-works"]["kind"] == "org"
    assert [one["text"] for one in suggested(search, "lang:rust sym:SpawnH")] == ["SpawnHandle"]
    assert suggested(search, "spawn ") == []
    assert suggested(search, "lang:spa") == []
    assert suggested(search, "->") == []


def test_suggestions_leak_nothing(search: Running) -> None:
    """However it is asked, nobody but its readers hears of a private repository, its files or its symbols."""
    for text in EVERYTHING:
        for user in (None, "bob"):
            told = str(suggested(search, text, user))
            assert "secret" not in told, text
            assert "vault" not in told, text
    assert "spawn_secret" in str(suggested(search, "spawn_s", "ada"))


def test_a_door_closes_before_the_index_knows(search: Running, people: Hosting) -> None:
    """A repository that becomes private is gone from hits and suggestions at once, for whoever may not read it."""
    assert suggested(search, "spawn_b", "bob")
    people.forge.set_visibility("ada", "runtime", "private")
    assert suggested(search, "spawn_b", "bob") == []
    assert ask(search, "spawn_blocking", "bob").json["data"]["total"] == 0
    assert suggested(search, "spawn_b", "ada")
    assert ask(search, "spawn_blocking", "ada").json["data"]["total"] == 1


def test_an_unknown_user(search: Running) -> None:
    """It is the caller's mistake."""
    answer = ask(search, "spawn", "nobody-here")
    assert (answer.status, answer.code) == (400, "BAD_REQUEST")
    answer = search.get("/suggest?q=spawn", headers={"X-Engineroom-User": "nobody-here"})
    assert (answer.status, answer.code) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("query", ["/(/", "type:code type:issue a", "before:tomorrow-ish x", "is:open type:code a"])
def test_a_query_that_is_refused(search: Running, query: str) -> None:
    """A 400 that says what is wrong; it counts as refused."""
    answer = ask(search, query)
    assert (answer.status, answer.code) == (400, "BAD_REQUEST")
    assert answer.json["error"]["message"]
    assert search.metric("search_query_duration_seconds_count", outcome="refused") == 1


def test_a_query_is_in_no_log(search: Running) -> None:
    """Nor is the token."""
    ask(search, "a_word_that_nobody_else_has")
    search.get("/suggest?q=a_word_that_nobody_else_has")
    assert "a_word_that" not in search.log.read_text()
    assert TOKEN not in search.log.read_text()


def test_the_engine_comes_back(search: Running, whole: Stack) -> None:
    """While it is away a search is a 503, soon; afterwards it answers by itself."""
    whole.kill("opensearch")
    for path in ("/search?q=spawn_blocking", "/suggest?q=spawn"):
        answer = search.get(path)
        assert (answer.status, answer.code) == (503, "UNAVAILABLE")
    assert (search.metric("search_query_duration_seconds_count", outcome="unavailable") or 0) >= 2
    whole.restart("opensearch")
    assert eventually(lambda: ask(search, "spawn_blocking").status == 200)


def test_an_engine_that_hangs(
    run: Callable[..., Running], variables: dict[str, str], index: Callable[[], Any], whole: Stack
) -> None:
    """Those who wait are told in time, those who would have to wait behind them at once."""
    index()
    service = run(
        "stack.services.search",
        variables | {"SEARCH_THREADS": "2", "SEARCH_QUEUE": "1", "SEARCH_QUEUE_SECONDS": "0.5", "SEARCH_SECONDS": "2"},
    )
    service.headers["Authorization"] = f"Bearer {TOKEN}"
    whole.pause("opensearch")
    answers: list[Answer] = []
    threads = [threading.Thread(target=lambda: answers.append(ask(service, "spawn_blocking"))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert [answer.status for answer in answers] == [503] * 6
    assert service.metric("search_query_duration_seconds_count", outcome="timeout") == 2
    assert service.metric("search_query_duration_seconds_count", outcome="unavailable") == 4
    assert service.get("/healthz").status == 200
    whole.resume("opensearch")
    eventually(lambda: ask(service, "spawn_blocking").status == 200)


def test_told_to_end_it_answers_what_it_was_asked(search: Running, whole: Stack) -> None:
    """SIGTERM closes the port and lets what runs come to its end."""
    ask(search, "spawn_blocking")
    whole.pause("opensearch")
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(ask(search, "spawn_blocking")))
    thread.start()
    eventually(lambda: search.metric("http_server_active_requests") == 2)
    search.signal(signal.SIGTERM)
    eventually(lambda: any(line["message"] == "stopping" for line in search.lines()))
    whole.resume("opensearch")
    thread.join(30)
    assert [answer.status for answer in answers] == [200]
    assert search.end() == 0
