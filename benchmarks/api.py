"""Reads of the api under `wrk`: requests a second, p50 and p95, and what tracing costs at 100 %, at 10 % and off."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import requests

from stack.components.catalogue import catalogue
from stack.components.waits import HttpAnswers, wait
from stack.process import environment, run
from stack.runtimes.local import LocalStack
from stack.settings import Settings
from steps.people import People

__all__ = ["measure"]

_SECONDS, _CONNECTIONS, _THREADS, _ROUNDS = 6, 16, 2, 3
_TRACING: Mapping[str, Mapping[str, str]] = {
    "every request traced": {"OTEL_TRACES_SAMPLER": "parentbased_always_on"},
    "one in ten traced": {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.1"},
    "no tracing": {"OTEL_SDK_DISABLED": "true"},
}
_SCRIPT = """
wrk.headers["Authorization"] = "Bearer %s"
done = function(summary, latency, requests)
  io.write(string.format("p50=%%d p95=%%d errors=%%d\\n", latency:percentile(50), latency:percentile(95),
    summary.errors.status + summary.errors.read + summary.errors.timeout))
end
"""


def measure(settings: Settings, stack: LocalStack) -> Iterator[str]:
    """Lines of Markdown.

    Args:
        settings: of the run.
        stack: with an api in it, on this machine: the api is started beside it with other settings of tracing.
    """
    program = shutil.which("wrk")
    if program is None:
        yield "Not measured: wrk is not installed (Debian's package wrk)."
        return
    people = People(stack, settings.slow)
    people.repository("bench/read")
    # The token goes into a file that we alone can read: what is on a command line, everybody sees.
    script = stack.folder / "percentiles.lua"
    script.touch(mode=0o600)
    script.write_text(_SCRIPT % people.token("bench"))
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in _TRACING}
    for turn in range(_ROUNDS):
        # In changing order: what else the machine does meets all alike.
        order = list(_TRACING)[turn % 3 :] + list(_TRACING)[: turn % 3]
        for name in order:
            with _api(stack, _TRACING[name]) as url:
                found[name].append(_wrk(program, str(script), f"{url}/api/v1/repos/bench/read", people.token("bench")))
    yield f"GET of a repository, signed in, {_CONNECTIONS} connections for {_SECONDS} s, median of {_ROUNDS}:\n"
    yield "| tracing | requests/s | p50, ms | p95, ms | requests/s beside no tracing |"
    yield "|---|---|---|---|---|"
    bare = statistics.median(rate for rate, _, _ in found["no tracing"])
    for name, runs in found.items():
        rate, half, most = (statistics.median(column) for column in zip(*runs, strict=True))
        yield f"| {name} | {rate:.0f} | {half:.1f} | {most:.1f} | {rate / bare:.2f} |"


@contextmanager
def _api(stack: LocalStack, tracing: Mapping[str, str]) -> Iterator[str]:
    """Another api on the same stack, with these settings of tracing; its address."""
    plan = stack.plan()
    launch = catalogue("seaweedfs")["api"].launch(plan)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = environment({**launch.env, **tracing, "API_PORT": str(port)})
    words = [str(word) for word in launch.arguments]
    with subprocess.Popen(
        words, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            wait(HttpAnswers(f"http://127.0.0.1:{port}/readyz"), within=30)
            yield f"http://127.0.0.1:{port}"
        finally:
            os.kill(process.pid, signal.SIGTERM)
            process.wait(30)


def _wrk(program: str, script: str, url: str, token: str | None) -> tuple[float, float, float]:
    """Requests a second, p50 and p95 in milliseconds; an answer that is no 200 would make them worthless."""
    headers = {"Authorization": f"Bearer {token}"}
    requests.get(url, headers=headers, timeout=10).raise_for_status()
    words = [program, "-t", str(_THREADS), "-c", str(_CONNECTIONS), "-d", f"{_SECONDS}s", "-s", script, url]
    text = run(words, timeout=_SECONDS + 30).text
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])  # type: ignore[index]
    half, most, errors = re.search(r"p50=(\d+) p95=(\d+) errors=(\d+)", text).groups()  # type: ignore[union-attr]
    if int(errors):
        raise RuntimeError(f"{errors} requests failed")
    return rate, int(half) / 1000, int(most) / 1000
