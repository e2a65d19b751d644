"""`make bench`: measure, print, and write benchmarks/RESULTS.md."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil

from benchmarks import api, drill, git_http, pushes, recovery, recovery_git, search, web
from reports.evidence import this_project
from stack.errors import UsageError
from stack.inventory import ask_git
from stack.runtimes import reap, start
from stack.runtimes.local import LocalStack
from stack.settings import Settings, load

_RESULTS = Path(__file__).parent / "RESULTS.md"


def main() -> None:
    """Run everything on a stack of its own; the file is written only when all gates held."""
    settings = load()
    lines = []
    for line in _lines(settings):
        print(line, flush=True)
        lines.append(line)
    _RESULTS.write_text("\n".join(lines) + "\n")


def _lines(settings: Settings) -> Iterator[str]:
    project = this_project(git=ask_git)
    memory = psutil.virtual_memory().total / 2**30
    yield "# Measurements\n"
    yield "Reproduce with `make bench` (with `MEILISEARCH_BIN` and `ZOEKT_BIN` where you have them).\n"
    yield (
        f"{datetime.now(UTC):%Y-%m-%d}, commit {str(project.commit)[:12]}, {psutil.cpu_count()} cores,"
        f" {memory:.0f} GB, {platform.system()} {platform.machine()}, Python {platform.python_version()}."
        " The machine is shared: read the ratios, not the seconds.\n"
    )
    reap(settings)
    begun = time.monotonic()
    stack = start(settings)
    try:
        if not isinstance(stack, LocalStack):
            raise UsageError("Measurements are made on the local runtime", got=stack.runtime)
        yield "## Start\n"
        yield f"From a filled cache to all {len(stack.status())} components ready: {time.monotonic() - begun:.1f} s.\n"
        yield "| component | memory, MB |"
        yield "|---|---|"
        for state in stack.status():
            yield f"| {state.name} | {(state.rss_bytes or 0) / 2**20:.0f} |"
        yield "\n## Git over HTTP\n"
        yield from git_http.measure(settings, stack)
        yield "\n## Pushes that are shipped\n"
        yield from pushes.measure(settings, stack)
        yield "\n## The api\n"
        yield from api.measure(settings, stack)
        yield "\n## Search\n"
        yield from search.measure(settings, stack)
        yield "\n## The search page\n"
        yield from web.measure(settings, stack)
    finally:
        stack.stop()
    yield "\n## Recovery\n"
    yield from recovery.measure(settings)
    yield "\n## Backup and restore of git\n"
    yield from recovery_git.measure(settings)
    yield "\n## A drill\n"
    yield from drill.measure(settings)


main()
