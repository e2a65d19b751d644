"""Recording rules and multi-window, multi-burn-rate alerts of every objective."""

from __future__ import annotations

from typing import cast

from stack.telemetry.rules.model import Alert, Group, Recording, Severity
from stack.telemetry.slo import BURNS, OBJECTIVES, WINDOWS, Burn, Objective

__all__ = ["alerts", "groups"]

_FILE = "objectives"
# Long windows hardly move from one scrape to the next, and are the dear ones.
_QUICK = ("5m", "30m", "1h")


def groups() -> tuple[Group, ...]:
    """Three groups per objective: short windows, long windows, and the alerts on them."""
    return tuple(group for objective in OBJECTIVES for group in _groups(objective))


def _groups(objective: Objective) -> tuple[Group, ...]:
    quick = tuple(rule for window in _QUICK for rule in _recordings(objective, window))
    slow = tuple(rule for window in WINDOWS if window not in _QUICK for rule in _recordings(objective, window))
    return (
        Group(f"{objective.name} short windows", _FILE, quick),
        Group(f"{objective.name} long windows", _FILE, slow, interval="1m"),
        Group(f"{objective.name} alerts", _FILE, alerts(objective)),
    )


def _recordings(objective: Objective, window: str) -> tuple[Recording, ...]:
    labels = {"slo": objective.name}
    bad, total = objective.bad_over(window), objective.total_over(window)
    return (
        Recording(f"slo:bad_events:rate{window}", bad, labels),
        # Nothing asked is nothing promised: without events there is no ratio, and no alert.
        Recording(
            f"slo:error_ratio:rate{window}",
            f'slo:bad_events:rate{window}{{slo="{objective.name}"}} / on () group_left () ({total} > 0)',
            labels,
        ),
        Recording(
            f"slo:burn_rate:rate{window}",
            f'slo:error_ratio:rate{window}{{slo="{objective.name}"}} / {objective.budget:g}',
            labels,
        ),
    )


def alerts(objective: Objective) -> tuple[Alert, ...]:
    """One alert per pair of windows, all of one name."""
    return tuple(_alert(objective, burn) for burn in BURNS)


def _alert(objective: Objective, burn: Burn) -> Alert:
    of = f'{{slo="{objective.name}"}}'
    return Alert(
        name=objective.alert,
        expr=(
            f"slo:burn_rate:rate{burn.short}{of} > {burn.factor:g}"
            f" and slo:burn_rate:rate{burn.long}{of} > {burn.factor:g}"
            f" and slo:bad_events:rate{burn.long}{of} * {_seconds(burn.long)} > {objective.least - 0.5:g}"
        ),
        hold=burn.hold,
        severity=cast("Severity", burn.severity),
        summary=f"The promise is being broken: {objective.promise}",
        description=(
            f"The error budget goes {{{{ $value | humanize }}}} times as fast as it may, over {burn.short} and over "
            f"{burn.long}; {burn.factor:g} is the limit."
        ),
        dashboard=objective.dashboard,
        fault=objective.fault,
        stimulus=objective.stimulus,
        labels={"window": f"{burn.short}/{burn.long}"},
    )


def _seconds(window: str) -> str:
    """The window's length as a number that the time scale divides with it."""
    units = {"m": 60, "h": 3600, "d": 86400}
    return f"{{{int(window[:-1]) * units[window[-1]]}s}}"
