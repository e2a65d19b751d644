"""Indexing and searching the Go standard library, per engine, beside Zoekt and git grep."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.gate import gate
from benchmarks.queries import PEER, mixed
from benchmarks.sources import GO, fill_go, fill_many
from stack.addresses import EngineKind
from stack.process import run
from stack.reference import Reference
from stack.runtimes.base import Stack
from stack.settings import Settings
from stack.toolchain import Toolchain

__all__ = ["measure"]

_MB = 1024 * 1024
_REPOSITORIES = 100
_LIMIT_RSS = 400 * _MB
_INDEX_SECONDS = 3600


@dataclass(frozen=True)
class _Bench:
    settings: Settings
    stack: Stack
    reference: Reference
    ctags: Path

    def index(self, kind: EngineKind) -> dict[str, float]:
        """One run in a process of its own."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "addresses.json"
            file.touch(mode=0o600)
            file.write_text(self.stack.addresses.to_json(secrets=True))
            arguments: list[str | Path] = [
                sys.executable,
                "-m",
                "benchmarks.index_once",
                file,
                self.stack.folder / "reference",
            ]
            done = run([*arguments, self.ctags, kind], timeout=_INDEX_SECONDS)
        answer: dict[str, float] = json.loads(done.text.splitlines()[-1])
        return answer


def measure(settings: Settings, stack: Stack) -> Iterator[str]:
    """Yield lines of Markdown as they are known.

    Raises:
        GateError: a figure that must hold does not.
    """
    ctags = Toolchain(settings).require("ctags").program("ctags")
    with Reference(stack.addresses, folder=stack.folder / "reference", ctags=ctags) as reference:
        bench = _Bench(settings, stack, reference, ctags)
        files, size = fill_go(reference)
        yield f"Go standard library: {files} files, {size / _MB:.0f} MB.\n"
        yield from _indexing(bench, size)
        yield from _querying(bench)
        yield from _unchanged(bench)


def _indexing(bench: _Bench, size: int) -> Iterator[str]:
    peer = _zoekt_seconds(bench)
    yield "| engine | index, s | MB/s | ours, MB | engine, MB | index, MB | of source | Zoekt |"
    yield "|---|---|---|---|---|---|---|---|"
    for kind in bench.reference.kinds:
        found = bench.index(kind)
        folder = bench.stack.folder / "reference" / "exact"
        exact = sum(f.stat().st_size for f in folder.glob(f"{kind}-*/*") if f.is_file())
        disk = bench.reference.engine(kind).size_bytes() + exact
        rss = next(state.rss_bytes or 0 for state in bench.stack.status() if state.name == kind)
        seconds = found["run_seconds"]
        ratio = f"{seconds / peer:.2f} x its time" if peer else "no Zoekt here"
        sizes = " | ".join(f"{value / _MB:.0f}" for value in (found["rss"], rss, disk))
        yield f"| {kind} | {seconds:.1f} | {size / _MB / seconds:.2f} | {sizes} | {disk / size:.2f} | {ratio} |"
        gate(found["rss"] < _LIMIT_RSS, f"our own process took {found['rss'] / _MB:.0f} MB")
    yield "\nGate: our own process below 400 MB: held.\n"


def _querying(bench: _Bench) -> Iterator[str]:
    queries = mixed()
    yield f"{len(queries)} mixed queries, one after the other, warm:\n"
    yield "| engine | p50, ms | p95, ms | slowest |"
    yield "|---|---|---|---|"
    for kind in bench.reference.kinds:
        with bench.reference.search(kind) as search:
            for query in set(queries):
                search.search(query)
            times = [_timed(partial(search.search, query)) for query in queries]
        slowest = max(range(len(queries)), key=times.__getitem__)
        yield f"| {kind} | {_p(times, 50):.1f} | {_p(times, 95):.1f} | `{queries[slowest]}` {times[slowest]:.0f} ms |"
    yield ""
    yield from _beside_peers(bench)


def _beside_peers(bench: _Bench) -> Iterator[str]:
    git_dir = bench.reference.repositories.path(f"{'/'.join(GO)}.git")
    kind = bench.reference.kinds[0]
    yield f"| query | ours ({kind}), ms | git grep, ms | ratio |"
    yield "|---|---|---|---|"
    with bench.reference.search(kind) as search:
        for query in PEER:
            ours = statistics.median(_timed(partial(search.search, query)) for _ in range(5))
            word = query.removeprefix("sym:").split()[0]
            arguments = ["git", f"--git-dir={git_dir}", "grep", "-I", "-l", "-e", word, "HEAD"]
            grep = statistics.median(_timed(partial(run, arguments, timeout=120, ok=(0, 1))) for _ in range(3))
            yield f"| `{query}` | {ours:.1f} | {grep:.1f} | {ours / grep:.3f} |"
    yield ""


def _unchanged(bench: _Bench) -> Iterator[str]:
    fill_many(bench.reference, _REPOSITORIES)
    yield "| engine | first run, s | second run, s | its writes | s per 100 repositories |"
    yield "|---|---|---|---|---|"
    for kind in bench.reference.kinds:
        first = bench.index(kind)
        number = bench.reference.index(kind).repositories
        second = bench.index(kind)
        per = second["run_seconds"] * 100 / number
        seconds = f"{first['run_seconds']:.2f} | {second['run_seconds']:.2f}"
        yield f"| {kind} | {seconds} | {second['writes']:.0f} | {per:.2f} |"
        gate(second["writes"] == 0, "a run over an unchanged forge wrote")
        gate(per < 1, f"an unchanged forge takes {per:.2f} s per 100 repositories")
    yield "\nGates: no writes, below 1 s per 100 repositories: held.\n"


def _zoekt_seconds(bench: _Bench) -> float | None:
    zoekt = Toolchain(bench.settings).find("zoekt")
    if zoekt is None or "zoekt-git-index" not in zoekt.programs:
        return None
    with tempfile.TemporaryDirectory() as folder:
        arguments: list[str | Path] = [zoekt.program("zoekt-git-index"), "-index", folder, "-require_ctags"]
        repository = bench.reference.repositories.path(f"{'/'.join(GO)}.git")
        return (
            _timed(
                lambda: run([*arguments, repository], timeout=_INDEX_SECONDS, env={"CTAGS_COMMAND": str(bench.ctags)})
            )
            / 1000
        )


def _timed(action: Callable[[], object]) -> float:
    begun = time.perf_counter()
    action()
    return (time.perf_counter() - begun) * 1000


def _p(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]
