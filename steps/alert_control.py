"""The controller behind the steps about alerts: each is fired by the fault made for it, and clears after it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from stack.errors import NeedMissingError
from stack.telemetry.prometheus import FiringAlert, Prometheus, PrometheusError
from stack.telemetry.rules import alerts
from stack.telemetry.rules.model import Alert
from steps.components import until
from steps.faults import MADE, Fault, covered
from steps.stimuli import CARRIED, Bench

__all__ = ["AlertControl", "Expected", "expected"]

_ABSENT = re.compile(r'absent\(\w+\{job="(\w+)"\}\)')
_CALM = 3.0  # seconds in which nothing may stir
_QUIET = 90.0  # seconds in which what was done before must have cleared


@dataclass(frozen=True)
class Expected:
    """An alert that must fire: its name, and labels that it must have."""

    name: str
    labels: tuple[tuple[str, str], ...]

    def is_met_by(self, found: FiringAlert) -> bool:
        """Whether a firing alert is this one."""
        return found.name == self.name and all(found.labels.get(key) == value for key, value in self.labels)

    def __str__(self) -> str:
        """For a reader."""
        return f"{self.name}{{{', '.join(f'{key}={value}' for key, value in self.labels)}}}"


def expected(name: str, known: Sequence[Alert] | None = None) -> list[Expected]:
    """What a fault must fire: every alert of the rules that names it.

    Args:
        name: one of `steps.faults.MADE`.
        known: alerts of the rules; all that there are where not given.
    """
    names = covered(name)
    return [
        Expected(alert.name, tuple(sorted(_labels(alert, MADE[name]).items())))
        for alert in (alerts() if known is None else known)
        if alert.fault in names
    ]


def _labels(alert: Alert, fault: Fault) -> Mapping[str, str]:
    # Whoever asks for what is absent gets the labels that the question names.
    absent = _ABSENT.search(alert.expr)
    of_absent = {"job": absent[1]} if absent else {}
    return {"severity": alert.severity, **alert.labels, **of_absent, **fault.labels.get(alert.name, {})}


@dataclass
class AlertControl:
    """One fault and its alerts.

    Args:
        bench: what the fault works with.
        prometheus: who evaluates the rules.
        slow: factor of every deadline.
    """

    bench: Bench
    prometheus: Prometheus
    slow: float = 1.0
    fired: dict[str, float] = field(default_factory=dict)
    cleared: dict[str, float] = field(default_factory=dict)
    unexplained: set[str] = field(default_factory=set)
    _name: str = ""
    _wanted: list[Expected] = field(default_factory=list)
    _began: float = 0.0
    _lasting: ExitStack = field(default_factory=ExitStack)

    def require_calm(self) -> None:
        """Nothing may fire before, nor be about to; what a scenario before this one did has time to clear."""
        deadline = time.monotonic() + _QUIET * self.slow
        since = time.monotonic()
        while time.monotonic() < since + _CALM:
            if stirring := {alert.name for alert in self._active()}:
                since = time.monotonic()
                if since > deadline:
                    raise NeedMissingError(
                        "calm", "Alerts fire though nothing is done", got=", ".join(sorted(stirring))
                    )
            time.sleep(0.5)

    def make(self, name: str) -> None:
        """Make a fault, with the traffic that its alerts are about."""
        fault = MADE[name]
        self._name, self._wanted = name, expected(name)
        assert self._wanted, f"no alert names the fault {name}"
        self.bench.require(*fault.needs)
        stimuli = self._stimuli(fault)
        fault.prepare(self.bench)
        for stimulus in stimuli:
            CARRIED[stimulus].prepare(self.bench)
        self._await_clear(self._wanted, _QUIET, {})
        self.bench.tolerant = True
        self._began = time.monotonic()
        self._lasting.enter_context(fault.run(self.bench))
        for stimulus in stimuli:
            self._lasting.enter_context(CARRIED[stimulus].traffic(self.bench))

    def _stimuli(self, fault: Fault) -> list[str]:
        names = covered(self._name)
        wanted = dict.fromkeys(alert.stimulus for alert in alerts() if alert.fault in names and alert.stimulus)
        return [stimulus for stimulus in wanted if stimulus not in fault.carries]

    def expect_fired(self) -> None:
        """Wait until every alert of the fault has fired."""
        fault = MADE[self._name]

        def missing() -> list[Expected]:
            firing = self._watch()
            for each in self._wanted:
                if any(each.is_met_by(alert) for alert in firing):
                    self.fired.setdefault(str(each), time.monotonic() - self._began)
            return [each for each in self._wanted if str(each) not in self.fired]

        until(
            lambda: not missing(),
            fault.within * self.slow,
            lambda: f"not fired: {_told(missing())}; firing: {_of(self._watch())}",
        )

    def undo(self) -> None:
        """Undo the fault, and end the traffic."""
        self._began = time.monotonic()
        self._lasting.close()
        self.bench.tolerant = False
        self.bench.stack.forgive()

    def expect_cleared(self) -> None:
        """Wait until none of the fault's alerts fires any more."""
        self._await_clear(self._wanted, MADE[self._name].cleared_within, self.cleared)

    def expect_explained(self) -> None:
        """No alert paged that the fault does not explain."""
        assert not self.unexplained, f"{self._name} does not explain these pages: {', '.join(sorted(self.unexplained))}"

    def close(self) -> None:
        """Undo what may be left."""
        self._lasting.close()
        self.bench.tolerant = False

    # -- looking -----------------------------------------------------------------------------------------------------

    def _await_clear(self, wanted: Iterable[Expected], seconds: float, when: dict[str, float]) -> None:
        left = list(wanted)

        def firing() -> list[Expected]:
            found = self._watch()
            for each in list(left):
                if not any(each.is_met_by(alert) for alert in found):
                    left.remove(each)
                    when[str(each)] = time.monotonic() - self._began
            return left

        until(lambda: not firing(), seconds * self.slow, lambda: f"still firing: {_told(left)}")

    def _watch(self) -> list[FiringAlert]:
        firing = self._firing()
        explained = {each.name for each in self._wanted} | MADE[self._name].explains
        self.unexplained |= {
            f"{alert.name} ({_said(alert)})"
            for alert in firing
            if alert.labels.get("severity") == "page" and alert.name not in explained
        }
        return firing

    def _firing(self) -> list[FiringAlert]:
        return [alert for alert in self._active() if alert.state == "firing"]

    def _active(self) -> list[FiringAlert]:
        try:
            return self.prometheus.alerts()
        except PrometheusError as error:
            raise NeedMissingError("prometheus", "Prometheus does not tell what fires", got=str(error)) from error


def _told(missing: Sequence[Expected]) -> str:
    return ", ".join(str(each) for each in missing) or "none"


def _of(firing: Sequence[FiringAlert]) -> str:
    return ", ".join(sorted({f"{alert.name}({_said(alert)})" for alert in firing})) or "none"


def _said(alert: FiringAlert) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(alert.labels.items()) if key != "alertname")
