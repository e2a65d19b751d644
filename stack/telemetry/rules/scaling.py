"""The time scale: the same rules with every window and every `for` divided, so that real faults fire in seconds."""

from __future__ import annotations

import re

__all__ = ["SHORTEST_RANGE", "duration", "scaled", "seconds"]

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"(\d+)(ms|[smhdw])")
_RANGE = re.compile(r"\[(\d+(?:ms|[smhdw]))\]")
_OFFSET = re.compile(r"(?<=\boffset )(\d+(?:ms|[smhdw]))")
_NUMBER = re.compile(r"\{(\d+)s(?::(\d+)s)?\}")
_SHORTEST = 1.0
# A rate needs two samples at the very least, and one scrape may be late: four, at one scrape a second.
SHORTEST_RANGE = 4.0


def seconds(text: str) -> float:
    """Seconds of a PromQL duration such as `1h30m`."""
    return sum(int(number) * _UNITS[unit] for number, unit in _DURATION.findall(text))


def duration(text: str, scale: float, *, shortest: float = _SHORTEST) -> str:
    """A duration divided by the scale, never below `shortest` seconds, as PromQL writes it."""
    left = round(max(seconds(text) / scale, shortest) * 1000)
    parts = []
    for unit in ("d", "h", "m", "s", "ms"):
        number, left = divmod(left, round(_UNITS[unit] * 1000))
        if number:
            parts.append(f"{number}{unit}")
    return "".join(parts)


def scaled(expr: str, scale: float) -> str:
    """An expression with its ranges, its offsets and its `{900s}` numbers divided by the scale.

    Ranges keep their ratios up to a scale of 75: there five minutes become the shortest range.
    """
    expr = _RANGE.sub(lambda match: f"[{duration(match[1], scale, shortest=SHORTEST_RANGE)}]", expr)
    expr = _OFFSET.sub(lambda match: duration(match[1], scale, shortest=SHORTEST_RANGE), expr)
    return _NUMBER.sub(lambda match: f"{max(int(match[1]) / scale, float(match[2] or 0)):g}", expr)
