"""Threads with tools of their own."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from stack.services.search.pool import Pool


class CutError(Exception):
    """A connection was cut."""


@dataclass
class Tool:
    """A connection; what is asked through a cut one fails."""

    is_cut: bool = False
    closed: int = 0

    def ask(self) -> str:
        """The answer."""
        if self.is_cut:
            raise CutError
        return "answer"

    def close(self) -> None:
        """Count it."""
        self.closed += 1


@dataclass
class Maker:
    """Makes tools, all of them cut once the server is away."""

    is_away: bool = False
    made: list[Tool] = field(default_factory=list)

    def __call__(self) -> Tool:
        """One more."""
        self.made.append(Tool(is_cut=self.is_away))
        return self.made[-1]


def pool_of(maker: Maker) -> Pool[Tool]:
    """A pool of two threads."""
    return Pool(maker, threads=2, waiting=2, wait_seconds=5, broken=(CutError,))


def test_what_lay_idle_while_its_connection_was_cut_costs_nobody_an_answer() -> None:
    """Every idle tool is cut; each is replaced by the question that finds it, which is answered."""

    async def ask() -> list[str]:
        maker = Maker()
        pool = pool_of(maker)
        both = [pool.run(Tool.ask, seconds=5) for _ in range(2)]
        await asyncio.gather(*both)
        for tool in maker.made:
            tool.is_cut = True
        old = list(maker.made)
        answers = [await pool.run(Tool.ask, seconds=5) for _ in range(4)]
        pool.close()
        assert [tool.closed for tool in old] == [1] * len(old)
        return answers

    assert asyncio.run(ask()) == ["answer"] * 4


def test_a_server_that_is_away_is_asked_twice_at_the_most() -> None:
    """A fresh tool that breaks is an outage: it is told, and the tool is closed."""

    async def ask() -> int:
        maker = Maker()
        pool = pool_of(maker)
        await pool.run(Tool.ask, seconds=5)
        maker.is_away = maker.made[0].is_cut = True
        with pytest.raises(CutError):
            await pool.run(Tool.ask, seconds=5)
        with pytest.raises(CutError):
            await pool.run(Tool.ask, seconds=5)
        assert all(tool.closed == 1 for tool in maker.made)
        pool.close()
        return len(maker.made)

    assert asyncio.run(ask()) == 3
