"""Steps about the components of the stack."""

from __future__ import annotations

import pytest
from pytest_bdd import given, parsers, then, when

from stack.runtimes.base import Stack
from steps.components import Components
from steps.world import World

__all__: list[str] = []


@pytest.fixture
def components(stack: Stack, settings: object) -> Components:
    """The controller of these steps."""
    return Components(stack, slow=getattr(settings, "slow", 1.0))


@given("the database primary and its replica are ready")
def database_ready(components: Components) -> None:
    components.require_ready("postgresql-primary", "postgresql-replica")


@given("the cache cluster is ready with 3 primaries and 3 replicas")
def cache_ready(components: Components) -> None:
    components.require_cluster(primaries=3, replicas=3)


@given(parsers.parse('the component "{name}" is ready'))
def component_ready(components: Components, name: str) -> None:
    components.require_ready(name)


@given(parsers.parse('the component "{name}" is killed'))
@when(parsers.parse('the component "{name}" is killed'))
def component_killed(components: Components, name: str) -> None:
    components.stack.kill(name)


@when(parsers.parse('the component "{name}" is started again within {seconds:d} seconds'))
def component_started(components: Components, name: str, seconds: int) -> None:
    components.restart(name, seconds)


@when(parsers.parse('the component "{name}" is paused'))
def component_paused(components: Components, name: str) -> None:
    components.stack.pause(name)


@when(parsers.parse('the component "{name}" is resumed'))
def component_resumed(components: Components, name: str) -> None:
    components.stack.resume(name)
    components.last = name


@then(parsers.parse('its status is not "{health}" within {seconds:d} seconds'))
def status_is_not(components: Components, health: str, seconds: int) -> None:
    components.expect_health(lambda found: found != health, seconds)


@then(parsers.parse('its status is "{health}" within {seconds:d} seconds'))
def status_is(components: Components, health: str, seconds: int) -> None:
    components.expect_health(lambda found: found == health, seconds)


@when("a row is written on the primary")
def row_written(components: Components) -> None:
    components.write_rows(1)


@when(parsers.parse("{number:d} rows are written on the primary"))
def rows_written(components: Components, number: int) -> None:
    components.write_rows(number)


@then(parsers.parse("the replica shows that row within {seconds:d} seconds"))
def row_shown(components: Components, seconds: int) -> None:
    components.expect_rows(1, seconds)


@then(parsers.parse("the replica shows those {number:d} rows within {seconds:d} seconds"))
def rows_shown(components: Components, number: int, seconds: int) -> None:
    components.expect_rows(number, seconds)


@then("writing on the replica is refused as read-only")
def replica_refuses(components: Components) -> None:
    assert components.replica_write_error() == "read_only_sql_transaction"


@then(parsers.parse('the database setting "{name}" is "{value}"'))
def database_setting(components: Components, name: str, value: str) -> None:
    assert components.database_setting(name) == value


@given(parsers.parse("{number:d} keys are written to the cache"))
def keys_written(components: Components, number: int) -> None:
    components.write_keys(number)


@when(parsers.parse('the primary that owns the key "{key}" is killed'))
def owner_killed(components: Components, key: str) -> None:
    components.kill_owner(key)


@then(parsers.parse("all {number:d} keys are readable within {seconds:d} seconds"))
def keys_readable(components: Components, number: int, seconds: int) -> None:
    components.expect_keys(number, seconds)


@then(parsers.parse("a key can be written to every slot range within {seconds:d} seconds"))
def keys_writable(components: Components, seconds: int) -> None:
    components.expect_writable(seconds)


@then("a client without the password is refused")
def cache_refuses(components: Components) -> None:
    assert components.cache_error_without_password().startswith("AuthenticationError")


@given("the search engine is killed")
def engine_killed(stack: Stack, world: World) -> None:
    stack.kill(world.engine)


@when(parsers.parse("the search engine is started again and the forge is indexed within {seconds:d} seconds"))
def engine_started(stack: Stack, world: World, seconds: int) -> None:
    stack.restart(world.engine)
    world.index(seconds)
