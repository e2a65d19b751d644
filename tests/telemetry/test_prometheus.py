"""The client against a real Prometheus that scrapes itself and evaluates our rules."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.settings import load
from stack.telemetry.panels import panel, panels
from stack.telemetry.prometheus import Prometheus, PrometheusError, evaluate
from stack.telemetry.rules import render
from stack.toolchain import Toolchain

_DEADLINE = 60.0


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _config(port: int) -> str:
    return (
        "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
        "rule_files: ['*.yml']\n"
        "scrape_configs:\n"
        f"- {{job_name: prometheus, static_configs: [{{targets: ['127.0.0.1:{port}'], labels: {{instance: self}}}}]}}\n"
        "- {job_name: redis, static_configs: [{targets: ['127.0.0.1:1'], labels: {instance: redis-1}}]}\n"
    )


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A server of its own, ended afterwards; it has scraped itself when the first test begins."""
    folder = tmp_path_factory.mktemp("prometheus")
    program = Toolchain(load()).require("prometheus").program("prometheus")
    port = _free_port()
    (folder / "prometheus.yaml").write_text(_config(port))
    for name, text in render(300, jobs=["prometheus", "redis", "web"]).items():
        (folder / name).write_text(text)
    arguments = [
        str(program),
        f"--config.file={folder / 'prometheus.yaml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "log").open("wb") as log, subprocess.Popen(arguments, stdout=log, stderr=log) as process:
        client = Prometheus(f"http://127.0.0.1:{port}")
        try:
            _wait(client, folder / "log")
            yield client
        finally:
            process.terminate()


def _wait(client: Prometheus, log: Path) -> None:
    deadline = time.monotonic() + _DEADLINE
    while time.monotonic() < deadline:
        try:
            # Two samples make a rate, and the rules have been evaluated for as long as each alert wants to be sure.
            firing = {each.name for each in client.alerts() if each.state == "firing"}
            if client.instant("count_over_time(up[1m]) >= 3") and firing >= {"TargetDown", "TargetMissing"}:
                return
        except PrometheusError:
            pass
        time.sleep(0.2)
    pytest.fail(f"Prometheus has not scraped itself in {_DEADLINE:.0f} s:\n{log.read_text()[-2000:]}")


def test_an_instant_and_a_range_give_typed_series(prometheus: Prometheus) -> None:
    """Labels and numbers, at one moment and over a span."""
    [up] = prometheus.instant('up{job="prometheus"}')
    assert (up.labels["instance"], up.last) == ("self", 1.0)
    end = up.points[-1][0]
    [over] = prometheus.range('up{job="prometheus"}', start=end - 1, end=end, step=1)
    assert [value for _, value in over.points] == [1.0, 1.0]


def test_a_scalar_is_a_series_without_labels(prometheus: Prometheus) -> None:
    """A question whose answer is a number."""
    [number] = prometheus.instant("1 + 1")
    assert (dict(number.labels), number.last) == ({}, 2.0)


def test_what_is_not_a_number_is_nothing(prometheus: Prometheus) -> None:
    """A quantile of nothing is NaN, and drawn as nothing."""
    assert prometheus.instant("up * NaN") == []


def test_labels_series_and_targets(prometheus: Prometheus) -> None:
    """What is scraped, and what it is called."""
    assert set(prometheus.labels("job")) >= {"prometheus", "redis"}
    assert {each["instance"] for each in prometheus.series("up")} == {"self", "redis-1"}
    assert {(each.job, each.health) for each in prometheus.targets()} == {("prometheus", "up"), ("redis", "down")}


def test_the_rules_are_taken_and_evaluated(prometheus: Prometheus) -> None:
    """A real server takes every file; no rule fails."""
    rules = prometheus.rules()
    assert "slo:burn_rate:rate5m" in rules
    assert {name: said for name, said in rules.items() if said} == {}


def test_a_dead_and_a_missing_target_fire(prometheus: Prometheus) -> None:
    """The target that nobody answers at and the job that nobody scrapes are told of, with their words."""
    firing = {each.name: each for each in prometheus.alerts() if each.state == "firing"}
    assert firing["TargetDown"].labels["instance"] == "redis-1"
    assert firing["TargetMissing"].labels["job"] == "web"
    assert firing["TargetDown"].annotations["summary"] == "redis (redis-1) is not seen any more"


def test_a_panel_is_asked_with_its_own_queries(prometheus: Prometheus) -> None:
    """A panel of what is there has values, over a span as well; one of what is away is empty, not 0."""
    here, away = panel("telemetry", "Series"), panel("jobs", "Queued")
    assert evaluate(prometheus, here)[0].last > 100
    now = time.time()
    assert len(evaluate(prometheus, here, span=(now - 2, now, 1))[0].points) >= 1
    assert evaluate(prometheus, panel("telemetry", "Samples"), window="4s")[0].last > 0
    assert evaluate(prometheus, away) == []


def test_a_query_that_is_none_is_refused_with_its_text(prometheus: Prometheus) -> None:
    """The error names the query and what was wrong with it."""
    with pytest.raises(PrometheusError) as caught:
        prometheus.instant("sum(")
    assert caught.value.on == "sum("
    assert "parse error" in caught.value.got


def test_a_server_that_is_away_is_named() -> None:
    """The address that did not answer is in the error."""
    with pytest.raises(PrometheusError) as caught:
        Prometheus(f"http://127.0.0.1:{_free_port()}", timeout=1).instant("up")
    assert "api/v1/query" in caught.value.on


def test_every_panel_and_every_query_is_understood(prometheus: Prometheus) -> None:
    """A real server parses all of them."""
    for each in panels():
        if each.store == "prometheus":
            evaluate(prometheus, each, window="5s")
