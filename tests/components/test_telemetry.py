"""Configuration of the components of telemetry."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from stack.addresses import Addresses, Elsewhere, HttpAddress
from stack.components.base import Plan
from stack.components.catalogue import catalogue
from stack.components.collector import Collector
from stack.components.exporters import POSTGRESQL_EXPORTERS, PostgresqlExporter, RedisExporter
from stack.components.jaeger import Jaeger
from stack.components.prometheus import Prometheus, targets
from stack.process import run
from stack.settings import load
from stack.telemetry.scraping import interval_of
from stack.toolchain import Toolchain


def without(plan: Plan, *names: str) -> Plan:
    return dataclasses.replace(plan, sites={name: site for name, site in plan.sites.items() if name not in names})


def scraping(plan: Plan) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Prometheus().files(plan)["prometheus.json"])
    return found


def test_every_job_of_the_contract_is_scraped(plan: Plan) -> None:
    """`job` is what it is called in telemetry, `instance` the component."""
    assert {(target.job, target.instance) for target in targets(plan)} == {
        ("api", "api"),
        ("git", "git-http"),
        ("search", "search"),
        ("indexer", "indexer"),
        ("runner", "runner"),
        *({("web", "web")} if "web" in plan.sites else set()),
        ("collector", "collector"),
        ("spanmetrics", "collector"),
        ("postgresql", "postgresql-primary"),
        ("postgresql", "postgresql-replica"),
        *(("redis", f"redis-{number}") for number in range(1, 7)),
        ("node", "node-exporter"),
        ("prometheus", "prometheus"),
        ("victorialogs", "victorialogs"),
        ("jaeger", "jaeger"),
    }


def test_nobody_is_told_for_ever_of_what_a_plan_lacks(plan: Plan) -> None:
    """The rules ask for the jobs of the plan, and for no other."""

    def missed(some: Plan) -> set[str]:
        rules = yaml.safe_load(Prometheus().files(some)["targets.yml"])["groups"][0]["rules"]
        return {rule["labels"]["job"] for rule in rules if rule["alert"] == "TargetMissing"}

    assert missed(plan) == {target.job for target in targets(plan)}
    assert missed(without(plan, "api", "jaeger")) == missed(plan) - {"api", "jaeger"}


def test_what_a_plan_lacks_is_no_target(plan: Plan) -> None:
    """A target that was never there would be down for ever."""
    small = without(plan, "redis-exporter", "postgresql-exporter-replica", "api", "jaeger")
    jobs = {(target.job, target.instance) for target in targets(small)}
    assert not {job for job, _ in jobs} & {"redis", "api", "jaeger"}
    assert ("postgresql", "postgresql-replica") not in jobs
    assert ("postgresql", "postgresql-primary") in jobs


def test_each_redis_node_is_asked_through_the_exporter(plan: Plan) -> None:
    """The exporter's address, the node as a parameter and as the instance."""
    job = next(job for job in scraping(plan)["scrape_configs"] if job["job_name"] == "redis")
    exporter, node = plan.site("redis-exporter"), plan.site("redis-4")
    assert job["metrics_path"] == "/scrape"
    assert {
        "targets": [f"127.0.0.1:{exporter.ports['server']}"],
        "labels": {"instance": "redis-4", "__param_target": f"redis://127.0.0.1:{node.ports['server']}"},
    } in job["static_configs"]


@pytest.mark.parametrize(("scale", "seconds"), [(1, 15), (5, 3), (15, 1), (1000, 1)])
def test_the_interval_follows_the_time_scale(plan: Plan, scale: float, seconds: float) -> None:
    """15 s in production, never less than one."""
    assert interval_of(scale) == seconds
    told = scraping(dataclasses.replace(plan, telemetry_scale=scale))["global"]
    assert told["scrape_interval"] == told["evaluation_interval"] == f"{seconds * 1000}ms"


def test_promtool_accepts_the_configuration(plan: Plan, tmp_path: Path) -> None:
    """With its rule files, by Prometheus's own word."""
    tool = Toolchain(load()).find("prometheus")
    if tool is None:
        pytest.skip("Prometheus is not installed")
    for name, text in Prometheus().files(plan).items():
        (tmp_path / name).write_text(text, "utf-8")
    run([tool.program("promtool"), "check", "config", tmp_path / "prometheus.json"], timeout=60, env=dict(tool.env))


