"""The one way to run a program."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import psutil
import pytest

from stack.process import ProgramFailedError, run, tail


def test_output_and_exit_code_are_kept() -> None:
    """A program that ends well gives both outputs."""
    done = run([sys.executable, "-c", "import sys; print('out'); print('err', file=sys.stderr)"], timeout=30)
    assert (done.code, done.text, done.stderr) == (0, "out\n", b"err\n")


def test_an_unexpected_exit_code_is_an_error_with_the_last_words() -> None:
    """The message has the command, the code and the end of the output."""
    with pytest.raises(ProgramFailedError, match="exit code 3") as error:
        run([sys.executable, "-c", "print('last words'); raise SystemExit(3)"], timeout=30)
    assert "last words" in str(error.value)
    assert error.value.code == 3


def test_an_accepted_exit_code_is_no_error() -> None:
    """Some programs say something by it."""
    assert run([sys.executable, "-c", "raise SystemExit(1)"], timeout=30, ok=(0, 1)).code == 1


def test_a_program_that_is_not_there_is_an_error_that_says_so() -> None:
    """No traceback of the operating system's reaches the reader."""
    with pytest.raises(ProgramFailedError, match="no-such-program"):
        run(["no-such-program"], timeout=1)


def test_a_program_that_outlives_its_deadline_ends_with_all_its_children(tmp_path: Path) -> None:
    """Nothing is left running."""
    file = tmp_path / "pid"
    script = f"sleep 600 & echo $! > {file}; wait"
    with pytest.raises(ProgramFailedError, match="in time"):
        run(["sh", "-c", script], timeout=1)
    pid = int(file.read_text())
    deadline = time.monotonic() + 10
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_program_has_a_home_even_when_we_were_started_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """Go refuses to work without, and `drop` still takes it away."""
    monkeypatch.delenv("HOME", raising=False)
    ask = [sys.executable, "-c", "import os; print(os.environ.get('HOME', ''))"]
    assert run(ask, timeout=30).text.strip() == str(Path.home())
    assert run(ask, timeout=30, drop=["HOME"]).text.strip() == ""
    assert run(ask, timeout=30, env={"HOME": "/elsewhere"}).text.strip() == "/elsewhere"


def test_input_is_given_and_otherwise_empty() -> None:
    """A program that reads never waits for a person."""
    echo = [sys.executable, "-c", "import sys; print(repr(sys.stdin.read()))"]
    assert run(echo, timeout=30, stdin=b"in").text == "'in'\n"
    assert run(echo, timeout=30).text == "''\n"


def test_the_tail_is_the_end() -> None:
    """Only so many lines are kept."""
    assert tail("a\nb\nc\n", 2) == "b\nc"


@pytest.mark.parametrize(
    "stack",
    [
        "goroutine 1 [running]:\nmain.main()\n",
        "example.org/x/cache.New\n\texample.org/x@v1/cache/cache.go:93\nruntime.goexit\n\truntime/asm.s:1771\n",
        "Exception ignored in: <function f>\nTraceback (most recent call last):\n",
    ],
)
def test_the_reason_comes_before_a_stack(stack: str) -> None:
    """Frames push what went wrong out of sight."""
    assert tail(f"starting\nno space left on device\n{stack}", 1) == "no space left on device"
