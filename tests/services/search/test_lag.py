"""The lag is a number only where it is known."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest

from stack.services.search.indexer.events import Backlog
from stack.services.search.indexer.lag import Lag


@dataclass
class Clock:
    """Time that passes when told to."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock."""
    return Clock()


@pytest.fixture
def lag(clock: Clock) -> Lag:
    """Nothing is known yet."""
    return Lag(clock)


EMPTY = Backlog(0, 0, None, 5)


def test_nothing_is_known_at_first(lag: Lag) -> None:
    """Before the first look there is no number, and neither after one look at an empty outbox."""
    assert math.isnan(lag.seconds())
    assert math.isnan(lag.events())
    lag.observed(EMPTY)
    assert math.isnan(lag.seconds())
    assert lag.events() == 0


def test_what_waits_is_as_old_as_it_is(lag: Lag, clock: Clock) -> None:
    """Its age grows between two looks."""
    lag.observed(Backlog(3, 9, 40.0, 5))
    clock.now += 2
    assert lag.seconds() == 42
    assert lag.events() == 3


def test_after_a_good_run_there_is_none(lag: Lag) -> None:
    """Zero is said only after everything was looked at."""
    lag.made_good(5)
    lag.observed(EMPTY)
    assert lag.seconds() == 0


def test_an_old_look_is_worth_nothing(lag: Lag, clock: Clock) -> None:
    """With the database away the number ends."""
    lag.made_good(5)
    lag.observed(EMPTY)
    clock.now += 6
    assert math.isnan(lag.seconds())
    assert math.isnan(lag.events())


def test_what_another_indexer_took(lag: Lag, clock: Clock) -> None:
    """Its events are gone from the outbox, and still not searchable here."""
    lag.made_good(5)
    lag.observed(Backlog(0, 0, None, 6))
    assert lag.is_behind
    clock.now += 3
    assert lag.seconds() == 3
    lag.made_good(6)
    lag.observed(Backlog(0, 0, None, 6))
    assert lag.seconds() == 0


def test_an_engine_that_lost_everything(lag: Lag, clock: Clock) -> None:
    """All is behind since the last run that ended well."""
    lag.made_good(5)
    clock.now += 100
    lag.anew()
    lag.observed(EMPTY)
    clock.now += 1
    assert lag.seconds() == 101
    lag.made_good(5)
    assert lag.seconds() == 0
