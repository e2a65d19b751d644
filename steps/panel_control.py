"""The controller behind the steps about panels: each is watched without its stimulus, and then with it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from stack.errors import EngineRoomError, NeedMissingError
from stack.telemetry.board import Panel
from stack.telemetry.panels import panels
from steps.panel_source import WINDOW, NoAnswerError, PanelSource
from steps.panel_values import Baseline, Direction, Seen
from steps.stimuli import CARRIED, Bench, Stimulus, StimulusError

__all__ = ["RESTLESS", "PanelControl", "Proof", "Restless", "by_stimulus"]


@dataclass(frozen=True)
class Restless:
    """Why a panel moves all the time, and where its stimulus must move it beyond that.

    Args:
        why: for a reader.
        towards: where to.
        clock: it counts seconds since something, so that being set back is what moves it.
    """

    why: str
    towards: Direction = "up"
    clock: bool = False


_OWN = Restless("the exporter's own questions are counted too")
_SESSIONS = Restless("the exporter's own sessions come and go")
_MACHINE = Restless("a machine does other things as well")
_LOOKING = Restless("services that look for work do so all the time, and say so")
# Panels that move all the time. They must move with their stimulus by more than they did without it.
RESTLESS: dict[str, Restless] = {
    "cache/Bytes": _OWN,
    "cache/Memory": Restless("connections come and go, and what they take with them"),
    "cache/Operations": _OWN,
    "cache/Share of the memory limit": Restless("connections come and go, and what they take with them"),
    "cache/Time per command": _OWN,
    "database/Connections by state": _SESSIONS,
    "database/Longest transaction": Restless("a transaction may be open at the moment when it is looked at"),
    "database/Rows": _OWN,
    "database/Share of connections in use": _SESSIONS,
    "database/Transactions": _OWN,
    "errors/Budget left, from the last three days": Restless("three days slide on with every second", "down"),
    "host/Disk in use": _MACHINE,
    "host/Disk traffic": _MACHINE,
    "host/Load": _MACHINE,
    "host/Memory": _MACHINE,
    "host/Network traffic": _MACHINE,
    "host/Pressure": _MACHINE,
    "host/Processor": _MACHINE,
    "host/Processor of services": _LOOKING,
    "search-index/Since the last good run": Restless("it counts seconds", "down", clock=True),
    "telemetry/Exported": _LOOKING,
    "telemetry/Received": _LOOKING,
    "telemetry/Spans by service": _LOOKING,
    "telemetry/Spans delivered by services": _LOOKING,
}
_SCRAPE = "scrape"  # the stimulus of a panel whose presence alone can be proved

_QUIET = 5  # seconds in which a panel must stand still
_WATCHED = 12  # seconds in which a restless panel shows how far it goes by itself
_SETTLE = WINDOW + 15.0  # seconds in which what was done before must have left the panels
_ROOM = 0.5  # how far beyond its own range a restless panel must go, as a share of that range
_POLL = 0.5
_SHOWN = 20.0  # seconds before the stimulus that a picture shows


@dataclass(frozen=True)
class _Rest:
    """A panel at rest: what was seen, what it must leave to have moved, and what moved though nothing was done."""

    seen: Seen
    baseline: Baseline
    unrest: str = ""


@dataclass(frozen=True)
class Proof:
    """What became of one panel.

    Args:
        panel: which one.
        what: what was seen of its movement; empty when there was none.
        seconds: from the beginning of the stimulus to that.
        failures: why it is not proved.
        seen: all that was seen, from before the stimulus to its end.
    """

    panel: Panel
    what: str
    seconds: float
    failures: tuple[str, ...]
    seen: Seen

    @property
    def presence_only(self) -> bool:
        """Whether only its presence could be proved."""
        return self.panel.stimulus == _SCRAPE


def by_stimulus(found: Sequence[Panel]) -> dict[str, list[Panel]]:
    """Panels that share a stimulus, together; those that stand by themselves first."""
    names = dict.fromkeys(panel.stimulus for panel in found)
    return {name: [panel for panel in found if panel.stimulus == name] for name in names}


@dataclass
class PanelControl:
    """Panels of one scenario.

    Args:
        bench: carries stimuli out.
        source: answers the panels' queries.
        slow: factor of every deadline.
    """

    bench: Bench
    source: PanelSource
    slow: float = 1.0
    proofs: list[Proof] = field(default_factory=list)
    _noise: dict[str, Seen] = field(default_factory=dict)

    def of(self, dashboard: str) -> list[Panel]:
        """The panels of a dashboard."""
        found = [panel for panel in panels() if panel.dashboard == dashboard]
        assert found, f"there is no dashboard {dashboard}"
        return found

    def require(self, dashboard: str) -> None:
        """Everything that the stimuli of a dashboard need must be ready, and what they work with be made.

        What was done for that has left the panels afterwards.
        """
        for name in by_stimulus(self.of(dashboard)):
            stimulus = CARRIED.get(name)
            if stimulus is not None:
                self.bench.require(*stimulus.needs)
                stimulus.prepare(self.bench)
        restless = [panel for panel in self.of(dashboard) if panel.id in RESTLESS and not RESTLESS[panel.id].clock]
        time.sleep(WINDOW + (_WATCHED if restless else 0))
        # Now, since nothing was done yet: later the stimulus before may still be in the window that a panel looks back.
        now = time.time()
        self._noise = {panel.id: self._over(panel, now - _WATCHED, now) for panel in restless}

    def carry_out(self, dashboard: str) -> None:
        """Carry out one stimulus after the other, and watch the panels that it should move."""
        for name, found in by_stimulus(self.of(dashboard)).items():
            stimulus = CARRIED.get(name)
            if stimulus is None:
                nothing = Seen((), ())
                self.proofs += [Proof(p, "", 0.0, (f"nobody carries out its stimulus {name}",), nothing) for p in found]
            else:
                self.proofs += self._proved(name, stimulus, found)

    # -- one stimulus ------------------------------------------------------------------------------------------------

    def _proved(self, name: str, stimulus: Stimulus, found: Sequence[Panel]) -> Iterator[Proof]:
        before = {panel.id: self._before(panel) for panel in found}
        begun = time.time()
        troubles: list[str] = []
        moved: dict[str, tuple[str, float]] = {}
        with _collected(troubles), stimulus.run(self.bench):
            moved = self._await(found, before, begun, stimulus.within * self.slow)
        for panel in found:
            rest = before[panel.id]
            during = self._over(panel, begun, time.time())
            what, seconds = moved.get(panel.id, ("", 0.0))
            failures = [f"moves without its stimulus: {rest.unrest}"] if rest.unrest else []
            failures += [f"its query {number + 1} gives nothing" for number in rest.seen.joined(during).without_data]
            if not what:
                failures.append(f"does not move with {name}: it stays at {rest.baseline}")
            failures += troubles
            shown = self._over(panel, begun - _SHOWN, time.time())
            yield Proof(panel, what, seconds, tuple(failures), shown)

    def _before(self, panel: Panel) -> _Rest:
        """What a panel shows while nothing is done; waits until what was done before has left it."""
        deadline = time.monotonic() + _SETTLE * self.slow
        while True:
            now = time.time()
            restless = RESTLESS.get(panel.id)
            if restless is not None and restless.clock:
                seen = self._over(panel, now - _QUIET, now)
                return _Rest(seen, Baseline.of(seen.last(), towards=restless.towards))
            if restless is not None:
                # Once the time is up, the machine or what else is done on it has changed: this is its own noise now.
                if time.monotonic() > deadline:
                    self._noise.pop(panel.id, None)
                noise = self._noise.setdefault(panel.id, self._over(panel, now - _WATCHED, now))
                rest = _Rest(noise, Baseline.of(noise, room=_ROOM, towards=restless.towards))
                if rest.baseline.holds(self._over(panel, now - _QUIET, now)):
                    return rest
            else:
                seen = self._over(panel, now - _QUIET, now)
                unrest = "" if panel.stimulus == _SCRAPE else seen.unrest
                if not unrest or time.monotonic() > deadline:
                    return _Rest(seen, Baseline.of(seen), unrest)
            time.sleep(_POLL)

    def _await(
        self, found: Sequence[Panel], before: Mapping[str, _Rest], begun: float, seconds: float
    ) -> dict[str, tuple[str, float]]:
        """What each panel did, and after how many seconds; those that did nothing in time are not in it."""
        moved: dict[str, tuple[str, float]] = {}
        deadline = time.monotonic() + seconds
        while len(moved) < len(found) and time.monotonic() < deadline:
            time.sleep(_POLL)
            for panel in found:
                if panel.id not in moved:
                    what = self._movement(panel, before[panel.id], begun)
                    if what:
                        moved[panel.id] = (what, time.time() - begun)
        return moved

    def _movement(self, panel: Panel, rest: _Rest, begun: float) -> str:
        seen = self._over(panel, begun, time.time())
        if panel.stimulus == _SCRAPE:
            whole = rest.seen.joined(seen)
            return "" if whole.is_empty or whole.without_data else "it is there"
        return rest.baseline.moved(seen)

    def _over(self, panel: Panel, start: float, end: float) -> Seen:
        try:
            return self.source.over(panel, start, end)
        except NoAnswerError:
            # While its store is away a panel is empty; what it said before and says afterwards is what counts.
            return Seen((), (), len(panel.queries))

    # -- what came of it ---------------------------------------------------------------------------------------------

    def failures(self) -> list[str]:
        """Every panel that is not proved, with what was seen."""
        return [f"{proof.panel.id}: {'; '.join(proof.failures)}" for proof in self.proofs if proof.failures]

    def measured(self) -> Iterator[tuple[str, str, dict[str, float]]]:
        """Name, unit, and values by panel, of what a report should show: how soon panels moved."""
        groups = {
            "from a stimulus to its panel": [p for p in self.proofs if p.what and not p.presence_only],
            "to a panel that moves all the time, and moved further": [p for p in self.proofs if p.panel.id in RESTLESS],
            "presence only: nothing is done to these panels": [p for p in self.proofs if p.presence_only],
        }
        for name, found in groups.items():
            if found:
                yield name, "s", {proof.panel.id: round(proof.seconds, 1) for proof in found}


@contextmanager
def _collected(troubles: list[str]) -> Iterator[None]:
    """A stimulus that can't be carried out to its end is told with its panels; a missing need stays one."""
    try:
        yield
    except NeedMissingError:
        raise
    except (StimulusError, EngineRoomError, AssertionError) as error:
        troubles.append(f"its stimulus failed: {error}".replace("\n", " "))
