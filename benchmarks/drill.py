"""A drill of a forge of 100 repositories and 1 GB: how long each stage takes, and what a loss would take.

python -m benchmarks.drill
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import closing

from stack.errors import NeedMissingError
from stack.settings import Settings, load
from steps.recovery_desk import drilled
from steps.recovery_harms import Services
from steps.recovery_sets_site import SetSite

__all__ = ["measure"]

_REPOSITORIES = 100
_FILES, _FILE = 8, 960_000  # bytes, which do not compress, in each
_OBJECTS, _OBJECT = 25, 10 << 20  # bytes
_LONGEST = 1800.0  # seconds for a set, and for a drill


def measure(settings: Settings) -> Iterator[str]:
    """Lines of Markdown: what is in the forge, how long its first set took, and the stages of a drill in seconds.

    Args:
        settings: of the run; the forge has a stack of its own.

    Raises:
        NeedMissingError: a set could not be taken, or the drill did not pass.
    """
    with SetSite(settings) as site:
        have = len(list(site.forge.repositories()))
        for number in range(have, _REPOSITORIES):
            site.hosting.create_repository("ada", f"r{number}")
            files = {f"{part}.bin": secrets.token_bytes(_FILE) for part in range(_FILES)}
            site.push(f"r{number}", files)
        for number in range(_OBJECTS):
            site.put(f"large/{number}", secrets.token_bytes(_OBJECT))
        with closing(Services(site.desk)):
            begun = time.monotonic()
            said = site.desk.run("backup", "run", within=_LONGEST)
            took = time.monotonic() - begun
            if said.code != 0:
                raise NeedMissingError("set", "No set could be taken", got=said.text)
            said = site.desk.run("drill", within=_LONGEST)
        if said.code != 0:
            raise NeedMissingError("drill", "The drill did not pass", got=said.text)
        _, report = drilled(said)
        yield (
            f"{_REPOSITORIES} git repositories, {site.size() / 1e9:.2f} GB in the bucket, all of it random bytes; its"
            f" set took {took:.1f} s, base backup excluded. The drill, {report.verdict.label}:\n"
        )
    yield "| stage | s | what |"
    yield "|---|---|---|"
    for stage in report.stages:
        yield f"| {stage.name} | {stage.seconds:.1f} | {stage.what} |"
    yield f"\nFrom the restore's beginning to the first push (RTO): {report.rto} s; in all {report.seconds} s."
    loss = report.loss
    yield f"A loss would have taken {loss.rows} s of rows and {loss.pushes} s of pushes."


def main() -> None:
    """Measure and print."""
    for line in measure(load()):
        print(line, flush=True)


if __name__ == "__main__":
    main()
