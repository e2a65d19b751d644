"""The services of the forge: what each is told, and how."""

from __future__ import annotations

import dataclasses
import signal
import sys
from pathlib import Path

import pytest

from stack.addresses import Addresses
from stack.components import catalogue as catalogue_module
from stack.components.api import Api
from stack.components.base import Plan, Site
from stack.components.catalogue import catalogue, services
from stack.components.git_http import GIT_HTTP, GitService
from stack.components.redis import NODES
from stack.components.runner import JobRunner
from stack.components.search import Indexer, SearchService
from stack.components.services import COLLECTOR, Service
from stack.components.web import Web
from stack.errors import NeedMissingError
from stack.runtimes import secrets

SERVICES = services()


def reduced(plan: Plan, *gone: str) -> Plan:
    """The plan without some components."""
    return dataclasses.replace(plan, sites={name: site for name, site in plan.sites.items() if name not in gone})


def with_collector(plan: Plan) -> Plan:
    """The plan of a stack with a collector."""
    site = Site(COLLECTOR, plan.git_root, "127.0.0.1", {"otlp_http": 4318})
    return dataclasses.replace(plan, sites={**plan.sites, COLLECTOR: site})


@pytest.mark.parametrize("service", SERVICES, ids=lambda each: each.name)
def test_no_secret_is_a_variable(service: Service, plan: Plan) -> None:
    """Each secret is in a file that a variable names; the file's name is plain."""
    launch, files = service.launch(plan), service.files(plan)
    hidden = secrets.values(plan.secrets)
    assert [value for value in launch.env.values() if any(secret in value for secret in hidden)] == []
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
    assert [name for name in service.launch(reduced(plan, COLLECTOR)).env if name.startswith("OTEL_")] == []
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


def test_every_service_has_a_name_and_a_field_of_its_own() -> None:
    """No two share anything by which they are told apart."""
    for told in ("name", "service", "prefix", "field"):
        assert len({getattr(service, told) for service in SERVICES}) == len(SERVICES), told


def test_search_and_indexer_share_engine_and_folder(plan: Plan) -> None:
    """Both are told the same index; one of them gets the search's token, the other the program for symbols."""
    search, indexer = SearchService(), Indexer()
    told, other = search.variables(plan), indexer.variables(plan)
    assert told == {name: other[name] for name in told}
    assert told["SEARCH_ENGINE"] == "opensearch"
    assert told["SEARCH_FOLDER"] == str(plan.git_root.parent / "reference")
    assert set(search.files(plan)) == {"database-url", "search-token"}
    assert set(indexer.files(plan)) == {"database-url"}
    assert other["SEARCH_CTAGS"].endswith("/ctags")


def test_without_opensearch_the_other_engine_is_searched(plan: Plan) -> None:
    """With its key in a file; with no engine at all there is nothing to start."""
    alone = reduced(plan, "opensearch")
    assert SearchService().variables(alone)["SEARCH_ENGINE"] == "meilisearch"
    assert SearchService().files(alone)["search-engine-key"] == "secret-meilisearch"
    with pytest.raises(NeedMissingError):
        SearchService().variables(reduced(plan, "opensearch", "meilisearch"))


def test_the_api_is_told_of_what_there_is(plan: Plan) -> None:
    """Cache, search and store where the stack has them; of what it lacks, neither address nor secret."""
    whole = Api().launch(plan).env
    assert whole["REDIS_NODES"].count(",") == 5
    assert whole["SEARCH_URL"] == f"http://127.0.0.1:{plan.site('search').ports['server']}"
    assert whole["S3_BUCKET"] == "forge"
    assert whole.get("API_TRUSTED_PROXIES") == ("127.0.0.1/32" if "web" in plan.sites else None)
    bare = reduced(plan, "search", "objects", "web", *NODES)
    env = Api().launch(bare).env
    assert [name for name in env if name.startswith(("REDIS_", "SEARCH_", "S3_", "API_TRUSTED"))] == []
    assert set(Api().files(bare)) == {"database-url", "git-token"}


def test_steps_of_jobs_run_as_the_user_without_privileges(plan: Plan) -> None:
    """Where servers have such a user; otherwise as whoever starts the stack."""
    assert "RUNNER_USER" not in JobRunner().variables(plan)
    assert JobRunner().variables(dataclasses.replace(plan, service_user="nobody"))["RUNNER_USER"] == "nobody"
    assert JobRunner().variables(plan)["GIT_URL"] == f"http://127.0.0.1:{plan.site(GIT_HTTP).ports['server']}"


def test_a_python_service_is_run_by_our_own_interpreter(plan: Plan) -> None:
    """Of this environment, with the code of this checkout."""
    launch = SearchService().launch(plan)
    assert list(launch.arguments) == [sys.executable, "-m", "stack.services.search"]
    assert Path(launch.env["PYTHONPATH"], "stack", "components").is_dir()


def test_the_web_knows_the_api_alone(plan: Plan) -> None:
    """Neither the database nor any secret; its cookie does not insist on the HTTPS that loopback has not."""
    service = Web()
    launch = service.launch(plan)
    assert service.files(plan) == {}
    assert launch.env["API_URL"] == f"http://127.0.0.1:{plan.site('api').ports['server']}"
    assert launch.env["WEB_SESSION_COOKIE_SECURE"] == "false"
    assert [Path(word).name for word in launch.arguments] == ["node", "server.mjs"]
