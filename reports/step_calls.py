"""Sees to it that a step's function ran: one that only returned something to run later proved nothing."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import pytest

__all__ = ["StepNotRunError", "watch_step_calls"]

# What pytest-bdd calls a step's function by, and whose result it drops; no hook is told of it. Should a version not
# have it, the run ends before anything is verified.
_CALLER = "call_fixture_func"


class StepNotRunError(Exception):
    """A step's function returned something that has yet to run, which nobody does."""

    fix = (
        "let the step itself do the work: wait by asyncio.run(...), exhaust by list(...), and return what came of it;"
        " pytest-bdd neither awaits nor iterates what a step returns"
    )


def watch_step_calls(config: pytest.Config) -> None:
    """Have every step of this run raise `StepNotRunError` where its function returned something yet to run."""
    module = import_module("pytest_bdd.scenario")  # not the function of that name which the package offers
    call: Callable[..., Any] = getattr(module, _CALLER)

    def watched(*, fixturefunc: Callable[..., Any], request: object, kwargs: Mapping[str, Any]) -> Any:
        value = call(fixturefunc=fixturefunc, request=request, kwargs=kwargs)
        kind = _yet_to_run(value)
        if kind is not None:
            _abandon(value)
            raise StepNotRunError(f"{_named(fixturefunc)} did not run: it returned {kind}")
        return value

    setattr(module, _CALLER, watched)
    config.add_cleanup(lambda: setattr(module, _CALLER, call))


def _yet_to_run(value: object) -> str | None:
    if inspect.isawaitable(value):
        return "an awaitable"
    if inspect.isasyncgen(value) or inspect.isgenerator(value):
        return "a generator"
    return None


def _abandon(value: object) -> None:
    """Close it, so that Python does not remark that it was never awaited."""
    if inspect.iscoroutine(value) or inspect.isgenerator(value):
        value.close()


def _named(function: Callable[..., Any]) -> str:
    code = getattr(function, "__code__", None)
    name = getattr(function, "__name__", repr(function))
    return f"{name}, line {code.co_firstlineno} of {code.co_filename}," if code is not None else name
