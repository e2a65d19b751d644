"""A parser process that misbehaves is ended, whatever it does."""

from __future__ import annotations

import sys

import psutil
import pytest

from stack.search.extract.worker import Worker, WorkerBrokenError, WorkerTimedOutError

_MEMORY = 512 * 1024 * 1024

_FRAME = """
import json, os, sys, time
def say(line):
    sys.stdout.write(line + "\\n"); sys.stdout.flush()
say('{"_type": "program", "name": "fake"}')
while header := sys.stdin.buffer.readline():
    body = sys.stdin.buffer.read(json.loads(header)["size"])
    BEHAVIOUR
"""


def _worker(behaviour: str, memory: int = _MEMORY) -> Worker:
    return Worker([sys.executable, "-c", _FRAME.replace("BEHAVIOUR", behaviour)], memory_cap=memory)


def _ask(worker: Worker, body: bytes = b"x", seconds: float = 30) -> list[bytes]:
    tags: list[bytes] = []
    worker.ask("x.c", body, seconds=seconds, tag=tags.append)
    return tags


def _is_gone(worker: Worker) -> bool:
    return not psutil.pid_exists(worker._process.pid)


def test_tags_and_warnings() -> None:
    """Tags are passed on, warnings are not, and the same process answers again."""
    worker = _worker(
        """say('{"_type": "error", "message": "ignoring null tag", "warning": true}')
    say('{"_type": "tag", "name": "f"}'); say('{"_type": "completed"}')"""
    )
    assert _ask(worker) == _ask(worker) == [b'{"_type": "tag", "name": "f"}']
    worker.close()
    assert _is_gone(worker)


def test_a_child_that_never_answers_is_killed() -> None:
    """The cap ends it, and nothing of it is left."""
    worker = _worker("time.sleep(1000)")
    with pytest.raises(WorkerTimedOutError):
        _ask(worker, seconds=0.2)
    assert _is_gone(worker)


def test_a_child_that_never_stops_answering_is_killed() -> None:
    """Answering a little all the time does not win more time."""
    worker = _worker("""while True: say('{"_type": "tag", "name": "f"}'); time.sleep(0.001)""")
    with pytest.raises(WorkerTimedOutError):
        _ask(worker, seconds=0.2)
    assert _is_gone(worker)


def test_a_child_that_does_not_read_is_killed() -> None:
    """A full pipe does not block the parent."""
    worker = Worker(
        [sys.executable, "-c", 'import time; print(\'{"_type": "program"}\', flush=True); time.sleep(1000)'],
        memory_cap=_MEMORY,
    )
    with pytest.raises(WorkerTimedOutError):
        _ask(worker, b"x" * 2_000_000, seconds=0.2)
    assert _is_gone(worker)


@pytest.mark.parametrize(
    "behaviour",
    [
        "os._exit(3)",
        "os.kill(os.getpid(), 11)",
        "say('not JSON at all')",
        """say('{"_type": "error", "message": "cannot allocate", "fatal": true}')""",
        """say('{"_type": "program"}')""",
        "sys.stdout.write('x' * 3_000_000); sys.stdout.flush(); time.sleep(1000)",
        """[say('{"_type": "tag", "name": "' + 'x' * 100_000 + '"}') for _ in range(1000)]""",
        'hog = bytearray(2_000_000_000); say(\'{"_type": "completed"}\')',
    ],
    ids=["ends", "crashes", "nonsense", "error", "greets again", "endless line", "endless answer", "memory"],
)
def test_a_child_that_breaks_the_protocol_is_killed(behaviour: str) -> None:
    """Crash, nonsense, flood and greed all end in one error, and in no process left behind."""
    worker = _worker(behaviour)
    with pytest.raises(WorkerBrokenError):
        _ask(worker)
    assert _is_gone(worker)


@pytest.mark.parametrize("program", [["/nonexistent/program"], [sys.executable, "-c", "print('hello')"]])
def test_a_program_that_is_no_parser_does_not_start(program: list[str]) -> None:
    """A wrong program is told at once."""
    with pytest.raises(WorkerBrokenError):
        Worker(program, memory_cap=_MEMORY)


def test_large_bodies_and_answers_at_the_same_time() -> None:
    """Neither side waits for the other to be done."""
    worker = _worker(
        """
    for _ in range(20_000): sys.stdout.write('{"_type": "tag", "name": "some_longer_name_than_usual"}\\n')
    say('{"_type": "completed"}')"""
    )
    assert len(_ask(worker, b"y" * 3_000_000)) == 20_000
    worker.close()
