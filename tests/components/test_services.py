"""The services of the forge: what each is told, and how."""

from __future__ import annotations

import dataclasses
import signal

import pytest

from stack.addresses import Addresses
from stack.components import catalogue as catalogue_module
from stack.components.base import Plan, Site
from stack.components.catalogue import catalogue
from stack.components.git_http import GIT_HTTP, GitService
from stack.components.services import COLLECTOR, Service

SERVICES = [component for component in catalogue("seaweedfs").values() if isinstance(component, Service)]


def with_collector(plan: Plan) -> Plan:
    """The plan of a stack with a collector."""
    site = Site(COLLECTOR, plan.git_root, "127.0.0.1", {"otlp_http": 4318})
    return dataclasses.replace(plan, sites={**plan.sites, COLLECTOR: site})


@pytest.mark.parametrize("service", SERVICES, ids=lambda each: each.name)
def test_no_secret_is_a_variable(service: Service, plan: Plan) -> None:
    """Each secret is in a file that a variable names; the file's name is plain."""
    launch, files = service.launch(plan), service.files(plan)
    assert [value for value in launch.env.values() if "secret-" in value or "password" in value] == []
    told = {name: value for name, value in launch.env.items() if name.endswith("_FILE")}
    assert {str(plan.site(service.name).config / name) for name in files} == set(told.values())


@pytest.mark.parametrize("service", SERVICES, ids=lambda each: each.name)
def test_a_service_runs_as_us_and_ends_in_order(service: Service, plan: Plan) -> None:
    """It is asked by SIGTERM, and killed only after the time that it gives its own requests."""
    launch = service.launch(plan)
    assert service.own_user
    assert launch.stop == signal.SIGTERM
    assert launch.grace > float(launch.env[f"{service.prefix}_GRACE_SECONDS"])


@pytest.mark.parametrize("service", SERVICES, ids=lambda each: each.name)
def test_spans_are_sent_where_there_is_a_collector(service: Service, plan: Plan) -> None:
    """Without one nothing is set, so that nothing is sent anywhere; with one, names and sampling are."""
    without = dataclasses.replace(plan, sites={n: s for n, s in plan.sites.items() if n != COLLECTOR})
    assert [name for name in service.launch(without).env if name.startswith("OTEL_")] == []
    env = service.launch(with_collector(plan)).env
    assert env["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:4318"
    assert env["OTEL_SERVICE_NAME"] == service.service
    attributes = env["OTEL_RESOURCE_ATTRIBUTES"].split(",")
    assert {"deployment.environment.name=engineroom", f"service.instance.id={service.name}"} <= set(attributes)
    assert env["OTEL_TRACES_SAMPLER"] == "parentbased_always_on"


@pytest.mark.parametrize("service", SERVICES, ids=lambda each: each.name)
def test_a_service_fills_its_address(service: Service, plan: Plan) -> None:
    """Its own field and no other, with its port."""
    found = service.address(plan, Addresses()).services
    filled = {name for name in type(found).model_fields if getattr(found, name) is not None}
    assert filled == {service.field}
    assert getattr(found, service.field).url.endswith(f":{plan.site(service.name).ports['server']}")


def test_the_git_service_is_told_the_repositories(plan: Plan) -> None:
    """It writes where the stack's repositories are, so that others may read, and announces with its token alone."""
    service = GitService()
    launch = service.launch(plan)
    assert launch.env["GIT_DATA_PATH"] == str(plan.git_root)
    assert launch.env["GIT_STATE_PATH"] == str(plan.site(GIT_HTTP).data)
    assert launch.umask == 0o022
    assert service.files(plan)["git-token"] == "secret-git-token"
    address = service.address(plan, Addresses()).services.git_http
    assert address is not None
    assert address.token == plan.secrets.git_token


def test_a_service_that_is_not_written_is_no_component(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkout without its code has no such component, rather than one that cannot start."""
    assert GIT_HTTP in catalogue("seaweedfs")
    monkeypatch.setattr(catalogue_module.GitService, "code", "nowhere/Cargo.lock")
    assert GIT_HTTP not in catalogue("seaweedfs")
