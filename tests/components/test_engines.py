"""The search engines' configuration and what counts as healthy."""

from __future__ import annotations

import json
import tomllib

import pytest

from stack.components.base import Plan
from stack.components.meilisearch import Meilisearch, available
from stack.components.opensearch import OpenSearch, cluster_name, healthy


def test_opensearch_is_a_cluster_by_itself_on_loopback(plan: Plan) -> None:
    """Its settings name one node, its own ports and folders, and a cluster name that is the run's."""
    settings = json.loads(OpenSearch().files(plan)["opensearch.yml"])
    site = plan.site("opensearch")
    assert settings["discovery.type"] == "single-node"
    assert settings["network.host"] == "127.0.0.1"
    assert (settings["http.port"], settings["transport.port"]) == (site.ports["server"], site.ports["transport"])
    assert settings["path.data"] == str(site.data)
    assert settings["cluster.name"] == cluster_name(plan.run)


def test_opensearch_runs_on_the_toolchains_java(plan: Plan) -> None:
    """Java and jars are the toolchain's, home and configuration the run's."""
    arguments = [str(word) for word in OpenSearch().launch(plan).arguments]
    assert arguments[0] == "/tools/java/bin/java"
    assert "/tools/opensearch/lib/*" in arguments
    assert f"-Dopensearch.path.conf={plan.site('opensearch').config}" in arguments
    assert "-Xmx512m" in arguments


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"cluster_name": "engineroom-r1", "status": "green"}, ""),
        ({"cluster_name": "engineroom-r1", "status": "yellow"}, ""),
        ({"cluster_name": "engineroom-r1", "status": "red"}, "cluster status red"),
        ({"cluster_name": "engineroom-r2", "status": "green"}, "for another cluster, engineroom-r2"),
        ({}, "for another cluster, None"),
        (["green"], "something that is not a health document"),
    ],
)
def test_opensearch_health(body: object, wrong: str) -> None:
    """Green and yellow of our own cluster are healthy, nothing else is."""
    assert healthy("engineroom-r1", json.dumps(body).encode()) == wrong


def test_meilisearch_reads_everything_from_its_file(plan: Plan) -> None:
    """The file is TOML with the master key, production mode and no analytics."""
    settings = tomllib.loads(Meilisearch().files(plan)["meilisearch.toml"])
    assert settings["master_key"] == "secret-meilisearch"
    assert len(settings["master_key"].encode()) >= 16
    assert settings["env"] == "production"
    assert settings["no_analytics"] is True
    assert settings["http_addr"] == f"127.0.0.1:{plan.site('meilisearch').ports['server']}"


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        (b'{"status": "available"}', ""),
        (b'{"status": "busy"}', "status busy"),
        (b"<html>", "something that is not a health document"),
        (b"[]", "something that is not a health document"),
    ],
)
def test_meilisearch_health(body: bytes, wrong: str) -> None:
    """Only `available` is healthy."""
    assert available(body) == wrong
