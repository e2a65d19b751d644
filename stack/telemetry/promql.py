"""The few PromQL phrases that dashboards and rules share, and the variables in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from stack.errors import EngineRoomError

__all__ = [
    "PROBES",
    "QUIET",
    "UnknownVariableError",
    "W",
    "each_of",
    "grown",
    "or_zero",
    "quantile",
    "rate",
    "ratio",
    "resolve",
    "variables",
]

W = "$__rate_interval"
# What looks at a service is not its users' traffic.
PROBES = "/healthz|/readyz|/metrics|/api/v1/health"
QUIET = f'http_route!~"{PROBES}"'

_VARIABLE = re.compile(r"\$(?:\{(?P<braced>\w+)(?::\w+)?\}|(?P<bare>\w+))")
_ANY = ".*"


class UnknownVariableError(EngineRoomError):
    """A query names a variable that its dashboard does not have."""


def rate(selector: str, by: str = "", *, window: str = W) -> str:
    """Events per second, summed; `by` lists labels to keep, parted by commas."""
    keep = f" by ({by})" if by else ""
    return f"sum{keep} (rate({selector}[{window}]))"


def or_zero(part: str, whole: str) -> str:
    """`part`, or 0 where only `whole` has series.

    A counter that nothing has incremented yet may have no series, and its rate should be drawn as 0. The zero comes
    from the whole, so that a dead exporter leaves nothing: never `or vector(0)`.
    """
    return f"({part} or 0 * {whole})"


def ratio(part: str, whole: str) -> str:
    """A share between 0 and 1; nothing where the whole is nothing or does not happen."""
    return f"{or_zero(part, whole)} / ({whole} > 0)"


def grown(metric: str, job: str, matchers: str, by: str, window: str) -> str:
    """How much a counter has grown within a window, where it has; a counter that is new in it counts whole.

    `increase` sees no growth in a counter's first sample, and a counter with labels is often born with the one event
    that matters. New to a Prometheus that is new itself proves nothing, so its job must have been scraped before.

    Args:
        metric: the counter.
        job: its job.
        matchers: further matchers, or nothing.
        by: labels to keep, parted by commas.
        window: a duration such as `15m`.
    """
    selector = f'{metric}{{job="{job}",{matchers}}}' if matchers else f'{metric}{{job="{job}"}}'
    now = f"sum by ({by}) ({selector})"
    before = f"sum by ({by}) ({selector} offset {window})"
    seen = f'and on () up{{job="{job}"}} offset {window} == 1'
    return f"sum by ({by}) (increase({selector}[{window}])) > 0 or ({now} > 0 unless {before} {seen})"


def quantile(level: float, histogram: str, by: str = "", *, selector: str = "", window: str = W) -> str:
    """A quantile of a histogram.

    Args:
        level: between 0 and 1.
        histogram: the metric's name without `_bucket`.
        by: labels to keep, parted by commas.
        selector: matchers between the braces.
        window: range of the rate.
    """
    keep = f"le, {by}" if by else "le"
    return f"histogram_quantile({level}, {rate(f'{histogram}_bucket{{{selector}}}', keep, window=window)})"


def each_of(names: Iterable[str]) -> str:
    """The regular expression that matches any of some names."""
    return "|".join(names)


def variables(query: str) -> set[str]:
    """Names of the variables in a query, Grafana's own (`__...`) included."""
    return {match["braced"] or match["bare"] for match in _VARIABLE.finditer(query)}


def resolve(query: str, *, window: str, values: Mapping[str, str]) -> str:
    """A query as Prometheus takes it, as Grafana would send it.

    Args:
        query: PromQL with variables (`$job`, `${job:regex}`, `$__rate_interval`).
        window: a duration for `$__rate_interval`, `$__interval` and `$__range`, such as `1m`.
        values: regular expressions for the dashboard's variables; `.*` selects all.

    Raises:
        UnknownVariableError: a variable that `values` lacks.
    """

    def replace(match: re.Match[str]) -> str:
        name = match["braced"] or match["bare"]
        if name in {"__rate_interval", "__interval", "__range"}:
            return window
        try:
            return values[name]
        except KeyError:
            raise UnknownVariableError(
                f"The query names the variable {name}",
                on=query,
                got=f"known: {', '.join(sorted(values)) or 'none'}",
                fix="add it to its dashboard's variables",
            ) from None

    return _VARIABLE.sub(replace, query)
