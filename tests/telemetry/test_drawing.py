"""Pictures of panels."""

from __future__ import annotations

import pytest

from stack.telemetry.board import Panel, t
from stack.telemetry.drawing import draw, in_unit
from stack.telemetry.panels import panel
from stack.telemetry.prometheus import Series

_RATE = panel("api-latency", "Request rate")
_LINE = Series({"http_route": "/api/v1/repos"}, ((100.0, 1.0), (115.0, 4.0), (130.0, 2.0)))


@pytest.mark.parametrize("each", [_RATE, panel("database", "Up"), panel("api-latency", "Slowest routes")])
def test_the_same_numbers_give_the_same_bytes(each: Panel) -> None:
    """A report that is made again is the same, whatever the panel's kind."""
    assert draw(each, [_LINE]) == draw(each, [_LINE])


def test_title_and_series_are_in_the_picture() -> None:
    """A reader knows what is drawn."""
    text = draw(_RATE, [_LINE]).decode()
    assert "Request rate" in text
    assert "/api/v1/repos" in text


def test_series_are_called_what_their_panel_calls_them() -> None:
    """Two queries may give series of the same labels; a label that a series lacks is left out, as Grafana does."""
    target = t("up", "bucket of {{server}} {{ zone }}")
    assert target.named({"server": "forge"}) == "bucket of forge"
    named = Series({"server": "forge"}, _LINE.points, target.named({"server": "forge"}))
    assert "bucket of forge" in draw(_RATE, [named]).decode()


def test_an_empty_panel_says_so() -> None:
    """No data is no line at zero."""
    assert "no data" in draw(_RATE, []).decode()
    assert "no data" not in draw(_RATE, [_LINE]).decode()


def test_many_series_are_drawn_and_counted() -> None:
    """The legend names some and says how many more there are."""
    many = [Series({"route": f"/r{number}"}, ((0.0, 1.0), (1.0, 2.0))) for number in range(15)]
    assert "and 3 more" in draw(_RATE, many).decode()


def test_a_png_for_those_who_want_one() -> None:
    """By its signature."""
    assert draw(_RATE, [_LINE], form="png").startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (0.123, "percentunit", "12.3 %"),
        (0.25, "s", "250 ms"),
        (0, "s", "0 s"),
        (90, "s", "1.5 min"),
        (7200, "s", "2 h"),
        (3 * 2**20, "bytes", "3 MiB"),
        (0, "bytes", "0 B"),
        (2048, "binBps", "2 KiB/s"),
        (12.5, "reqps", "12.5 req/s"),
        (3, "short", "3"),
    ],
)
def test_values_are_written_in_their_unit(value: float, unit: str, expected: str) -> None:
    """As Grafana would show them, near enough."""
    assert in_unit(value, unit) == expected
