"""Steps about starting and ending a stack beside the one that the run uses."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from pytest_bdd import given, parsers, then, when

from stack.runtimes.base import Stack
from stack.settings import Settings
from steps.components import until
from steps.other_stack import OtherStack

__all__: list[str] = []


@pytest.fixture
def other(settings: Settings) -> Iterator[OtherStack]:
    """The controller of these steps."""
    other = OtherStack(settings)
    yield other
    other.end()


@given(parsers.parse('a second stack with "{component}" is started within {seconds:d} seconds'))
def started(other: OtherStack, component: str, seconds: int) -> None:
    other.start(component, seconds)


@given(parsers.parse('a command that started a stack with "{component}"'))
def command(other: OtherStack, component: str) -> None:
    other.start_by_command(component)


@when("it is stopped")
def stopped(other: OtherStack) -> None:
    assert other.stack is not None
    other.stack.stop()


@when(parsers.parse("that command is killed with SIGKILL"))
def killed(other: OtherStack) -> None:
    other.end_command(signal.SIGKILL)


@when(parsers.parse("that command is interrupted with SIGINT"))
def interrupted(other: OtherStack) -> None:
    other.end_command(signal.SIGINT)


@when(parsers.parse('its component "{name}" dies without being killed on purpose'))
def dies(other: OtherStack, name: str) -> None:
    other.let_die(name)


@then(parsers.parse("none of its processes is left within {seconds:d} seconds"))
def no_process(other: OtherStack, seconds: int) -> None:
    other.expect_no_process(seconds)


@then("none of its ports answers")
def no_port(other: OtherStack) -> None:
    assert other.answering() == []


@then("its folder is gone")
def no_folder(other: OtherStack) -> None:
    until(lambda: not other.folder.exists(), 10, lambda: other.folder)


@then("the next start finds nothing left to clean up, or cleans it up")
def cleaned(other: OtherStack) -> None:
    other.clean()
    assert not other.folder.exists()
    assert other.processes() == []


@then("both stacks have other ports and other passwords")
def apart(stack: Stack, other: OtherStack) -> None:
    assert stack.addresses.cache is not None
    assert other.stack is not None
    assert other.stack.addresses.cache is not None
    assert not {node.port for node in stack.addresses.cache.nodes} & set(other.ports)
    assert stack.addresses.cache.password != other.stack.addresses.cache.password


@then("a key written to one is not in the other")
def separate(stack: Stack, other: OtherStack) -> None:
    assert other.stack is not None
    other.put(other.stack, "only-here")
    assert other.has(other.stack, "only-here")
    assert not other.has(stack, "only-here")


@then(parsers.parse('the stack names "{name}" as dead'))
def names_dead(other: OtherStack, name: str) -> None:
    assert other.stack is not None
    stack = other.stack
    until(lambda: any(text.startswith(name) for text in stack.deaths()), 10, stack.deaths)
