"""What holds for every component, whatever its server."""

from __future__ import annotations

import dataclasses

import pytest

from stack.addresses import Addresses
from stack.components.base import Component, Plan
from stack.components.catalogue import OBJECT_STORES, catalogue, select
from stack.errors import UsageError

EVERY = [
    *catalogue("seaweedfs").values(),
    *(component for name, component in catalogue("versitygw").items() if name == "objects"),
]


def identity(component: Component) -> str:
    return f"{component.name}-{'-'.join(component.tools)}"


@pytest.mark.parametrize("component", EVERY, ids=identity)
def test_no_secret_is_an_argument(component: Component, plan: Plan) -> None:
    """A generated secret never reaches a command line."""
    words = [str(word) for word in component.launch(plan).arguments]
    assert words
    assert [word for word in words if "secret-" in word] == []


@pytest.mark.parametrize("component", EVERY, ids=identity)
def test_ports_and_host_reach_the_server(component: Component, plan: Plan) -> None:
    """Each named port is in the arguments, the configuration or the variables, and so is the address to listen on."""
    if component.tools == ("versitygw",):
        one_port = dataclasses.replace(plan.site("objects"), ports={"server": 10_999})
        plan = dataclasses.replace(plan, sites={**plan.sites, "objects": one_port})
    launch = component.launch(plan)
    told = "\n".join([*map(str, launch.arguments), *component.files(plan).values(), *launch.env.values()])
    site = plan.site(component.name)
    assert {name for name, port in site.ports.items() if str(port) not in told} == set()
    assert site.host in told


@pytest.mark.parametrize("component", EVERY, ids=identity)
def test_configuration_stays_in_its_folder(component: Component, plan: Plan) -> None:
    """Configuration files have plain names, so that none can be laid elsewhere."""
    assert [name for name in component.files(plan) if "/" in name or name.startswith(".")] == []


@pytest.mark.parametrize("component", EVERY, ids=identity)
def test_rendering_is_pure(component: Component, plan: Plan) -> None:
    """The same plan gives the same files and the same command."""
    assert component.files(plan) == component.files(plan)
    assert component.launch(plan) == component.launch(plan)


def test_addresses_hold_what_clients_need(plan: Plan) -> None:
    """All components together fill every field, each at its own site."""
    addresses = Addresses()
    for component in catalogue("seaweedfs").values():
        addresses = component.address(plan, addresses)
    assert addresses.database
    assert addresses.replica
    assert addresses.database.port == plan.site("postgresql-primary").ports["server"]
    assert addresses.replica.port == plan.site("postgresql-replica").ports["server"]
    assert (addresses.database.user, addresses.database.database) == ("forge", "forge")
    assert addresses.cache
    assert len(addresses.cache.nodes) == 6
    assert addresses.objects
    assert addresses.objects.access_key == "ACCESS"
    assert {engine.kind for engine in addresses.engines} == {"opensearch", "meilisearch"}
    assert addresses.git
    assert addresses.git.location == str(plan.git_root)


def test_a_component_brings_what_it_requires() -> None:
    """The replica brings its primary, one Redis node the whole cluster; the order is the catalogue's."""
    known = catalogue("seaweedfs")
    assert select(known, ["postgresql-replica"]) == ["postgresql-primary", "postgresql-replica"]
    assert select(known, ["redis-4", "git"]) == [*(f"redis-{number}" for number in range(1, 7)), "git"]
    assert select(known, ["postgresql"]) == ["postgresql-primary", "postgresql-replica"]
    assert select(known, []) == []


def test_an_unknown_component_is_a_usage_error() -> None:
    """A misspelt name is refused with the names there are, groups included."""
    with pytest.raises(UsageError) as refused:
        select(catalogue("seaweedfs"), ["postgres"])
    assert "postgresql-primary" in refused.value.fix
    assert "redis" in refused.value.fix.split(", ")


def test_nobody_waits_in_a_circle() -> None:
    """Whatever is required exists, and nobody waits in a circle, whichever components a stack has."""
    for store in OBJECT_STORES:
        known = catalogue(store)
        settled: set[str] = set()
        left = dict(known)
        for component in known.values():
            assert {*component.requires, *component.one_of} <= set(known)
        while left:
            able = [name for name, each in left.items() if settled.issuperset(known.keys() & set(each.after))]
            assert able, f"these wait for each other: {sorted(left)}"
            settled.update(able)
            for name in able:
                del left[name]
