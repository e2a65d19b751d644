"""Engines that are away, killed, full, slow to answer or locked."""

from __future__ import annotations

import socket
import time

import pytest
from opensearchpy import OpenSearch
from pydantic import SecretStr

from stack.addresses import EngineAddress, EngineKind
from stack.runtimes.base import Stack
from stack.search.engines import open_engine
from stack.search.engines.base import (
    Engine,
    EngineFullError,
    EngineRefusedError,
    EngineUnavailableError,
    Index,
    SearchRequest,
    Ticket,
)
from tests.search.engines.conftest import KINDS
from tests.search.engines.library import code

SECONDS = 60.0


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_there(kind: EngineKind) -> None:
    """Reading and writing give up after the time allowed, and name the address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    engine = open_engine(EngineAddress(kind=kind, url=url), read_seconds=0.3, write_seconds=0.3)
    with pytest.raises(EngineUnavailableError, match="cannot be reached") as trouble:
        engine.search(SearchRequest(Index.CODE))
    assert url in trouble.value.on
    assert "attempts in" in trouble.value.got
    with pytest.raises(EngineUnavailableError):
        engine.submit(Index.CODE, put=[code("a")]).wait(SECONDS)
    with pytest.raises(EngineUnavailableError):
        engine.ensure(generation="g")
    engine.close()


def test_killed_while_writing(stack: Stack, address: EngineAddress, kind: EngineKind) -> None:
    """What was called done before the engine was killed is there afterwards, and the rest can be written again."""
    engine = open_engine(address, prefix="killed", read_seconds=0.5, write_seconds=0.5)
    engine.ensure(generation="g")
    text = " ".join(f"word{number}" for number in range(3_000))
    batches = [[code(f"b{batch}x{number}", text) for number in range(10)] for batch in range(4)]
    tickets = [engine.submit(Index.CODE, put=batch) for batch in batches]
    tickets[0].wait(SECONDS)
    stack.pause(kind)
    tickets.append(engine.submit(Index.CODE, put=[code("late")]))
    stack.kill(kind)
    try:
        done = [ticket for ticket in tickets if _done(ticket)]
        with pytest.raises(EngineUnavailableError):
            engine.search(SearchRequest(Index.CODE, words=("word1",)))
    finally:
        stack.restart(kind)
        engine.close()
    assert tickets[0] in done
    assert tickets[-1] not in done
    again = open_engine(address, prefix="killed", read_seconds=30)
    assert again.ensure(generation="other") == "g"
    held = set(again.ids(Index.CODE))
    for ticket, batch in zip(tickets[:-1], batches, strict=True):
        assert ticket not in done or {str(each["id"]) for each in batch} <= held
    for ticket in [again.submit(Index.CODE, put=batch) for batch in batches]:
        ticket.wait(SECONDS)
    assert again.search(SearchRequest(Index.CODE, words=("word2999",))).total == 40
    again.drop()
    again.close()


def _done(ticket: Ticket) -> bool:
    try:
        ticket.wait(SECONDS)
    except EngineUnavailableError:
        return False
    return True


def test_paused_while_asked(stack: Stack, address: EngineAddress, kind: EngineKind) -> None:
    """A ticket does not wait longer than it may for an engine that hangs, and the write is done when it goes on."""
    engine = open_engine(address, prefix="paused")
    engine.ensure(generation="g")
    stack.pause(kind)
    try:
        ticket = engine.submit(Index.CODE, put=[code("a", "patient")])
        begun = time.monotonic()
        with pytest.raises(EngineUnavailableError, match="in time"):
            ticket.wait(0.5)
        assert time.monotonic() - begun < SECONDS
    finally:
        stack.resume(kind)
    ticket.wait(SECONDS)
    assert engine.search(SearchRequest(Index.CODE, words=("patient",))).total == 1
    engine.drop()
    engine.close()


def test_a_full_disk_is_named_at_once(desk: Engine, address: EngineAddress, kind: EngineKind) -> None:
    """The block that OpenSearch puts on indexes when its disk is full is told as such, and writing works after it."""
    if kind != "opensearch":
        pytest.skip("Meilisearch sets no such block; its codes are tested in test_meilisearch_errors")
    client = OpenSearch(address.url)
    client.indices.put_settings(index="desk_code", body={"index.blocks.read_only_allow_delete": True})
    try:
        with pytest.raises(EngineFullError, match="disk is full"):
            desk.submit(Index.CODE, put=[code("a")]).wait(SECONDS)
    finally:
        client.indices.put_settings(index="desk_code", body={"index.blocks.read_only_allow_delete": None})
    desk.submit(Index.CODE, put=[code("a")]).wait(SECONDS)
    assert desk.count(Index.CODE) == 1
    client.close()


def test_a_wrong_key_is_refused(address: EngineAddress, kind: EngineKind) -> None:
    """The refusal speaks of the key and does not show it."""
    if kind != "meilisearch":
        pytest.skip(
            "OpenSearch without its security plugin has no keys; its statuses are tested in test_opensearch_errors"
        )
    engine = open_engine(EngineAddress(kind=kind, url=address.url, key=SecretStr("not-the-master-key")))
    with pytest.raises(EngineRefusedError, match="key") as refusal:
        engine.version()
    assert "not-the-master-key" not in str(refusal.value)
    engine.close()
