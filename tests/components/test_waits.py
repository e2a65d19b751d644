"""Waiting by condition."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator

import pytest

from stack.components.waits import AllOf, HttpAnswers, PortOpen, Seen, WaitGaveUpError, wait


def counting(until: int) -> Iterator[Seen]:
    for look in range(1, until):
        yield Seen(ok=False, what=f"look {look}")
    while True:
        yield Seen(ok=True, what="there")


def test_it_asks_until_the_condition_holds() -> None:
    """The first look that holds ends the wait."""
    looks = counting(4)
    assert wait(lambda: next(looks), within=10, poll=0) >= 0


def test_giving_up_says_what_was_seen_last() -> None:
    """The error holds the last look and how long was waited."""
    with pytest.raises(WaitGaveUpError, match=r"the deadline passed after .* s; last seen: not yet") as gave_up:
        wait(lambda: Seen(ok=False, what="not yet"), within=0.05, poll=0.01)
    assert gave_up.value.waited >= 0.05


def test_at_least_one_look_is_taken() -> None:
    """Without any time a condition that holds is still found to hold."""
    assert wait(lambda: Seen(ok=True, what=""), within=0) >= 0


def test_an_ended_process_ends_the_wait() -> None:
    """There is no point in waiting for a process that has ended."""
    with pytest.raises(WaitGaveUpError, match="exit code 3"):
        wait(lambda: Seen(ok=False, what="refused"), within=60, ended=lambda: "exit code 3")


def test_an_answer_from_somebody_else_is_no_success() -> None:
    """When the process has ended but its port answers, somebody else has the port."""
    with pytest.raises(WaitGaveUpError, match="ended"):
        wait(lambda: Seen(ok=True, what="answers"), within=60, ended=lambda: "ended")


def test_a_wait_can_be_called_off() -> None:
    """Another thread's decision ends the wait at once."""
    called_off = threading.Event()
    called_off.set()
    with pytest.raises(WaitGaveUpError, match="called off"):
        wait(lambda: Seen(ok=False, what=""), within=60, poll=60, called_off=called_off)


def test_all_of_shows_the_first_that_does_not_hold() -> None:
    """Conditions are asked in order and no further than needed."""
    asked = []

    def condition(name: str, *, ok: bool) -> Seen:
        asked.append(name)
        return Seen(ok=ok, what=name)

    both = AllOf((lambda: condition("a", ok=False), lambda: condition("b", ok=True)))
    assert both() == Seen(ok=False, what="a")
    assert asked == ["a"]
    assert AllOf((lambda: condition("c", ok=True), lambda: condition("d", ok=True)))() == Seen(ok=True, what="d")


def test_port_open() -> None:
    """A listening socket is open; a closed one is not, and says why."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        listener.listen()
        assert PortOpen("127.0.0.1", port)().ok
    seen = PortOpen("127.0.0.1", port)()
    assert not seen.ok
    assert "refused" in seen.what


class _Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        code = 200 if self.headers.get("X-Key") == "right" else 403
        self.send_response(code)
        self.end_headers()
        self.wfile.write(b"body")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    """A server that wants a header."""
    server = http.server.HTTPServer(("127.0.0.1", 0), _Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_http_answers(url: str) -> None:
    """A 200 whose body is accepted holds; a refusal and a body that is not accepted say what is wrong."""
    right = {"X-Key": "right"}
    assert HttpAnswers(url, headers=right)().ok
    assert HttpAnswers(url)() == Seen(ok=False, what=f"{url} answered 403 body")
    seen = HttpAnswers(url, headers=right, accept=lambda body: f"no good: {body.decode()}")()
    assert seen == Seen(ok=False, what=f"{url} answered no good: body")


def test_a_header_is_not_shown(url: str) -> None:
    """A header may hold a secret, so the condition's text leaves it out."""
    assert "right" not in repr(HttpAnswers(url, headers={"X-Key": "right"}))
