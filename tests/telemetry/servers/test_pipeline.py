"""Spans and log lines through the real Collector into the real stores: all of them, once, and without secrets."""

from __future__ import annotations

import json
import secrets

import pytest

from stack.runtimes.base import Stack

from .kit import CLIENT, Servers, eventually, json_line, new_trace

_EMAIL = "planted.person@mail.example.org"
_SECRET = "planted-" + "s3cr3t-value"
_JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJwbGFudGVkIn0.plantedsignature"
_TOKEN = "ers_plantedplantedplantedplanted"
_PLANTED = (_EMAIL, _SECRET, _JWT, _TOKEN)


def test_a_span_is_found_by_its_trace_and_outlives_jaeger(servers: Servers) -> None:
    """What Jaeger acknowledged is in its store: ended at once or asked to end, it has the trace afterwards."""
    trace = new_trace()
    servers.send_spans(trace, service="git", name="GET /{owner}/{repo}", tags={"http.route": "/{owner}/{repo}"})
    eventually(lambda: servers.spans(trace), lambda: len(servers.spans(trace)) == 1)
    tags = {tag["key"]: tag["value"] for tag in servers.spans(trace)[0]["tags"]}
    assert tags["http.route"] == "/{owner}/{repo}"
    servers.stack.kill("jaeger")
    servers.stack.restart("jaeger")
    assert len(servers.spans(trace)) == 1
    servers.stack.restart("jaeger")
    assert len(servers.spans(trace)) == 1


def test_acknowledged_spans_outlive_the_collector_while_jaeger_is_away(servers: Servers) -> None:
    """The queue is on disk: killed with Jaeger away, the Collector brings every span once both are back."""
    servers.stack.kill("jaeger")
    traces = [new_trace() for _ in range(20)]
    for trace in traces:
        servers.send_spans(trace, count=3)
    servers.stack.kill("collector")
    servers.stack.forgive()

    def missing() -> list[str]:
        return [trace for trace in traces if len(servers.spans(trace)) != 3]

    eventually(lambda: f"{len(missing())} of {len(traces)} traces are missing", lambda: not missing())


def test_a_log_line_is_in_both_stores_with_its_fields(servers: Servers) -> None:
    """Time, severity, trace, span, service and route are fields; the message is the text."""
    trace, span = new_trace(), secrets.token_hex(8)
    servers.write_log(
        [
            json_line(
                "request served",
                level="warn",
                trace_id=trace,
                span_id=span,
                http_route="/api/v1/repos/{owner}/{repo}",
                http_response_status_code=404,
                duration_seconds=0.25,
            )
        ]
    )
    eventually(lambda: servers.logged(f'trace_id:="{trace}"'), lambda: len(servers.logged(f'trace_id:="{trace}"')) == 1)
    line = servers.logged(f'trace_id:="{trace}"')[0]
    assert (line["_msg"], line["service.name"], line["span_id"]) == ("request served", "api", span)
    assert servers.logged(f'trace_id:="{trace}" level:warn http_route:"repos"')
    eventually(lambda: servers.stored("trace_id", trace), lambda: len(servers.stored("trace_id", trace)) == 1)
    document = servers.stored("trace_id", trace)[0]
    assert (document["service"], document["severity"], document["message"]) == ("api", "warn", "request served")
    assert document["span_id"] == span
    assert document["attributes"]["http_response_status_code"] == 404
    assert document["attributes"]["http_route"] == "/api/v1/repos/{owner}/{repo}"
    assert servers.stored("attributes.http_route", "/api/v1/repos/{owner}/{repo}")


def test_a_line_that_is_no_json_is_kept_as_it_is(servers: Servers) -> None:
    """A panic is a log line too, and belongs to the service whose file it is in."""
    mark = f"panic{secrets.token_hex(6)}"
    servers.write_log([f"goroutine 1 [running]: {mark}\n", f'{{"broken json": {mark}\n'], component="git-http")
    eventually(lambda: servers.logged(mark), lambda: len(servers.logged(mark)) == 2)
    assert {line["service.name"] for line in servers.logged(mark)} == {"git"}
    eventually(lambda: servers.stored("message", mark), lambda: len(servers.stored("message", mark)) == 2)


