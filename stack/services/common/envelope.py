"""What every answer looks like: data, or an error with a code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import Response

__all__ = ["ApiError", "data", "error_body", "failure"]

_CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    408: "REQUEST_TIMEOUT",
    413: "PAYLOAD_TOO_LARGE",
    414: "URI_TOO_LONG",
    415: "UNSUPPORTED_MEDIA_TYPE",
    422: "UNPROCESSABLE",
    429: "TOO_MANY_REQUESTS",
    431: "HEADERS_TOO_LARGE",
    500: "INTERNAL_ERROR",
    503: "UNAVAILABLE",
}
_JSON = "application/json"


class ApiError(Exception):
    """An answer that is an error, with words for the caller."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        details: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Say what is wrong in words that give nothing away.

        Args:
            status: HTTP status.
            message: a sentence.
            details: field -> what is wrong with it.
            headers: of the answer.
        """
        super().__init__(message)
        self.status = status
        self.message = message
        self.details = dict(details or {})
        self.headers = dict(headers or {})


def error_body(status: int, message: str = "", details: Mapping[str, str] | None = None) -> bytes:
    """The envelope of an error."""
    error: dict[str, object] = {
        "code": _CODES.get(status, "BAD_REQUEST"),
        "message": message or HTTPStatus(status).phrase,
    }
    if details:
        error["details"] = dict(details)
    return json.dumps({"error": error}, ensure_ascii=False).encode()


def failure(error: ApiError) -> Response:
    """An error as an answer."""
    headers = dict(error.headers)
    if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.setdefault("Retry-After", "1")
    return Response(
        error_body(error.status, error.message, error.details), error.status, headers=headers, media_type=_JSON
    )


def data(content: str) -> Response:
    """JSON that is already written, as the data of an answer."""
    return Response(f'{{"data": {content}}}'.encode(), media_type=_JSON)
