"""Whether the parts of a restored forge agree: database with git, with objects, with keys; both ways, each by name."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import psycopg

from reports.verdict import Finding
from stack.errors import EngineRoomError
from stack.recovery.forge import ForgeQueries
from stack.recovery.reconcile import databases, objects, repositories
from stack.recovery.reconcile.place import Restored
from stack.recovery.rules import broken

__all__ = ["CHECKS", "Report", "Restored", "run"]

Check = Callable[[Restored, ForgeQueries], tuple[int, list[Finding]]]
CHECKS: dict[str, tuple[str, Check]] = {
    "C1": ("every repository's row has a git repository, and the reverse", repositories.folders),
    "C2": ("every commit that a row names is in git", repositories.commits),
    "C3": ("every open pull request has its head in git", repositories.pulls),
    "C4": ("every git repository is whole, and its refs are what the database says", repositories.refs),
    "C5": ("every row's object is in the store as the row says, and the reverse", objects.blobs),
    "C6": ("every encrypted column can be read with the keys that came back", databases.secrets),
    "C8": ("the canary of before the point is in rows and in git, that of after in neither", databases.canaries),
}
"""By the numbers of the design; C7 (search), C9 (indexes) and C10 (serve) are stages of a drill of their own."""


@dataclass(frozen=True)
class Report:
    """What one check saw.

    Attributes:
        check: its number.
        what: what it asks.
        looked: at how many things.
        findings: what does not agree.
        seconds: how long it took.
    """

    check: str
    what: str
    looked: int
    findings: tuple[Finding, ...]
    seconds: float


def run(restored: Restored, queries: ForgeQueries, *, only: Iterable[str] = CHECKS) -> Iterator[Report]:
    """Carry out the checks, one after the other; what could not be asked is a finding that says so."""
    for name in only:
        what, check = CHECKS[name]
        begun = time.monotonic()
        try:
            looked, findings = check(restored, queries)
        except (EngineRoomError, psycopg.Error, OSError) as error:
            looked, findings = 0, [broken("RECONCILE_UNKNOWN", f"{name}: {what}", evidence=str(error).strip())]
        yield Report(name, what, looked, tuple(findings), time.monotonic() - begun)