def test_jaeger_keeps_what_it_acknowledged(plan: Plan) -> None:
    """Its store is on disk, and neither a batch nor a queue is before it."""
    document = json.loads(Jaeger().files(plan)["jaeger.json"])
    assert document["extensions"]["jaeger_storage"]["backends"]["badger"]["badger"]["ephemeral"] is False
    assert document["service"]["pipelines"]["traces"]["processors"] == []
    assert document["exporters"] == {"jaeger_storage_exporter": {"trace_storage": "badger"}}


def test_jaeger_traces_itself_to_nobody(plan: Plan) -> None:
    """It would by default."""
    assert Jaeger().launch(plan).env["OTEL_TRACES_SAMPLER"] == "always_off"


def test_the_collector_sends_to_what_the_plan_has(plan: Plan) -> None:
    """And to servers elsewhere, with their tokens in its configuration and nowhere else."""
    few = without(plan, "jaeger", "opensearch")
    exporters = json.loads(Collector().files(few)["collector.json"].replace("$$", "$"))["exporters"]
    assert set(exporters) == {"nop", "otlp_http/victorialogs", "prometheus"}
    elastic = HttpAddress(url="https://elastic.example", token=SecretStr("secret-elastic"))
    more = dataclasses.replace(plan, elsewhere=Elsewhere(elastic=elastic))
    exporters = json.loads(Collector().files(more)["collector.json"].replace("$$", "$"))["exporters"]
    assert {"otlp_http/jaeger", "osbulk/opensearch", "osbulk/elastic"} <= set(exporters)
    assert exporters["osbulk/elastic"]["headers"] == {"Authorization": "ApiKey secret-elastic"}


@pytest.mark.parametrize(("name", "server"), [*POSTGRESQL_EXPORTERS.items()])
def test_postgresqls_exporter_has_a_role_of_its_own(plan: Plan, name: str, server: str) -> None:
    """Not the owner's and not the superuser's, its password in a file."""
    exporter = PostgresqlExporter(name)
    env = exporter.launch(plan).env
    assert env["DATA_SOURCE_USER"] == "monitor"
    assert env["DATA_SOURCE_URI"].startswith(f"127.0.0.1:{plan.site(server).ports['server']}/forge")
    assert exporter.files(plan)["password"] == "secret-monitor"
    assert not [value for value in env.values() if "secret-" in value]
    assert exporter.after == exporter.requires == (server,)


def test_postgresqls_queries_are_yaml(plan: Plan) -> None:
    """What the exporter cannot read it leaves out without a word."""
    queries = yaml.safe_load(PostgresqlExporter("postgresql-exporter-primary").files(plan)["queries.yml"])
    for query in queries.values():
        assert query["query"]
        assert query["metrics"]


def test_rediss_exporter_has_the_password_of_each_node(plan: Plan) -> None:
    """By the address that Prometheus asks it for."""
    passwords = json.loads(RedisExporter().files(plan)["passwords.json"])
    asked = {dict(target.parameters)["target"] for target in targets(plan) if target.job == "redis"}
    assert passwords == dict.fromkeys(asked, "secret-redis")


def test_addresses_tell_of_telemetry(plan: Plan) -> None:
    """Where spans go in, and where each signal is asked for; Grafana only where somebody has one."""
    addresses = Addresses()
    grafana = HttpAddress(url="https://grafana.example")
    for component in catalogue("seaweedfs").values():
        addresses = component.address(dataclasses.replace(plan, elsewhere=Elsewhere(grafana=grafana)), addresses)
    telemetry = addresses.telemetry
    assert telemetry
    assert telemetry.otlp_http == f"http://127.0.0.1:{plan.site('collector').ports['otlp_http']}"
    assert telemetry.otlp_grpc == f"127.0.0.1:{plan.site('collector').ports['otlp_grpc']}"
    assert telemetry.jaeger == f"http://127.0.0.1:{plan.site('jaeger').ports['server']}"
    assert telemetry.logs == f"http://127.0.0.1:{plan.site('victorialogs').ports['server']}"
    assert telemetry.prometheus == f"http://127.0.0.1:{plan.site('prometheus').ports['server']}"
    assert telemetry.grafana == grafana


def test_settings_name_servers_elsewhere() -> None:
    """An address without a slash at its end, and a token that does not show."""
    settings = load(loki_url="http://loki.example:3100/otlp/", loki_token="secret-loki")
    loki = settings.elsewhere.loki
    assert loki
    assert loki.url == "http://loki.example:3100/otlp"
    assert "secret" not in repr(settings.elsewhere)
    assert settings.elsewhere.elastic is None
