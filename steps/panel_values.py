"""What a panel's queries gave over some time, and whether that is standing still or moving."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Baseline", "Curve", "Direction", "Seen"]

# Rates are floating-point sums over sliding windows: the same traffic gives the same figure up to this share.
_EXACT = 1e-6
_TINY = 1e-9
# One sample beyond may be a coincidence of two scrapes; what is done on purpose lasts longer.
_MOMENTS = 2

Direction = Literal["up", "down", "anywhere"]
Key = tuple[int, tuple[tuple[str, str], ...]]


@dataclass(frozen=True)
class Curve:
    """One series of one query: its labels, and its values by moment; what is no number is not there."""

    query: int
    labels: Mapping[str, str]
    points: Mapping[float, float]

    @property
    def key(self) -> Key:
        """What tells it from the panel's other curves."""
        return self.query, tuple(sorted(self.labels.items()))

    @property
    def name(self) -> str:
        """How a report names it."""
        return ", ".join(f"{key}={value}" for key, value in sorted(self.labels.items()) if key != "__name__") or "value"


@dataclass(frozen=True)
class Seen:
    """All curves of a panel over a span of time.

    Args:
        curves: those that have at least one value.
        moments: the moments that were asked for, so that a gap can be told from a curve.
        queries: how many queries the panel has.
    """

    curves: tuple[Curve, ...]
    moments: Sequence[float]
    queries: int = 1

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to see at the last moment."""
        return not self.now()

    def now(self) -> dict[Key, float]:
        """The curves that have a value at the last moment."""
        if not self.moments:
            return {}
        last = self.moments[-1]
        return {curve.key: curve.points[last] for curve in self.curves if last in curve.points}

    @property
    def without_data(self) -> list[int]:
        """Numbers of the queries that gave nothing at all."""
        given = {curve.query for curve in self.curves}
        return [number for number in range(self.queries) if number not in given]

    @property
    def unrest(self) -> str:
        """What moved, for a reader; empty when every curve stayed where it was the whole time."""
        for curve in self.curves:
            low, high = min(curve.points.values()), max(curve.points.values())
            if len(curve.points) < len(self.moments):
                return f"{curve.name} was there for {len(curve.points)} of {len(self.moments)} seconds"
            if high - low > _EXACT * max(abs(low), abs(high)) + _TINY:
                return f"{curve.name} went from {low:g} to {high:g}"
        return ""

    def last(self) -> Seen:
        """The last moment alone."""
        moments = list(self.moments)[-1:]
        curves = [
            Curve(curve.query, curve.labels, {moments[0]: curve.points[moments[0]]})
            for curve in self.curves
            if moments and moments[0] in curve.points
        ]
        return Seen(tuple(curves), moments, self.queries)

    def joined(self, other: Seen) -> Seen:
        """Both spans of time as one."""
        points: dict[Key, dict[float, float]] = {}
        labels: dict[Key, Mapping[str, str]] = {}
        for curve in (*self.curves, *other.curves):
            points.setdefault(curve.key, {}).update(curve.points)
            labels[curve.key] = curve.labels
        curves = tuple(Curve(key[0], labels[key], found) for key, found in points.items())
        return Seen(curves, sorted({*self.moments, *other.moments}), self.queries)


@dataclass(frozen=True)
class Baseline:
    """Between which values each curve was before something was done.

    Args:
        ranges: lowest and highest value of each curve.
        room: how far beyond its range a curve must go, as a share of the range: 0 for one that stood still.
        towards: where it must go: `up` or `down` for one that also comes back from where something else had moved it.
        names: of the curves, for a reader.
    """

    ranges: Mapping[Key, tuple[float, float]]
    room: float = 0.0
    towards: Direction = "anywhere"
    names: Mapping[Key, str] = field(default_factory=dict)

    @classmethod
    def of(cls, seen: Seen, *, room: float = 0.0, towards: Direction = "anywhere") -> Baseline:
        """What was seen before."""
        ranges = {curve.key: (min(curve.points.values()), max(curve.points.values())) for curve in seen.curves}
        return cls(ranges, room, towards, {curve.key: curve.name for curve in seen.curves})

    def moved(self, seen: Seen) -> str:
        """What went where it had not been, or came; empty when nothing did."""
        for curve in seen.curves:
            known = self.ranges.get(curve.key)
            if known is None:
                # A zero that was nothing before tells that there is something to count, and not that it happened.
                come = [value for value in curve.points.values() if value != 0]
                if len(come) >= _MOMENTS:
                    return f"{curve.name} came with {come[-1]:g}"
                continue
            beyond = [value for value in curve.points.values() if self._is_beyond(value, *known)]
            if len(beyond) >= _MOMENTS:
                return f"{curve.name} went from {_range(*known)} to {_furthest(beyond, *known):g}"
        return ""

    def holds(self, seen: Seen) -> bool:
        """Whether all of it is where it was before, at the last moments."""
        last = list(seen.moments)[-_MOMENTS:]
        for curve in seen.curves:
            known = self.ranges.get(curve.key)
            recent = [curve.points[moment] for moment in last if moment in curve.points]
            if recent and (known is None or any(self._is_beyond(value, *known) for value in recent)):
                return False
        return True

    def _is_beyond(self, value: float, low: float, high: float) -> bool:
        margin = self.room * (high - low) + _EXACT * max(abs(low), abs(high)) + _TINY
        above, below = value > high + margin, value < low - margin
        return (above and self.towards != "down") or (below and self.towards != "up")

    def __str__(self) -> str:
        """For a reader."""
        shown = [f"{self.names.get(key, key)}: {_range(*span)}" for key, span in self.ranges.items()]
        return "; ".join(shown[:4]) + (f"; and {len(shown) - 4} more" if len(shown) > 4 else "") or "nothing"


def _range(low: float, high: float) -> str:
    return f"{low:g}" if math.isclose(low, high, rel_tol=_EXACT, abs_tol=_TINY) else f"{low:g} to {high:g}"


def _furthest(values: Iterable[float], low: float, high: float) -> float:
    return max(values, key=lambda value: max(low - value, value - high))
