"""What is rendered for each container."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stack.components.base import Plan
from stack.components.catalogue import catalogue
from stack.errors import NeedMissingError, UsageError
from stack.runtimes import secrets
from stack.runtimes.containers.layout import ImageTools, inside, outside
from stack.runtimes.containers.recipes import SUPPORTED, Recipe, recipe
from stack.runtimes.containers.starting import choose
from stack.runtimes.identity import ProcessId
from stack.runtimes.registry import ComponentRecord, RunRecord
from stack.settings import load

COMPONENTS = catalogue("seaweedfs")


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """The outside plan of everything there is an image of."""
    ports = itertools.count(20_000)
    components = {
        name: ComponentRecord(name=name, host="127.0.0.1", ports={port: next(ports) for port in COMPONENTS[name].ports})
        for name in SUPPORTED
    }
    record = RunRecord(
        run="r1",
        created=datetime.now(UTC),
        boot="b",
        owner=ProcessId(1, 1.0),
        objects="seaweedfs",
        components=components,
    )
    return outside("r1", tmp_path, record, secrets.generate())


@pytest.fixture
def made(plan: Plan) -> Callable[[str], Recipe]:
    """Renders one component's recipe."""
    return lambda name: recipe(COMPONENTS[name], plan)


@pytest.mark.parametrize("name", SUPPORTED)
def test_secrets_are_in_files_only(name: str, plan: Plan, made: Callable[[str], Recipe]) -> None:
    """Neither arguments nor variables, which anybody who may ask the engine sees, hold one."""
    rendered = made(name)
    hidden = secrets.values(plan.secrets)
    assert len(hidden) == sum(field.name != "objects_access_key" for field in fields(plan.secrets))
    shown = "\n".join([*rendered.command, *rendered.env.values(), rendered.cwd])
    assert [secret for secret in hidden if secret in shown] == []
    assert any(secret in text for secret in hidden for text in rendered.files.values())


@pytest.mark.parametrize("name", SUPPORTED)
def test_nothing_of_this_machine_is_named(name: str, plan: Plan, made: Callable[[str], Recipe]) -> None:
    """A folder of the machine would not be there in the container."""
    rendered = made(name)
    here = str(next(iter(plan.sites.values())).folder.parent)
    texts = [*rendered.command, *rendered.env.values(), *rendered.files, *rendered.files.values(), rendered.cwd]
    assert [text for text in texts if here in text] == []


def test_a_node_listens_everywhere_and_announces_loopback(plan: Plan, made: Callable[[str], Recipe]) -> None:
    """What counts is each setting's last line: clients are sent to where they can go."""
    (conf,) = made("redis-2").files.values()
    last = dict(line.split(" ", 1) for line in conf.splitlines())
    assert last["bind"] == "0.0.0.0"  # noqa: S104
    assert last["cluster-announce-ip"] == "127.0.0.1"
    assert last["cluster-announce-port"] == last["port"] == str(plan.site("redis-2").ports["server"])


def test_a_replica_is_told_where_its_primary_is(plan: Plan, made: Callable[[str], Recipe]) -> None:
    """The entrypoint copies from where the settings then stream from, and the passfile has that very place."""
    rendered = made("postgresql-replica")
    port = str(plan.site("postgresql-primary").ports["server"])
    assert (rendered.env["ENGINEROOM_PRIMARY_HOST"], rendered.env["ENGINEROOM_PRIMARY_PORT"]) == ("127.0.0.1", port)
    conf = rendered.files["/engineroom/config/postgresql.conf"]
    assert f"host=127.0.0.1 port={port} " in conf
    assert rendered.env["ENGINEROOM_PASSFILE"] in conf
    assert rendered.files[rendered.env["ENGINEROOM_PASSFILE_FROM"]].startswith(f"127.0.0.1:{port}:")


def test_a_primary_reads_its_password_from_a_file_that_is_there(made: Callable[[str], Recipe]) -> None:
    """The path in the variable is one of the files."""
    rendered = made("postgresql-primary")
    assert rendered.env["ENGINEROOM_PASSWORD_FILE"] in rendered.files
    assert rendered.env["ENGINEROOM_ROLE"] == "primary"
    assert "ENGINEROOM_PRIMARY_HOST" not in rendered.env


def test_the_store_shows_only_its_s3_gateway(made: Callable[[str], Recipe]) -> None:
    """Master, volume server and filer have no password: they stay on loopback."""
    command = made("objects").command
    assert "-ip.bind=127.0.0.1" in command
    assert [word for word in command if "0.0.0.0" in word] == ["-s3.ip.bind=0.0.0.0"]  # noqa: S104


def test_inside_only_the_component_itself_listens_everywhere(plan: Plan) -> None:
    """Its neighbours are on loopback, with the ports that clients know."""
    inner = inside(plan, "redis-1")
    assert inner.site("redis-1").host == "0.0.0.0"  # noqa: S104
    assert {inner.site(name).host for name in SUPPORTED if name != "redis-1"} == {"127.0.0.1"}
    assert [site.ports for site in inner.sites.values()] == [site.ports for site in plan.sites.values()]


def test_what_has_no_image_is_a_missing_need() -> None:
    """Asked for a tool without an image, the answer names the runtime and what to do."""
    with pytest.raises(NeedMissingError) as caught:
        ImageTools().require("opensearch")
    assert caught.value.need == "containers"
    assert ImageTools().find("opensearch") is None


def test_everything_means_what_there_are_images_of() -> None:
    """The rest of the whole stack is named as missing, with a reason; engines nobody wants are not."""
    names, missing = choose(load(runtime="containers", engines=("opensearch",)), None)
    assert names == list(SUPPORTED)
    assert {"opensearch", "git"} <= set(missing) == set(catalogue("seaweedfs")) - {"meilisearch", *SUPPORTED}
    assert all(missing.values())


def test_asking_for_what_has_no_image_is_refused() -> None:
    """By name, a component without an image is a missing need, and an unknown one is a mistake."""
    settings = load(runtime="containers")
    with pytest.raises(NeedMissingError) as caught:
        choose(settings, ["git"])
    assert caught.value.need == "git"
    with pytest.raises(UsageError):
        choose(settings, ["mysql"])
    with pytest.raises(NeedMissingError):
        choose(load(runtime="containers", objects="versitygw"), None)


def test_a_group_brings_what_it_needs() -> None:
    """`postgresql` is both servers and nothing else."""
    names, missing = choose(load(runtime="containers"), ["postgresql"])
    assert names == ["postgresql-primary", "postgresql-replica"]
    assert missing == {}
