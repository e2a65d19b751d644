"""How answers to `_bulk` are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from stack.search.engines.base import EngineFullError, EngineRefusedError, EngineUnavailableError, Index
from stack.search.engines.opensearch_write import Batch, Refreshes, lines, send

BUSY = {"type": "rejected_execution_exception", "reason": "queue is full"}
WRONG = {"type": "mapper_parsing_exception", "reason": "failed", "caused_by": {"reason": "not a number"}}
FULL = {
    "type": "cluster_block_exception",
    "reason": "index [x] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, "
    "index has read-only-allow-delete block];",
}
GONE = {"type": "document_missing_exception", "reason": "[a]: document missing"}


def answering(
    *answers: Sequence[tuple[str, str, int, object]],
) -> tuple[Callable[[bytes], Mapping[str, Any]], list[bytes]]:
    """A server that gives these answers (kind, id, status, error), and the bodies it got."""
    got: list[bytes] = []

    def bulk(body: bytes) -> Mapping[str, Any]:
        got.append(body)
        items = [
            {kind: {"_id": name, "status": status} | ({"error": error} if error else {})}
            for kind, name, status, error in answers[len(got) - 1]
        ]
        return {"errors": any(each[3] for each in answers[len(got) - 1]), "items": items}

    return bulk, got


def write(batch: Batch, bulk: Callable[[bytes], Mapping[str, Any]], seconds: float = 30) -> None:
    """Send a batch to it."""
    send(batch, bulk, on="there", seconds=seconds)


def test_a_batch_is_written_as_puts_patches_and_deletes() -> None:
    """Each change is one action line and, but for a delete, one line of document."""
    batch = Batch(Index.CODE, put=[{"id": "a"}], patch=[{"id": "b", "stars": 1}], delete=["c"])
    assert b"".join(lines(batch)).decode().splitlines() == [
        '{"index":{"_id":"a"}}',
        '{"id":"a"}',
        '{"update":{"_id":"b"}}',
        '{"doc":{"id":"b","stars":1}}',
        '{"delete":{"_id":"c"}}',
    ]


def test_only_what_the_server_was_too_busy_for_is_sent_again() -> None:
    """Items that were taken are not repeated, whatever their kind."""
    batch = Batch(Index.CODE, put=[{"id": "a"}, {"id": "b"}], patch=[{"id": "c"}], delete=["d", "e"])
    bulk, got = answering(
        [
            ("index", "a", 201, None),
            ("index", "b", 429, BUSY),
            ("update", "c", 200, None),
            ("delete", "d", 503, BUSY),
            ("delete", "e", 404, None),
        ],
        [("index", "b", 201, None), ("delete", "d", 200, None)],
    )
    write(batch, bulk)
    assert got[1] == b'{"index":{"_id":"b"}}\n{"id":"b"}\n{"delete":{"_id":"d"}}\n'


def test_refused_items_are_named_after_the_rest_was_written() -> None:
    """The refusal has the ids and the innermost reason; busy items are still tried again before it."""
    batch = Batch(Index.CODE, put=[{"id": "a"}, {"id": "b"}, {"id": "c"}])
    bulk, got = answering(
        [("index", "a", 400, WRONG), ("index", "b", 429, BUSY), ("index", "c", 201, None)],
        [("index", "b", 201, None)],
    )
    with pytest.raises(EngineRefusedError) as refusal:
        write(batch, bulk)
    assert refusal.value.ids == ("a",)
    assert "not a number" in refusal.value.got
    assert len(got) == 2


def test_a_patch_of_an_unknown_document_is_no_error() -> None:
    """It is simply not there; an unknown index is another matter."""
    bulk, _ = answering([("update", "a", 404, GONE)])
    write(Batch(Index.CODE, patch=[{"id": "a"}]), bulk)
    bulk, _ = answering([("update", "a", 404, {"type": "index_not_found_exception", "reason": "no such index"})])
    with pytest.raises(EngineRefusedError):
        write(Batch(Index.CODE, patch=[{"id": "a"}]), bulk)


def test_a_full_disk_is_not_tried_again() -> None:
    """One attempt, and an error that says what is wrong."""
    bulk, got = answering([("index", "a", 429, FULL)])
    with pytest.raises(EngineFullError, match="disk is full"):
        write(Batch(Index.CODE, put=[{"id": "a"}]), bulk)
    assert len(got) == 1


def test_a_server_that_stays_busy_is_unavailable() -> None:
    """After the time allowed the error says so."""
    bulk, got = answering(*[[("index", "a", 429, BUSY)]] * 1000)
    with pytest.raises(EngineUnavailableError, match="too busy for 1 documents"):
        write(Batch(Index.CODE, put=[{"id": "a"}]), bulk, seconds=0.3)
    assert len(got) > 1


def test_one_refresh_shows_all_that_was_written_before() -> None:
    """Tickets of batches that were all written share one refresh; a later batch needs another."""
    refreshed: list[Index] = []
    refreshes = Refreshes(refreshed.append)
    first, second = refreshes.written(Index.CODE), refreshes.written(Index.CODE)
    refreshes.show(Index.CODE, first)
    refreshes.show(Index.CODE, second)
    assert refreshed == [Index.CODE]
    refreshes.show(Index.CODE, refreshes.written(Index.CODE))
    refreshes.show(Index.WIKI, refreshes.written(Index.WIKI))
    assert refreshed == [Index.CODE, Index.CODE, Index.WIKI]
