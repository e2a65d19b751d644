"""The application around a service's own routes: request ids, spans, metrics, one log line, errors in the envelope."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

import structlog
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stack.services.common import telemetry
from stack.services.common.envelope import ApiError, failure
from stack.services.common.health import Check, probes
from stack.services.common.logs import said
from stack.services.common.metrics import HttpMetrics, method_label
from stack.services.common.protocol import HEAD_BYTES, URL_BYTES

__all__ = ["Handler", "Service"]

Handler = Callable[[Request], Awaitable[Response]]

_log = structlog.get_logger("http")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_UNMATCHED = "unmatched"
_SERVER_ERROR = 500
_BODY_BYTES = 1024 * 1024


@dataclass(slots=True)
class Service:
    """One service over HTTP.

    Args:
        name: component.
        registry: of its metrics.
        routes: path -> what answers a GET.
        checks: what `/readyz` looks at.
    """

    name: str
    registry: CollectorRegistry
    routes: Mapping[str, Handler] = field(default_factory=dict)
    checks: Sequence[Check] = ()
    metrics: HttpMetrics = field(init=False)
    _probes: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        """Register the server's metrics."""
        self.metrics = HttpMetrics(self.registry)
        self._probes = frozenset(probes(self.registry, self.checks))

    def application(self) -> ASGIApp:
        """The ASGI application."""
        routes = {**self.routes, **probes(self.registry, self.checks)}
        inner = Starlette(
            routes=[Route(path, handler, methods=["GET"]) for path, handler in routes.items()],
            exception_handlers={ApiError: _on_api_error, HTTPException: _on_http_error},
        )
        inner.router.redirect_slashes = False
        return _Observed(self, inner, frozenset(routes))

    def refused(self, method: str, status: int) -> None:
        """Count and log a request that the protocol refused before it was one."""
        self.metrics.observe(method, _UNMATCHED, status, 0.0)
        _log.info(
            "request",
            request_id=secrets.token_hex(8),
            http_request_method=method_label(method),
            http_route=_UNMATCHED,
            http_response_status_code=status,
            duration_seconds=0.0,
        )

    def is_probe(self, route: str) -> bool:
        """Whether this is one of the three paths that are asked all the time."""
        return route in self._probes


async def _on_api_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)  # noqa: S101 - registered for nothing else
    return failure(error)


async def _on_http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for nothing else
    return failure(ApiError(error.status_code, HTTPStatus(error.status_code).phrase, headers=error.headers))


@dataclass(slots=True)
class _Answer:
    """What was answered so far."""

    status: int = 0
    started: bool = False


class _Observed:
    """Sees every request from its first line to the end of its answer."""

    def __init__(self, service: Service, inner: ASGIApp, routes: frozenset[str]) -> None:
        self._service = service
        self._inner = inner
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        begun = time.monotonic()
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        route = scope["path"] if scope["path"] in self._routes else _UNMATCHED
        given = headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)
        answer = _Answer()

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status, answer.started = message["status"], True
                message["headers"] = [*message["headers"], *_added(request_id, headers)]
            await send(message)

        metrics = self._service.metrics
        metrics.active.inc()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            with self._span(scope, headers, route) as made:
                try:
                    await self._answered(scope, receive, sent, answer)
                finally:
                    seconds = time.monotonic() - begun
                    _finish(made, answer)
                    metrics.observe(scope["method"], route, answer.status, seconds)
                    self._tell(scope["method"], route, answer.status, seconds)
        finally:
            metrics.active.dec()

    async def _answered(self, scope: Scope, receive: Receive, send: Send, answer: _Answer) -> None:
        refusal = _too_much(scope)
        try:
            if refusal is not None:
                await failure(refusal)(scope, receive, send)
                return
            await self._inner(scope, receive, send)
        except Exception as error:
            _log.error("failed", **said(error), exc_info=error)
            if answer.started:
                raise
            await failure(ApiError(_SERVER_ERROR, "Something went wrong here"))(scope, receive, send)

    def _span(self, scope: Scope, headers: Mapping[str, str], route: str) -> telemetry.AbstractSpan:
        if self._service.is_probe(route):
            return telemetry.no_span()
        method = method_label(scope["method"])
        host, port = scope.get("server") or ("", None)
        attributes: dict[str, str | int] = {
            "http.request.method": method,
            "url.scheme": scope["scheme"],
            "server.address": host,
            "network.protocol.version": scope["http_version"],
        }
        if port:
            attributes["server.port"] = port
        if route != _UNMATCHED:
            attributes |= {"http.route": route, "url.path": route}
        name = "HTTP" if method == "_OTHER" else method
        return telemetry.span(
            name if route == _UNMATCHED else f"{name} {route}",
            kind=SpanKind.SERVER,
            attributes=attributes,
            context=telemetry.extract(headers),
        )

    def _tell(self, method: str, route: str, status: int, seconds: float) -> None:
        usual = self._service.is_probe(route) and status < HTTPStatus.BAD_REQUEST
        (_log.debug if usual else _log.info)(
            "request",
            http_request_method=method_label(method),
            http_route=route,
            http_response_status_code=status,
            duration_seconds=round(seconds, 6),
        )


def _finish(made: Span, answer: _Answer) -> None:
    made.set_attribute("http.response.status_code", answer.status)
    if answer.status >= _SERVER_ERROR:
        made.set_attribute("error.type", str(answer.status))
        made.set_status(Status(StatusCode.ERROR))


def _added(request_id: str, headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    added = [(b"x-request-id", request_id.encode("ascii")), (b"x-content-type-options", b"nosniff")]
    if "transfer-encoding" in headers or headers.get("content-length", "0") != "0":
        # Nobody reads that body; the connection ends with the answer instead of waiting for it.
        added.append((b"connection", b"close"))
    return added


def _too_much(scope: Scope) -> ApiError | None:
    target = len(scope["raw_path"]) + len(scope["query_string"]) + 1
    if target > URL_BYTES:
        return ApiError(HTTPStatus.REQUEST_URI_TOO_LONG, f"An address has at most {URL_BYTES} bytes here")
    if sum(len(name) + len(value) + 4 for name, value in scope["headers"]) > HEAD_BYTES:
        return ApiError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"Headers have at most {HEAD_BYTES} bytes here")
    length = dict(scope["headers"]).get(b"content-length", b"0")
    if length.isdigit() and int(length[:20]) > _BODY_BYTES:
        return ApiError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A body has at most {_BODY_BYTES} bytes here")
    return None
