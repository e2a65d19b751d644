"""The controller behind the steps about panels whose source is away: they are empty, and are named."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial

from stack.telemetry.board import Panel
from stack.telemetry.panels import panels
from stack.telemetry.slo import OBJECTIVES
from steps.components import until
from steps.panel_source import NoAnswerError, PanelSource
from steps.panel_values import Curve, Seen
from steps.stimuli import CARRIED, Bench

__all__ = ["BUSY", "COMPONENTS", "RARE", "PanelsWithout", "drawn_from"]

# What gives every panel a value as far as that can be done without a fault.
BUSY = (
    "api-requests",
    "file-reads",
    "cached-reads",
    "search-queries",
    "sign-ins",
    "page-views",
    "git-clone",
    "git-push",
    "job-run",
    "redis-traffic",
)
# Which components a job of Prometheus is scraped from.
COMPONENTS: dict[str, tuple[str, ...]] = {
    "api": ("api",),
    "git": ("git-http",),
    "search": ("search",),
    "indexer": ("indexer",),
    "runner": ("runner",),
    "web": ("web",),
    "collector": ("collector",),
    "spanmetrics": ("collector",),
    "postgresql": ("postgresql-exporter-primary", "postgresql-exporter-replica"),
    "redis": ("redis-exporter",),
    "node": ("node-exporter",),
    "prometheus": ("prometheus",),
    "victorialogs": ("victorialogs",),
    "jaeger": ("jaeger",),
}
# Panels of which being empty or not says nothing here: they have a value only while something is wrong, or look back
# for days; and what, or how far.
RARE: dict[str, str] = {
    "errors/Budget left, from the last three days": "three days",
    "errors/Client errors by status": "an answer of 4xx",
    "errors/Paths without a route": "a path that nobody knows",
    "errors/Server errors by route": "an answer of 5xx",
    "database/Longest transaction": "a transaction that stays open",
    "errors/Error lines in the logs": "an error",
    "overview/Alerts that fire": "an alert",
    # No forge here is backed up but for a scenario that is about that.
    **{panel.id: "a forge that is backed up" for panel in panels() if panel.dashboard == "recovery"},
}
_RECENT = 3.0
_PLENTY = 6
_NOTHINGS = 60
_PROMISED = {objective.name: objective.sources for objective in OBJECTIVES}


def drawn_from(job: str) -> list[Panel]:
    """Panels that draw from a job, alone or with others."""
    return [panel for panel in panels() if job in panel.sources]


@dataclass
class PanelsWithout:
    """One scenario with a source that goes away and comes back.

    Args:
        bench: keeps everybody busy.
        source: answers the panels' queries.
        slow: factor of every deadline.
    """

    bench: Bench
    source: PanelSource
    slow: float = 1.0
    job: str = ""
    empty: dict[str, str] = field(default_factory=dict)
    _busy: ExitStack = field(default_factory=ExitStack)
    _shown: list[Panel] = field(default_factory=list)

    def keep_busy(self, job: str, seconds: float) -> None:
        """Let everybody do what they usually do, and wait until every panel of the job has a value."""
        self.job = job
        self.bench.require(*COMPONENTS[job])
        self.bench.tolerant = True
        # It must go on until the last panel has a value, and while the job is away.
        self.bench.plenty = _PLENTY
        for url in self._services():
            # Nobody but Prometheus asks some of them anything otherwise.
            self._busy.enter_context(self.bench.repeated(partial(self._ask_nothing, url), every=0.5, most=_NOTHINGS))
        for name in BUSY:
            if all(self.bench.has(component) for component in CARRIED[name].needs):
                CARRIED[name].prepare(self.bench)
                self._busy.enter_context(CARRIED[name].traffic(self.bench))
        self._shown = [panel for panel in drawn_from(job) if panel.id not in RARE]
        assert self._shown, f"no panel draws from {job}"
        until(lambda: not self.check(self._shown), seconds * self.slow, lambda: self._told(self._shown))

    def take_away(self) -> None:
        """End what the job is scraped from."""
        for name in COMPONENTS[self.job]:
            self.bench.stack.kill(name)

    def bring_back(self) -> None:
        """Start it again."""
        for name in COMPONENTS[self.job]:
            self.bench.stack.restart(name)

    def check(self, found: Iterable[Panel]) -> dict[str, str]:
        """The check for empty panels: each that shows nothing (or nothing of the job), by name, and why."""
        empty: dict[str, str] = {}
        for panel in found:
            why = self._why_empty(panel)
            if why:
                empty[panel.id] = why
        return empty

    def expect_named(self, seconds: float) -> None:
        """Wait until the check names every panel of the job."""

        def unnamed() -> list[str]:
            self.empty = self.check(self._shown)
            return [panel.id for panel in self._shown if panel.id not in self.empty]

        until(
            lambda: not unnamed(),
            seconds * self.slow,
            lambda: f"not named, since they still show something: {unnamed()}",
        )

    def expect_back(self, seconds: float) -> None:
        """Wait until no panel of the job is empty."""
        until(lambda: not self.check(self._shown), seconds * self.slow, lambda: self._told(self._shown))

    def close(self) -> None:
        """Nobody is busy any more."""
        self._busy.close()
        self.bench.tolerant, self.bench.plenty = False, 1

    def _services(self) -> list[str]:
        services = self.bench.stack.addresses.services
        known = (services.git_http, services.search, services.indexer, services.runner)
        return [each.url.rstrip("/") for each in known if each is not None]

    def _ask_nothing(self, url: str, _number: int) -> None:
        self.bench.get(f"{url}/nowhere")

    def _why_empty(self, panel: Panel) -> str:
        now = time.time()
        try:
            seen = self.source.over(panel, now - _RECENT, now)
        except NoAnswerError as error:
            return f"{error.what} ({self.job})"
        if seen.is_empty:
            return f"it shows nothing: {self.job} is not there"
        if len(panel.sources) > 1 and not _of_job(seen, self.job):
            return f"it shows nothing of {self.job}"
        return ""

    def _told(self, found: Sequence[Panel]) -> str:
        return "; ".join(f"{name}: {why}" for name, why in self.check(found).items())


def _of_job(seen: Seen, job: str) -> bool:
    """Whether a panel of several jobs shows something of one; one that sums them up can't tell."""
    there = seen.now()
    jobs = {name for curve in seen.curves if curve.key in there for name in _jobs(curve)}
    return not jobs or job in jobs


def _jobs(curve: Curve) -> Iterable[str]:
    if "job" in curve.labels:
        return (curve.labels["job"],)
    return _PROMISED.get(curve.labels.get("slo", ""), ())
