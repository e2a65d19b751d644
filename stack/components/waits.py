"""Waiting by condition: small conditions that compose, and one bounded wait that says what it last saw."""

from __future__ import annotations

import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

__all__ = ["AllOf", "Condition", "HttpAnswers", "PortOpen", "Seen", "WaitGaveUpError", "direct", "wait"]

_REFUSAL = 300  # bytes


@dataclass(frozen=True)
class Seen:
    """One look at a condition: whether it holds, and what was seen."""

    ok: bool
    what: str


# A condition never raises for "not yet": it reports what it saw.
Condition = Callable[[], Seen]


class WaitGaveUpError(Exception):
    """A condition did not come true: the deadline passed, the process ended, or the wait was called off."""

    def __init__(self, why: str, seen: Seen, waited: float) -> None:
        """Keep why it gave up, the last look, and the seconds waited."""
        super().__init__(f"{why} after {waited:.1f} s; last seen: {seen.what}")
        self.why = why
        self.seen = seen
        self.waited = waited


@dataclass(frozen=True)
class AllOf:
    """True when every condition is, asked in order; shows the first that is not."""

    conditions: tuple[Condition, ...]

    def __call__(self) -> Seen:
        """Stop at the first condition that does not hold."""
        seen = Seen(ok=True, what="nothing to wait for")
        for condition in self.conditions:
            seen = condition()
            if not seen.ok:
                return seen
        return seen


@dataclass(frozen=True)
class PortOpen:
    """True when a TCP connection is accepted; `timeout` in seconds."""

    host: str
    port: int
    timeout: float = 1.0

    def __call__(self) -> Seen:
        """Connect and close."""
        try:
            with socket.create_connection((self.host, self.port), self.timeout):
                return Seen(ok=True, what=f"{self.host}:{self.port} accepts connections")
        except OSError as error:
            return Seen(ok=False, what=f"{self.host}:{self.port}: {error}")


def direct() -> urllib.request.OpenerDirector:
    """Opens addresses of the stack itself: whatever proxy the user has is not asked."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class HttpAnswers:
    """True when a URL answers 200 and the body satisfies `accept`.

    Args:
        url: an http address.
        accept: says what is wrong with a body, or an empty string.
        headers: sent along; may hold a secret.
        timeout: seconds.
        limit: bytes of the body that are read.
    """

    url: str
    accept: Callable[[bytes], str] = lambda _body: ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 2.0
    limit: int = 65_536

    def __call__(self) -> Seen:
        """One GET."""
        request = urllib.request.Request(self.url, headers=dict(self.headers))  # noqa: S310 - built from a site
        try:
            with direct().open(request, timeout=self.timeout) as answer:
                body: bytes = answer.read(self.limit)
        except urllib.error.HTTPError as error:
            return Seen(ok=False, what=f"{self.url} answered {error.code} {_start_of(error)}".rstrip())
        except (OSError, ValueError) as error:
            return Seen(ok=False, what=f"{self.url}: {error}")
        wrong = self.accept(body)
        return Seen(ok=not wrong, what=f"{self.url} answered {wrong or '200'}")


def _start_of(error: urllib.error.HTTPError) -> str:
    """What a refusal begins with, in one line: a service says there which of its needs is not met."""
    try:
        return " ".join(error.read(_REFUSAL).decode("utf-8", "replace").split())
    except (OSError, ValueError):
        return ""


def wait(
    until: Condition,
    *,
    within: float,
    poll: float = 0.1,
    ended: Callable[[], str | None] = lambda: None,
    called_off: threading.Event | None = None,
) -> float:
    """Ask a condition again and again until it holds.

    Args:
        until: what must come true.
        within: seconds, already multiplied by the machine's slowness.
        poll: seconds between looks.
        ended: says why waiting is pointless (the process ended), or `None`.
        called_off: set by another thread to stop waiting.

    Returns:
        The seconds waited.

    Raises:
        WaitGaveUpError: with the last look.
    """
    began = time.monotonic()
    pause = called_off or threading.Event()
    while True:
        seen = until()
        why = ended()
        waited = time.monotonic() - began
        # A dead process whose port answers means that somebody else has the port: never a success.
        if why:
            raise WaitGaveUpError(why, seen, waited)
        if seen.ok:
            return waited
        if waited >= within:
            raise WaitGaveUpError("the deadline passed", seen, waited)
        if pause.wait(poll):
            raise WaitGaveUpError("the wait was called off", seen, waited)
