"""The Collector's configuration: what goes where, and that the real Collector accepts it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from stack.process import run
from stack.settings import load
from stack.telemetry.collector import LOG_FILES, CollectorPorts, Destinations, render
from stack.telemetry.collector.redaction import SECRET_KEYS, SECRET_VALUES
from stack.toolchain import Toolchain

_PORTS = CollectorPorts(otlp_http=4318, otlp_grpc=4317, health=13133, metrics=8888, spanmetrics=8889)
_ALL = Destinations(
    jaeger="http://127.0.0.1:14318",
    victorialogs="http://127.0.0.1:9428",
    opensearch="http://127.0.0.1:9200",
    loki="http://loki.example:3100/otlp",
    elastic="https://elastic.example:9200",
    authorization={"loki": "Bearer se$cret", "elastic": "ApiKey other"},
)


def rendered(to: Destinations = _ALL, *, logs: Path | None = Path("/run/logs"), scale: float = 1.0) -> str:
    return render(host="127.0.0.1", ports=_PORTS, storage=Path("/run/queues"), logs=logs, to=to, scale=scale)


def read(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text.replace("$$", "$"))
    return found


@pytest.mark.parametrize("to", [_ALL, Destinations()], ids=["everything", "nothing"])
def test_the_real_collector_accepts_it(to: Destinations, tmp_path: Path) -> None:
    """Whatever there is to send to, every key is one that its modules know."""
    collector = Toolchain(load()).find("otelcol")
    if collector is None:
        pytest.skip("the Collector is not installed")
    path = tmp_path / "collector.json"
    path.write_text(rendered(to), "utf-8")
    run([collector.program("otelcol"), "validate", "--config", path], timeout=60)


def test_every_destination_has_a_queue_on_disk_that_is_never_given_up() -> None:
    """What was acknowledged waits as long as it must; what does not fit any more is refused, and not acknowledged."""
    exporters = read(rendered())["exporters"]
    sending = {name: each for name, each in exporters.items() if name not in {"prometheus", "nop"}}
    assert set(sending) == {
        "otlp_http/jaeger",
        "otlp_http/victorialogs",
        "osbulk/opensearch",
        "otlp_http/loki",
        "osbulk/elastic",
    }
    for each in sending.values():
        assert each["sending_queue"]["storage"] == "file_storage"
        assert "block_on_overflow" not in each["sending_queue"]
        assert each["retry_on_failure"]["max_elapsed_time"] == "0s"


def test_nothing_gathers_records_in_memory_before_a_queue() -> None:
    """A batch processor acknowledges what would be gone with the process."""
    pipelines = read(rendered())["service"]["pipelines"]
    for name in ("traces", "logs"):
        assert pipelines[name]["processors"] == ["memory_limiter", "transform/redaction", "redaction"]


def test_without_destinations_spans_are_still_counted() -> None:
    """A stack without Jaeger and without a log store has metrics made of spans all the same."""
    pipelines = read(rendered(Destinations(), logs=None))["service"]["pipelines"]
    assert pipelines["traces"]["exporters"] == ["nop", "span_metrics"]
    assert pipelines["logs"] == {
        "receivers": ["otlp"],
        "processors": ["memory_limiter", "transform/redaction", "redaction"],
        "exporters": ["nop"],
    }


def test_it_listens_on_its_host_only() -> None:
    """No endpoint of its own is open to other machines."""
    document = read(rendered())
    protocols = document["receivers"]["otlp"]["protocols"]
    own = [
        protocols["grpc"]["endpoint"],
        protocols["http"]["endpoint"],
        document["extensions"]["health_check"]["endpoint"],
        document["exporters"]["prometheus"]["endpoint"],
    ]
    assert own == [f"127.0.0.1:{port}" for port in (4317, 4318, 13133, 8889)]
    reader = document["service"]["telemetry"]["metrics"]["readers"][0]["pull"]["exporter"]["prometheus"]
    assert (reader["host"], reader["port"]) == ("127.0.0.1", 8888)


def test_the_log_of_each_service_is_read_and_no_other() -> None:
    """Those of PostgreSQL, and its own, are no services' logs."""
    assert read(rendered())["receivers"]["file_log"]["include"] == [f"/run/logs/{name}" for name in LOG_FILES]


def test_a_dollar_is_no_variable() -> None:
    """The Collector would put something else in its place."""
    assert "Bearer se$$cret" in rendered()
    assert read(rendered())["exporters"]["otlp_http/loki"]["headers"] == {"Authorization": "Bearer se$cret"}
    assert "cret" not in repr(_ALL)


def test_metrics_of_spans_keep_up_with_the_time_scale() -> None:
    """They are renewed at least as often as they are scraped."""
    assert read(rendered())["connectors"]["span_metrics"]["metrics_flush_interval"] == "5s"
    assert read(rendered(scale=100))["connectors"]["span_metrics"]["metrics_flush_interval"] == "1s"


@pytest.mark.parametrize(
    "key",
    [
        "authorization",
        "http.request.header.authorization",
        "http.request.header.set-cookie",
        "db.password",
        "user_token",
        "api-key",
        "session.id",
        "user.email",
        "e-mail",
    ],
)
def test_names_of_secrets_are_known(key: str) -> None:
    """However their words are joined."""
    assert any(re.search(pattern, key) for pattern in SECRET_KEYS)


@pytest.mark.parametrize(
    "key",
    [
        "http.route",
        "trace_id",
        "tokenizer",
        "cookies_baked",
        "user.name",
        "db.system.name",
        "mailbox_size",
        "request_id",
    ],
)
def test_other_names_are_left_alone(key: str) -> None:
    """What only looks like one keeps its value."""
    assert not any(re.search(pattern, key) for pattern in SECRET_KEYS)


@pytest.mark.parametrize(
    "text",
    [
        "signed in ada@lovelace.example",
        "Authorization: Bearer abcdefgh12345678",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln",
        "clone of https://ada:hunter22@git.example/x.git",
        "password=hunter22",
        '"api_key": "12345678"',
        "ers_0123456789abcdef0123",
        "ghp_0123456789abcdef0123456789abcdef0123",
        "AKIAIOSFODNN7EXAMPLE",
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        "$2b$12$abcdefghijklmnopqrstuuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    ],
)
def test_secrets_in_text_are_known(text: str) -> None:
    """Wherever they stand."""
    assert any(re.search(pattern, text) for pattern in SECRET_VALUES)


@pytest.mark.parametrize(
    "text",
    [
        "GET /api/v1/repos/{owner}/{repo}/tree",
        "push of 3 refs to ferrite/clap took 0.2 s",
        "4bf92f3577b34da6a3ce929d0e0e4736",
        "SELECT id FROM session WHERE token_hash = $1",
        "http://127.0.0.1:8080/healthz",
        "git@2.39 found; @types/node installed",
    ],
)
def test_other_text_is_left_alone(text: str) -> None:
    """Log lines and statements stay readable."""
    assert [pattern for pattern in SECRET_VALUES if re.search(pattern, text)] == []
