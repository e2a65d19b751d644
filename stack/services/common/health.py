"""`/healthz`, `/readyz` and `/metrics`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import Response

from stack.services.common.envelope import error_body
from stack.services.common.version import VERSION

__all__ = ["Check", "probes"]

_CHECK_SECONDS = 3.0
# Apart from the threads that work: a service that is full can still say so.
_threads = ThreadPoolExecutor(4, thread_name_prefix="checks")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that has to be so for a service to be ready.

    Args:
        name: of what is checked.
        look: returns what is wrong, `""` when nothing is; may block for a while, may raise.
    """

    name: str
    look: Callable[[], str]


def probes(
    registry: CollectorRegistry, checks: Sequence[Check]
) -> Mapping[str, Callable[[Request], Awaitable[Response]]]:
    """The handlers by path."""

    async def healthz(_: Request) -> Response:
        return _json(HTTPStatus.OK, json.dumps({"status": "ok", "version": VERSION}).encode())

    async def readyz(_: Request) -> Response:
        found = await asyncio.gather(*map(_looked, checks))
        wrong = {check.name: what for check, what in zip(checks, found, strict=True) if what}
        if wrong:
            return _json(HTTPStatus.SERVICE_UNAVAILABLE, error_body(HTTPStatus.SERVICE_UNAVAILABLE, "Not ready", wrong))
        named = {check.name: "ok" for check in checks}
        return _json(HTTPStatus.OK, json.dumps({"status": "ok", "checks": named}).encode())

    async def metrics(request: Request) -> Response:
        encode, kind = choose_encoder(request.headers.get("accept", ""))
        loop = asyncio.get_running_loop()
        return Response(await loop.run_in_executor(_threads, encode, registry), headers={"Content-Type": kind})

    return {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics}


async def _looked(check: Check) -> str:
    loop = asyncio.get_running_loop()
    try:
        return await asyncio.wait_for(loop.run_in_executor(_threads, check.look), _CHECK_SECONDS)
    except TimeoutError:
        return f"no answer within {_CHECK_SECONDS:g} s"
    except Exception as error:  # noqa: BLE001 - whatever is wrong, the service is not ready
        return type(error).__name__


def _json(status: int, body: bytes) -> Response:
    return Response(body, status, media_type="application/json")
