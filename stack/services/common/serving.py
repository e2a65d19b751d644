"""Runs a service: its HTTP server in the main thread, its workers in threads, until it is told to end."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

import structlog
import uvicorn

from stack.errors import UsageError
from stack.services.common.app import Service
from stack.services.common.logs import said
from stack.services.common.protocol import Limits, limited
from stack.services.common.settings import CONFIGURATION_EXIT

__all__ = ["Listen", "configured", "leave", "serve"]

_log = structlog.get_logger("service")
_HEAD_SECONDS = 15.0
_KEEP_ALIVE_SECONDS = 75
_BACKLOG = 512
_CONNECTIONS = 1024


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to listen, and how long what runs may go on after SIGTERM."""

    host: str
    port: int
    grace: float
    head_seconds: float = _HEAD_SECONDS


class _Server(uvicorn.Server):
    """Leaves signals to `serve`: uvicorn would raise them again at its end, and the exit code would be theirs."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def serve(service: Service, listen: Listen, *, workers: Sequence[Callable[[threading.Event], None]] = ()) -> int:
    """Serve until SIGTERM or SIGINT.

    Args:
        service: answers over HTTP, and goes on doing so while the workers end.
        listen: where.
        workers: each runs in a thread until the event it is given is set; one that ends by itself ends the service.

    Returns:
        The exit code: 0 when told to end, 1 when a worker failed.
    """
    bound = _bind(listen)
    config = uvicorn.Config(
        service.application(),
        http=limited(Limits(listen.head_seconds, service.refused)),
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=max(1, int(listen.grace)),
    )
    server = _Server(config)
    stopping = threading.Event()
    failed: list[BaseException] = []

    def stop(number: int, _: FrameType | None) -> None:
        if stopping.is_set() and number == signal.SIGINT:
            server.force_exit = True
        stopping.set()

    def work(worker: Callable[[threading.Event], None]) -> None:
        try:
            worker(stopping)
        except BaseException as error:  # noqa: BLE001 - the main thread ends the service with it
            failed.append(error)
            _log.error("worker failed", **said(error), exc_info=error)
        finally:
            stopping.set()

    threads = [threading.Thread(target=work, args=(worker,), daemon=True) for worker in workers]

    def end() -> None:
        stopping.wait()
        _log.info("stopping")
        deadline = time.monotonic() + listen.grace
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    for thread in (*threads, threading.Thread(target=end, daemon=True)):
        thread.start()
    host, port = bound.getsockname()[:2]
    _log.info("listening", server_address=host, server_port=port)
    server.run(sockets=[bound])
    _log.info("stopped")
    return 1 if failed else 0


def _bind(listen: Listen) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            listen.host, listen.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        raise UsageError(
            "This address can't be listened on", on=f"{listen.host}:{listen.port}", got=error.strerror or str(error)
        ) from error
    return bound


def configured(main: Callable[[], int]) -> int:
    """Run a main function; what is wrong with its settings is one line on standard error, and exit code 78."""
    try:
        return main()
    except UsageError as error:
        parts = (error.what, error.on, error.got, error.fix)
        sys.stderr.write(": ".join(" ".join(part.split()) for part in parts if part) + "\n")
        return CONFIGURATION_EXIT


def leave(code: int) -> NoReturn:
    """End the process now: threads that still wait for a server that never answers must not hold it up."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
