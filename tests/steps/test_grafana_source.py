"""Dashboards in somebody's Grafana, against a server that keeps what it is given and speaks of it in Grafana's form."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pydantic import SecretStr

from stack.addresses import HttpAddress, TelemetryAddresses
from stack.errors import NeedMissingError
from stack.telemetry.panels import panel
from steps.grafana_source import Grafana
from steps.panel_source import NoAnswerError

_TOKEN = SecretStr("glsa_example")
_NOW = 1_700_000_000


@dataclass
class Kept:
    """What the server was given, and what it was asked."""

    things: dict[str, dict[str, Any]] = field(default_factory=dict)
    queries: list[dict[str, Any]] = field(default_factory=list)
    refuse: str = ""
    error: str = ""


def _answer(kept: Kept, verb: str, path: str, body: dict[str, Any]) -> Any:
    if kept.refuse and path.startswith(kept.refuse):
        return None
    if verb == "DELETE":
        gone = [name for name in kept.things if name == path.rsplit("/", 1)[1] or path.endswith(f"/{name}")]
        for name in gone:
            del kept.things[name]
        return {}
    if path == "/api/ds/query":
        kept.queries.append(body)
        moments = [_NOW * 1000, (_NOW + 1) * 1000, (_NOW + 2) * 1000]
        fields = [{"type": "time", "name": "Time"}, {"type": "number", "name": "v", "labels": {"job": "api"}}]
        frame = {"schema": {"fields": fields}, "data": {"values": [moments, [1.5, None, 2]]}}
        told = {"error": kept.error} if kept.error else {"frames": [frame]}
        return {"results": {query["refId"]: told for query in body["queries"]}}
    if verb == "POST":
        model = body.get("dashboard", body)
        kept.things[model["uid"]] = model
        return {"url": f"/d/{model['uid']}"}
    if path.startswith("/api/dashboards/uid/"):
        return {"dashboard": kept.things[path.rsplit("/", 1)[1]]}
    return {}


@contextmanager
def _serving(kept: Kept) -> Iterator[HttpAddress]:
    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            allowed = self.headers.get("Authorization") == f"Bearer {_TOKEN.get_secret_value()}"
            answer = _answer(kept, self.command, self.path.partition("?")[0], body) if allowed else None
            self.send_response(200 if answer is not None else 403)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        do_GET = do_POST = do_DELETE = _do  # noqa: N815 - the names that http.server calls

        def log_message(self, *_arguments: object) -> None:
            """Be quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield HttpAddress(url=f"http://127.0.0.1:{server.server_address[1]}", token=_TOKEN)
        server.shutdown()
        thread.join()


_STORES = TelemetryAddresses(prometheus="http://127.0.0.1:9090", logs="http://127.0.0.1:9428")
_PANEL = panel("errors", "Error lines in the logs")


def test_a_panel_is_asked_as_grafana_keeps_it_and_answers_as_curves() -> None:
    """The query goes to our data source with its variables resolved; a null is no point."""
    kept = Kept()
    with _serving(kept) as address, Grafana(address, _STORES) as grafana:
        grafana.put("errors")
        seen = grafana.over(_PANEL, _NOW, _NOW + 2)
    query = kept.queries[0]["queries"][0]
    assert query["datasource"]["uid"].endswith("-logs")
    assert query["expr"] == "level:error | stats by (service.name) count() lines"
    assert kept.queries[0]["from"] == f"{_NOW}000"
    assert [(dict(curve.labels), dict(curve.points)) for curve in seen.curves] == [
        ({"job": "api"}, {float(_NOW): 1.5, float(_NOW + 2): 2.0})
    ]


def test_nothing_stays_in_grafana_when_a_scenario_is_over() -> None:
    """Folder and data sources go (the dashboards with their folder); what was never made is not asked for."""
    kept = Kept()
    with _serving(kept) as address:
        with Grafana(address, _STORES) as grafana:
            grafana.put("errors")
            assert {f"{grafana.mark}-prometheus", f"{grafana.mark}-logs", grafana.mark} <= set(kept.things)
        assert set(kept.things) == {f"{grafana.mark}-errors"}
        with Grafana(address, _STORES):
            pass


def test_what_was_made_before_a_refusal_goes_too() -> None:
    """A Grafana that takes data sources and refuses dashboards is left as it was, and the scenario not verified."""
    kept = Kept(refuse="/api/dashboards/db")
    with _serving(kept) as address:
        with pytest.raises(NeedMissingError, match="Grafana refused"), Grafana(address, _STORES) as grafana:
            grafana.put("errors")
        assert kept.things == {}


def test_an_error_in_an_answer_is_no_empty_panel() -> None:
    """A query that Grafana cannot answer says so, since an empty answer would mean something else."""
    kept = Kept(error="bad query")
    with _serving(kept) as address, Grafana(address, _STORES) as grafana:
        grafana.put("errors")
        with pytest.raises(NoAnswerError, match="could not answer"):
            grafana.over(_PANEL, _NOW, _NOW + 2)


def test_a_grafana_with_another_token_or_away_cannot_be_verified() -> None:
    """Neither is a failure of the panels."""
    with _serving(Kept()) as address:
        stranger = HttpAddress(url=address.url, token=SecretStr("other"))
        with pytest.raises(NeedMissingError, match="403"), Grafana(stranger, _STORES) as grafana:
            grafana.put("overview")
    with pytest.raises(NeedMissingError, match="did not answer"), Grafana(address, _STORES) as grafana:
        grafana.put("overview")
