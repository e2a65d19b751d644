"""Faults of backups: their store is away, nobody takes them or tries them out, nobody says how they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from stack.recovery.sealing import new_key
from steps.faults.base import Fault
from steps.recovery_desk import Desk
from steps.stimuli.base import Bench, StimulusError
from steps.stimuli.recovery import backed_up, busy_store, watched

__all__ = ["FAULTS"]

_FAILED = 1
_OLD = 80.0  # seconds: less than what is tolerated of sets and drills here
_DRILL = 60.0
_BESIDE = frozenset({"BackupSetStale"})  # the set that the forge begins with grows old meanwhile


@contextmanager
def _skipped(bench: Bench) -> Iterator[None]:
    """A drill with the wrong key fails, and nobody takes a set or drills after it."""
    with backed_up(bench) as made:
        site = made.site
        wrong = site.stack.folder / "wrong.key"
        wrong.write_text(new_key().text(), "utf-8")
        recovery = site.recovery.model_copy(update={"key_file": wrong})
        desk = Desk(site.stack.folder / "wrong-desk", site.settings, recovery, site.stack)
        said = desk.run("drill", within=_DRILL * bench.slow)
        if said.code != _FAILED:
            raise StimulusError("A drill with the wrong key should have failed", got=said.text)
        yield
        made.take()
        made.drill()
        made.await_well(lambda values: values["engineroom_set_age_seconds"] < _OLD)


@contextmanager
def _silent(bench: Bench) -> Iterator[None]:
    """The metrics were written once, and are not written again."""
    with watched(bench) as made:
        yield
        made.tell()
        made.await_well(bool)


FAULTS: dict[str, Fault] = {
    "fail:backup-store": Fault(busy_store, needs=("node-exporter",), within=90.0, explains=_BESIDE),
    "skip:backups": Fault(
        _skipped, needs=("node-exporter",), within=240.0, explains=frozenset({"RecoveryMetricsStale"})
    ),
    "stop:backup-metrics": Fault(_silent, needs=("node-exporter",), within=60.0, explains=_BESIDE),
}
