"""Stimuli of recovery: a small forge beside the stack is backed up, and its Prometheus is told how that goes."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

from stack.errors import EngineRoomError, NeedMissingError
from stack.recovery import metrics
from stack.recovery.drill import verbs
from stack.runtimes.local import LocalStack
from steps.components import until
from steps.faulty_store import BUSY
from steps.recovery_harms import Services
from steps.recovery_sets_site import SetSite
from steps.stimuli.base import Bench, Stimulus, StimulusError
from steps.wal import switch, wake_archiver

__all__ = ["STIMULI", "Watched", "backed_up", "busy_store", "watched"]

_EVERY = 1.0  # seconds between two looks, as a scrape
_LONG = 1000  # looks, and pushes: longer than any scenario takes
_WELL_WITHIN = 60.0
_SET, _DRILL = 60.0, 300.0
_RUNNING = {"engineroom_wal_received_age_seconds", "engineroom_pushes_shipped_age_seconds"}


class Watched:
    """A forge that is backed up, and how its backups are.

    Args:
        bench: whose Prometheus is told.
        site: the forge.
    """

    def __init__(self, bench: Bench, site: SetSite) -> None:
        """Tell nothing yet."""
        if not isinstance(bench.stack, LocalStack):
            raise NeedMissingError("local", "Only the local runtime's node exporter reads text files")
        self.site = site
        self._bench = bench
        self._file = bench.stack.plan().textfile / metrics.FILE
        self._settings = site.settings.model_copy(update={"recovery": site.recovery})
        self._health = metrics.Health()

    def tell(self, _number: int = 0) -> None:
        """Write the text file anew."""
        site = self.site
        self._health = metrics.measure(site.archive, site.place.server, site.source.conninfo)
        told = metrics.text(self._health, site.recovery.server) + verbs.metrics(self._settings)
        metrics.write(self._file, told)

    def push(self, number: int) -> None:
        """Push, and end a segment of WAL now and then."""
        with suppress(EngineRoomError, OSError):  # its store may be away on purpose
            self.site.push("r3", {"watched.txt": secrets.token_bytes(500)})
        if number % 3 == 0:
            switch(self.site.place.server)

    def take(self) -> None:
        """A set, by command."""
        said = self.site.desk.run("backup", "run", within=_SET * self._bench.slow)
        if said.code != 0:
            raise StimulusError("No set could be taken", got=said.text)

    def drill(self) -> None:
        """A drill that passes, by command."""
        said = self.site.desk.run("drill", within=_DRILL * self._bench.slow)
        if said.code != 0:
            raise StimulusError("The drill did not pass", got=said.text)

    def await_well(
        self, is_well: Callable[[dict[str, float]], bool], *, tell: Callable[[], None] = lambda: None
    ) -> None:
        """Wait until the forge's backups are well, while everybody is told how they are, by `tell` or by others."""

        def looked() -> bool:
            tell()
            return is_well(self._health.values)

        until(looked, _WELL_WITHIN * self._bench.slow, lambda: self._health.values)
        time.sleep(2 * _EVERY)  # and until they were scraped

    def remove(self) -> None:
        """Nobody is told anything any more."""
        self._file.unlink(missing_ok=True)


@contextmanager
def watched(bench: Bench) -> Iterator[Watched]:
    """A forge with a set, whose metrics were written once."""
    if bench.settings is None:
        raise NeedMissingError("settings", "This bench knows no settings to start a forge with")
    with SetSite(bench.settings) as site, closing(Services(site.desk)):
        made = Watched(bench, site)
        try:
            # Receiver and shipper end when the store is away as they start: a service manager's to try again.
            made.tell()
            made.await_well(lambda values: set(values) >= _RUNNING, tell=made.tell)
            yield made
        finally:
            made.remove()


@contextmanager
def backed_up(bench: Bench) -> Iterator[Watched]:
    """A forge whose metrics are written all the time, while people push to it."""
    with (
        watched(bench) as made,
        bench.repeated(made.tell, every=_EVERY, most=_LONG),
        bench.repeated(made.push, every=_EVERY, most=_LONG),
    ):
        yield made


@contextmanager
def busy_store(bench: Bench) -> Iterator[None]:
    """The same, with a store that answers 503; afterwards everything catches up without a hand but the archiver's."""
    with backed_up(bench) as made:
        with made.site.way.failing(BUSY):
            yield
        wake_archiver(made.site.place.server)
        made.await_well(
            lambda values: (
                values["engineroom_bucket_up"] == 1
                and values["engineroom_wal_archive_failing"] == 0
                and values["engineroom_pushes_lag_seconds"] < _EVERY * 5
                and values["engineroom_wal_received_age_seconds"] < _EVERY * 5
            )
        )


@contextmanager
def _sets_and_a_drill(bench: Bench) -> Iterator[None]:
    with backed_up(bench) as made:
        made.take()
        made.drill()
        yield


STIMULI: dict[str, Stimulus] = {
    "backup-store-away": Stimulus(busy_store, needs=("node-exporter",), within=60.0),
    "backups": Stimulus(_sets_and_a_drill, needs=("node-exporter",), within=60.0),
}
