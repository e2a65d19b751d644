"""The committed JSON is what the code says, and Grafana finds in it what an operator needs."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from stack.telemetry.board import Dashboard
from stack.telemetry.dashboards import dashboards
from stack.telemetry.dashboards.__main__ import FOLDER
from stack.telemetry.dashboards.explore import Backends
from stack.telemetry.dashboards.grafana import render, render_all
from stack.telemetry.generated import differences, write

_BOARDS = pytest.mark.parametrize("board", dashboards(), ids=lambda board: board.uid)


def _loaded(board: Dashboard) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(render(board, Backends()))
    return loaded


def _panels(board: Dashboard) -> list[dict[str, Any]]:
    return [panel for panel in _loaded(board)["panels"] if panel["type"] != "row"]


def test_what_is_committed_is_what_the_code_renders() -> None:
    """No dashboard is missing, out of date or left over: else run `python -m stack.telemetry.dashboards`."""
    assert differences(FOLDER, render_all(), "*.json") == []


def test_a_changed_and_a_forgotten_file_are_named(tmp_path: Any) -> None:
    """The comparison sees an edit by hand, a missing file and one without a dashboard; writing mends all three."""
    files = render_all()
    write(tmp_path, files, "*.json")
    (tmp_path / "cache.json").write_text("{}")
    (tmp_path / "host.json").unlink()
    (tmp_path / "old.json").write_text("{}")
    found = differences(tmp_path, files, "*.json")
    assert [line.rsplit("/", 1)[1] for line in found] == [
        "cache.json is out of date",
        "host.json is missing",
        "old.json is left over",
    ]
    assert len(write(tmp_path, files, "*.json")) == 3
    assert differences(tmp_path, files, "*.json") == []


@_BOARDS
def test_every_data_source_is_a_variable(board: Dashboard) -> None:
    """No dashboard is bound to one installation: each panel and query takes its data source from a variable."""
    loaded = _loaded(board)
    sources = {each["name"]: each["query"] for each in loaded["templating"]["list"] if each["type"] == "datasource"}
    assert sources == {
        "prometheus": "prometheus",
        "traces": "jaeger",
        "logs": "victoriametrics-logs-datasource",
    }
    assert {panel["datasource"]["uid"] for panel in _panels(board)} <= {"${prometheus}", "${logs}"}


@_BOARDS
def test_every_panel_has_unit_description_and_place(board: Dashboard) -> None:
    """A reader knows what a number is; no two panels overlap, and none leaves the grid."""
    taken: set[tuple[int, int]] = set()
    for panel in _panels(board):
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert len(panel["description"]) > 40
        assert panel["targets"]
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells


@_BOARDS
def test_queries_and_links_name_only_variables_that_exist(board: Dashboard) -> None:
    """A variable that nobody defined would make a panel empty for ever."""
    text = render(board, Backends())
    loaded = _loaded(board)
    known = {each["name"] for each in loaded["templating"]["list"]} | {"__rate_interval", "__from", "__to"}
    named = set(re.findall(r"\$\{?(\w+)", text)) - {"__field", "__all"}
    assert named <= known


@_BOARDS
def test_panels_lead_to_traces_and_logs(board: Dashboard) -> None:
    """A panel about a service opens its traces and its logs in the time that is shown; the link is valid as a URL."""
    for panel in _panels(board):
        links = {link["title"]: link["url"] for link in panel["fieldConfig"]["defaults"].get("links", [])}
        if board.uid == "host" and not links:
            continue
        assert set(links) == {"Traces", "Logs"}, panel["title"]
        for url in links.values():
            panes = json.loads(parse_qs(urlsplit(url).query)["panes"][0])
            assert panes["a"]["range"] == {"from": "${__from}", "to": "${__to}"}
            assert panes["a"]["queries"][0]["datasource"]["uid"] == panes["a"]["datasource"]


def test_links_speak_the_language_of_the_chosen_stores() -> None:
    """Tempo is asked in TraceQL and Loki in LogQL, with their plugins."""
    board = next(each for each in dashboards() if each.uid == "database")
    text = render(board, Backends(traces="tempo", logs="loki"))
    loaded = json.loads(text)
    url = loaded["panels"][1]["fieldConfig"]["defaults"]["links"][0]["url"]
    query = json.loads(parse_qs(urlsplit(url).query)["panes"][0])["a"]["queries"][0]
    assert query["query"] == '{resource.service.name="api" && span.db.system.name="postgresql"}'
    sources = [each["query"] for each in loaded["templating"]["list"] if each["type"] == "datasource"]
    assert sources == ["prometheus", "tempo", "loki"]
