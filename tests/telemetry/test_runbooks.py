"""A page for every alert, and nothing in a page that does not exist: panels, queries, commands, components, links."""

from __future__ import annotations

import re
from pathlib import Path

import click
import psycopg
import pytest
import yaml

from stack.cli import cli
from stack.components.catalogue import catalogue
from stack.process import run
from stack.settings import load
from stack.telemetry.dashboards import dashboards
from stack.telemetry.rules import alerts
from stack.telemetry.slo import BURNS, OBJECTIVES
from stack.toolchain import Toolchain
from tests.forge.conftest import server  # noqa: F401 - a fixture

_ROOT = Path(__file__).parents[2]
_FOLDER = _ROOT / "docs" / "runbooks"
_INDEX = "README"
_PAGES = {page.stem: page.read_text(encoding="utf-8") for page in sorted(_FOLDER.glob("*.md"))}
_NAMES = sorted(set(_PAGES) - {_INDEX})
_HEADINGS = [
    "## What it means",
    "## How to see it",
    "## Likely causes",
    "## What to do",
    "## It is over when",
    "## How it is tested",
]
_FUNCTIONS = {"histogram_quantile", "min_over_time", "max_over_time"}
_LINKED = [*sorted(_FOLDER.glob("*.md")), _ROOT / "docs" / "dashboards.md"]
_EACH = pytest.mark.parametrize("name", _NAMES)


def test_every_alert_has_its_page_and_every_page_its_alert() -> None:
    """Nobody is woken without help, and no page outlives its alert."""
    assert {alert.name for alert in alerts()} == set(_NAMES)
    for alert in alerts():
        assert (_ROOT / alert.runbook).is_file()


def test_the_index_lists_every_page_with_its_severity() -> None:
    """Whoever has only the name of an alert finds its page."""
    for name in _NAMES:
        severities = ", ".join(sorted({alert.severity for alert in alerts() if alert.name == name}))
        assert f"| [{name}]({name}.md) | {severities} |" in _PAGES[_INDEX]


@_EACH
def test_a_page_has_all_its_parts(name: str) -> None:
    """In the order in which a person needs them, and each with something in it."""
    text = _PAGES[name]
    assert text.startswith(f"# {name}\n")
    assert re.findall(r"^## .*$", text, re.MULTILINE) == _HEADINGS
    for part in re.split(r"^## .*$", text, flags=re.MULTILINE)[1:]:
        assert part.strip()


@_EACH
def test_a_page_names_its_fault_and_its_dashboard(name: str) -> None:
    """What fires it on purpose, and the dashboard that the alert itself names."""
    text = " ".join(_PAGES[name].split())
    for alert in alerts():
        if alert.name == name:
            assert f"`{alert.fault}`" in text
            assert f"(`/d/{alert.dashboard}`)" in text


@_EACH
def test_panels_that_a_page_names_exist(name: str) -> None:
    """`**Dashboard / Panel**`, by their titles; every page leads to at least one."""
    known = {f"{board.title} / {panel.title}" for board in dashboards() for panel in board.panels()}
    named = set(re.findall(r"\*\*([^*]+ / [^*]+)\*\*", " ".join(_PAGES[name].split())))
    assert named
    assert named - known == set()


def test_queries_in_pages_are_promql(tmp_path: Path) -> None:
    """Promtool reads each of them."""
    found = [query for text in _PAGES.values() for query in re.findall(r"```promql\n(.*?)```", text, re.DOTALL)]
    assert len(found) == len(_NAMES)
    rules = [{"record": f"page:{number}:query", "expr": query} for number, query in enumerate(found)]
    path = tmp_path / "queries.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "pages", "rules": rules}]}), encoding="utf-8")
    run([Toolchain(load()).require("prometheus").program("promtool"), "check", "rules", path], timeout=60)


def test_metrics_in_queries_are_those_of_rules_and_panels() -> None:
    """A page must not ask for a metric that nothing else here knows."""
    known = " ".join(alert.expr for alert in alerts())
    known += " ".join(query for board in dashboards() for panel in board.panels() for query in panel.queries)
    for name in _NAMES:
        for query in re.findall(r"```promql\n(.*?)```", _PAGES[name], re.DOTALL):
            for metric in re.findall(r"\b[a-z]+(?:_[a-zA-Z0-9]+){2,}(?=[{\[\s)]|$)", query):
                assert metric in known or metric in {"histogram_quantile", "min_over_time", "max_over_time"}, (
                    name,
                    metric,
                )


@pytest.mark.parametrize("name", sorted(_PAGES))
def test_commands_in_pages_exist(name: str) -> None:
    """Verbs of `engineroom`, their options, and the components they are given."""
    components = set(catalogue("seaweedfs"))
    assert isinstance(cli, click.Group)
    context = click.Context(cli)
    for command in re.findall(r"`engineroom ([^`]+)`", " ".join(_PAGES[name].split())):
        verb, *words = command.split()
        found = cli.get_command(context, verb)
        if isinstance(found, click.Group):
            found = found.get_command(context, words[0])
        assert found is not None, command
        known = {option for parameter in found.params for option in (*parameter.opts, *parameter.secondary_opts)}
        for option in [word for word in words if word.startswith("-")]:
            assert option in known, command
        if verb in {"logs", "restart"} and words and words[0] not in {"COMPONENT", "<component>"}:
            assert words[0] in components, command


@pytest.mark.parametrize(
    "page", [*sorted(_FOLDER.glob("*.md")), _ROOT / "docs" / "dashboards.md"], ids=lambda p: p.name
)
def test_links_in_pages_resolve(page: Path) -> None:
    """Every link leads to a file of this checkout, or to an address of its own."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://", "#")):
            assert (page.parent / target.split("#")[0]).exists(), target


def test_sql_in_pages_is_understood_by_the_forges_database(server: str) -> None:  # noqa: F811
    """Each SELECT is planned, not run, on the schema that there is."""
    statements = {
        statement[1:-1]
        for text in _PAGES.values()
        for statement in re.findall(r"psql -c (\"SELECT[^\"]*\"|'SELECT[^']*')", " ".join(text.split()))
    }
    assert len(statements) > 10
    with psycopg.connect(f"{server} dbname=migrated", autocommit=True) as connection:
        for statement in sorted(statements):
            filled = re.sub(r"<(?:pid|id)>", "1", statement)
            connection.execute(f"EXPLAIN {filled}".encode())


def test_what_the_documents_say_of_windows_is_what_the_code_has() -> None:
    """The tables of docs/dashboards.md follow slo.py."""
    text = (_ROOT / "docs" / "dashboards.md").read_text(encoding="utf-8")
    for burn in BURNS:
        assert f"| {burn.short} and {burn.long} | {burn.factor:g} | {burn.severity} |" in text
    for objective in OBJECTIVES:
        assert f"| `{objective.name}` | {objective.promise}" in text
    for board in dashboards():
        assert f"| {board.title} |" in text
