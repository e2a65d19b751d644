"""Chance that falls the same way every time, on every machine and every version of Python."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeVar

__all__ = ["Dice"]

T = TypeVar("T")


class Dice:
    """Numbers from SHA-256 over a seed and a counter; Python's own `random` makes no such promise about `choice`."""

    def __init__(self, *seed: object) -> None:
        """Start at a seed of any printable parts."""
        self._seed = "/".join(map(str, seed)).encode()
        self._thrown = 0

    def below(self, limit: int) -> int:
        """A number from 0 to `limit - 1`; the bias of the remainder is under 2**-50 for every limit used here."""
        self._thrown += 1
        digest = hashlib.sha256(self._seed + b"#%d" % self._thrown).digest()
        return int.from_bytes(digest[:8]) % limit

    def between(self, lowest: int, highest: int) -> int:
        """A number from `lowest` to `highest`, both included."""
        return lowest + self.below(highest - lowest + 1)

    def choice(self, items: Sequence[T]) -> T:
        """One of the items."""
        return items[self.below(len(items))]

    def some(self, items: Sequence[T], count: int) -> list[T]:
        """`count` different items (all of them if there are fewer), in the order they were drawn."""
        rest = list(items)
        return [rest.pop(self.below(len(rest))) for _ in range(min(count, len(rest)))]

    def chance(self, percent: int) -> bool:
        """True `percent` times of a hundred."""
        return self.below(100) < percent

    def after(self, start: datetime, *, days: tuple[int, int]) -> datetime:
        """A second in the working day, some days after `start`."""
        day = start + timedelta(days=self.between(*days))
        return day.replace(hour=self.between(7, 19), minute=self.below(60), second=self.below(60), microsecond=0)
