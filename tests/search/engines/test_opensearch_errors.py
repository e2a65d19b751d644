"""What the client's errors become."""

from __future__ import annotations

import pytest
from opensearchpy.exceptions import (
    AuthenticationException,
    ConnectionTimeout,
    NotFoundError,
    OpenSearchException,
    RequestError,
    SerializationError,
    TransportError,
)
from opensearchpy.exceptions import ConnectionError as NoConnectionError

from stack.search.engines.base import (
    EngineError,
    EngineFullError,
    EngineRefusedError,
    EngineUnavailableError,
    IndexMissingError,
)
from stack.search.engines.opensearch_errors import reason, translate


def body(kind: str, text: str = "because") -> dict[str, object]:
    """An error body."""
    return {"error": {"type": kind, "reason": text}, "status": 0}


@pytest.mark.parametrize(
    ("error", "kind", "what"),
    [
        (NoConnectionError("N/A", "refused", OSError()), EngineUnavailableError, "cannot be reached"),
        (ConnectionTimeout("TIMEOUT", "read timed out", OSError()), EngineUnavailableError, "in time"),
        (SerializationError("cut off"), EngineUnavailableError, "could not be read"),
        (TransportError(503, "x", body("unavailable_shards_exception")), EngineUnavailableError, "not able"),
        (TransportError(429, "x", body("circuit_breaking_exception")), EngineUnavailableError, "short of memory"),
        (TransportError(502, "Bad Gateway", "<html>"), EngineUnavailableError, "not able"),
        (
            TransportError(429, "x", body("cluster_block_exception", "read-only-allow-delete block")),
            EngineFullError,
            "disk is full",
        ),
        (AuthenticationException(401, "x", "Unauthorized"), EngineRefusedError, "credentials"),
        (NotFoundError(404, "x", body("index_not_found_exception")), IndexMissingError, "not there"),
        (TransportError(413, "x", ""), EngineRefusedError, "this large"),
        (RequestError(400, "x", body("parsing_exception")), EngineRefusedError, "refused a request"),
    ],
)
def test_every_error_has_a_meaning(error: OpenSearchException, kind: type[EngineError], what: str) -> None:
    """What is worth another try is unavailable, the rest is refused; where it happened is kept."""
    found = translate(error, "http://there")
    assert type(found) is kind
    assert what in found.what
    assert found.on == "http://there"


def test_the_innermost_reason_is_told() -> None:
    """Causes are followed down."""
    error = {"type": "a", "reason": "b", "caused_by": {"type": "c", "reason": "d", "caused_by": {"reason": "e"}}}
    assert reason(error) == "a: b <- d <- e"
    assert reason("plain") == "plain"


def test_a_server_that_is_gone_can_be_started_again() -> None:
    """The command that does it is named."""
    gone = NoConnectionError("N/A", "refused", OSError())
    assert "engineroom restart opensearch" in translate(gone, "http://there").fix