def test_lines_are_stored_once_over_a_restart_and_a_kill(servers: Servers) -> None:
    """How far a file was read is kept: no line twice and none lost, however often the Collector starts.

    Killed between sending a line and noting it down, it sends it again; OpenSearch then has it once all the same.
    """
    trace = new_trace()

    def write(number: int) -> None:
        servers.write_log([json_line(f"line {number}.{each}", trace_id=trace) for each in range(25)])

    def there(lines: int) -> None:
        eventually(
            lambda: (len(servers.logged(f'trace_id:="{trace}"')), len(servers.stored("trace_id", trace))),
            lambda: (
                len({line["_msg"] for line in servers.logged(f'trace_id:="{trace}"')}) == lines
                and len(servers.stored("trace_id", trace)) == lines
            ),
        )

    write(1)
    there(25)
    servers.stack.restart("collector")
    write(2)
    there(50)
    assert len(servers.logged(f'trace_id:="{trace}"')) == 50
    write(3)
    servers.stack.kill("collector")
    write(4)
    servers.stack.forgive()
    there(100)
    assert len({document["message"] for document in servers.stored("trace_id", trace)}) == 100


def test_lines_wait_for_opensearch_and_others_do_not(servers: Servers) -> None:
    """While one store is away the other has the lines at once; afterwards both have them once."""
    trace = new_trace()
    servers.stack.pause("opensearch")
    try:
        servers.write_log([json_line(f"meanwhile {each}", trace_id=trace) for each in range(10)])
        eventually(
            lambda: len(servers.logged(f'trace_id:="{trace}"')),
            lambda: len(servers.logged(f'trace_id:="{trace}"')) == 10,
        )
    finally:
        servers.stack.resume("opensearch")
    eventually(lambda: len(servers.stored("trace_id", trace)), lambda: len(servers.stored("trace_id", trace)) == 10)
    assert len(servers.logged(f'trace_id:="{trace}"')) == 10


def test_planted_secrets_are_in_no_store(servers: Servers) -> None:
    """Neither in names, attributes, messages, resources and trace state of spans, nor in log lines, nor in labels."""
    trace, mark = new_trace(), f"mark{secrets.token_hex(6)}"
    servers.send_spans(
        trace,
        name=f"GET /users/{_EMAIL}",
        kind=CLIENT,
        failed=True,
        status=f"refused for {_EMAIL} with Bearer {_JWT}",
        state=f"vendor={_SECRET}",
        tags={
            "http.request.header.authorization": f"Basic {_SECRET}",
            "user.email": _EMAIL,
            "db.query.text": f"ALTER ROLE forge PASSWORD = '{_SECRET}'",
            "url.query": f"token={_TOKEN}",
            "url.full": f"http://api/search?q={_SECRET}",
            "peer.service": f"https://somebody:{_SECRET}@host.example/x",
            "mark": mark,
        },
        resource={"process.command_args": f"--password={_SECRET}", "process.owner": _SECRET},
    )
    fields = {"password": _SECRET, "api_key": _TOKEN, "detail": {"e-mail": _EMAIL, "deep": [f"token={_SECRET}"]}}
    servers.write_log(
        [
            json_line(f"{mark} signed in {_EMAIL} by {_TOKEN}", trace_id=trace, **fields),
            f"{mark} Authorization: Bearer {_JWT} password={_SECRET}\n",
        ]
    )
    servers.send_log(f"{mark} from web {_EMAIL}", cookie=_SECRET, contact=_EMAIL)
    eventually(lambda: servers.spans(trace), lambda: len(servers.spans(trace)) == 1)
    eventually(lambda: servers.logged(mark), lambda: len(servers.logged(mark)) == 3)
    eventually(lambda: servers.stored("message", mark), lambda: len(servers.stored("message", mark)) == 3)
    calls = "traces_span_metrics_calls_total"
    eventually(servers.series, lambda: servers.value(f'sum({calls}{{span_name=~"GET /users/.*"}})') >= 1)
    for told in (servers.spans(trace), servers.logged(mark), servers.stored("message", mark), servers.series()):
        text = json.dumps(told)
        assert [value for value in _PLANTED if value in text] == []
        assert "****" in text
    # What is no secret is still there.
    assert mark in json.dumps(servers.spans(trace))


@pytest.mark.parametrize("component", ["jaeger", "collector", "victorialogs"])
def test_they_tell_nobody_about_themselves(servers: Servers, component: str) -> None:
    """No service but those that sent spans is in Jaeger: the servers of telemetry send none of their own."""
    stack: Stack = servers.stack
    assert stack.log(component).exists()
    assert {span["operationName"] for span in servers.spans(new_trace())} == set()
    eventually(servers.services, lambda: "api" in servers.services())
    assert not {component, "otelcol", "jaeger"} & servers.services()
