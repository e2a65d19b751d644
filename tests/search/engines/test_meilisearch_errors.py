"""What the client's errors and failed tasks become."""

from __future__ import annotations

import json

import pytest
from meilisearch.errors import (
    MeilisearchApiError,
    MeilisearchCommunicationError,
    MeilisearchError,
    MeilisearchTimeoutError,
)
from requests import Response

from stack.search.engines.base import (
    EngineError,
    EngineFullError,
    EngineRefusedError,
    EngineUnavailableError,
    IndexMissingError,
)
from stack.search.engines.meilisearch_errors import of_task, translate


def api(status: int, code: str) -> MeilisearchApiError:
    """An answer of the server."""
    response = Response()
    response.status_code = status
    response._content = json.dumps({"message": "because", "code": code, "type": "t", "link": "l"}).encode()
    return MeilisearchApiError("error", response)


@pytest.mark.parametrize(
    ("error", "kind", "what"),
    [
        (MeilisearchCommunicationError("refused"), EngineUnavailableError, "cannot be reached"),
        (MeilisearchTimeoutError("slow"), EngineUnavailableError, "in time"),
        (MeilisearchError("odd"), EngineUnavailableError, "could not be read"),
        (ConnectionResetError("reset"), EngineUnavailableError, "could not be read"),
        (api(503, "too_many_search_requests"), EngineUnavailableError, "not able"),
        (api(408, ""), EngineUnavailableError, "not able"),
        (api(500, "internal"), EngineUnavailableError, "not able"),
        (api(507, "no_space_left_on_device"), EngineFullError, "disk is full"),
        (api(403, "invalid_api_key"), EngineRefusedError, "accept the key"),
        (api(413, "payload_too_large"), EngineRefusedError, "this large"),
        (api(404, "index_not_found"), IndexMissingError, "not there"),
        (api(400, "invalid_search_filter"), EngineRefusedError, "refused a request"),
    ],
)
def test_every_error_has_a_meaning(error: Exception, kind: type[EngineError], what: str) -> None:
    """What is worth another try is unavailable, the rest is refused; where it happened is kept."""
    found = translate(error, "http://there")
    assert type(found) is kind
    assert what in found.what
    assert found.on == "http://there"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("no_space_left_on_device", EngineFullError),
        ("internal", EngineUnavailableError),
        ("index_not_found", IndexMissingError),
        ("invalid_document_id", EngineRefusedError),
    ],
)
def test_failed_tasks(code: str, kind: type[EngineError]) -> None:
    """A task that failed for the server's reasons may be tried again, one that failed for ours may not."""
    found = of_task({"code": code, "message": "because"}, "there")
    assert type(found) is kind
    assert "because" in found.got


def test_a_server_that_is_gone_can_be_started_again() -> None:
    """The command that does it is named."""
    gone = MeilisearchCommunicationError("refused")
    assert "engineroom restart meilisearch" in translate(gone, "http://there").fix
