"""Steps about traces, counters and outages of telemetry."""

from __future__ import annotations

import time

import pytest
from pytest_bdd import given, parsers, then, when

from stack.runtimes.base import Stack
from stack.settings import Settings
from steps.components import until
from steps.counting import Counting
from steps.git_people import GitPeople
from steps.leaks import Leaks
from steps.people import People
from steps.tracing import Tracing

__all__: list[str] = []

_AS_ALWAYS = 2.0  # seconds: an answer that waited for telemetry would take its timeout, which is 10 s


@pytest.fixture
def tracing(stack: Stack, people: People, settings: Settings) -> Tracing:
    """The traces of a scenario."""
    return Tracing(stack, people, settings.slow)


@pytest.fixture
def counting(stack: Stack, people: People, settings: Settings) -> Counting:
    """The counters of a scenario."""
    return Counting(stack, people, settings.slow)


@pytest.fixture
def leaks(stack: Stack, people: People, tracing: Tracing, git_people: GitPeople) -> Leaks:
    """What must be in no telemetry."""
    return Leaks(stack, people, tracing, git_people)


# -- traces ----------------------------------------------------------------------------------------------------------


@when(parsers.parse('the page "{path}" is asked for with a known traceparent'))
def page_asked(tracing: Tracing, path: str) -> None:
    status = tracing.ask_page(path, tracing.new_trace())
    assert status < 400, f"the page is answered with {status}"


@when(parsers.parse('the page "{path}" is asked for with the traceparent "{header}"'), target_fixture="page_status")
def page_asked_with(tracing: Tracing, path: str, header: str) -> int:
    return tracing.ask_page(path, {"traceparent": header})


@then("the page is answered")
def page_answered(page_status: int) -> None:
    assert page_status == 200


@when(parsers.parse('"{name}" pushes to "{repository}" with a known traceparent'))
def pushes_traced(tracing: Tracing, git_people: GitPeople, name: str, repository: str) -> None:
    git_people.headers = tracing.new_trace()
    git_people.push_file(name, repository, "traced.txt", "traced\n")
    assert git_people.last.ok, git_people.last.text


@then(parsers.parse("within {seconds:d} seconds its trace has these edges:"))
def has_edges(tracing: Tracing, seconds: int, datatable: list[list[str]]) -> None:
    tracing.expect_edges([(one, other) for one, other in datatable[1:]], seconds)


@then(parsers.parse("within {seconds:d} seconds a log line of each of these carries the trace:"))
def has_lines(tracing: Tracing, seconds: int, datatable: list[list[str]]) -> None:
    tracing.expect_logged([service for (service,) in datatable[1:]], seconds)


@then(parsers.parse('after {seconds:d} seconds no span carries the trace "{trace}"'))
def no_span(tracing: Tracing, seconds: int, trace: str) -> None:
    # Spans are on their way for a second or two; one that is to be missing has to be waited for.
    time.sleep(seconds)
    assert tracing.spans(trace) == []


@when(parsers.parse('"{name}" signs in, pushes with a token, and searches for a word of her own'))
def busy(leaks: Leaks, name: str) -> None:
    leaks.traffic(name)


@then(parsers.parse("that traffic is in the traces, the metrics and the logs within {seconds:d} seconds"))
def traffic_seen(leaks: Leaks, seconds: int) -> None:
    leaks.expect_traffic(seconds)


@then("no password, token, e-mail address or searched word is in any of them")
def no_leak(leaks: Leaks) -> None:
    assert leaks.found() == []


# -- outages ---------------------------------------------------------------------------------------------------------


@when(parsers.parse('"{method} {path}" is sent {number:d} times with traces of their own'))
def sent_traced(tracing: Tracing, method: str, path: str, number: int) -> None:
    tracing.send("ada", method, path, number)


@when(parsers.parse("{seconds:d} seconds have passed"))
def passed(seconds: int) -> None:
    time.sleep(seconds)


@when(parsers.parse("the spans were acknowledged within {seconds:d} seconds"))
def acknowledged(tracing: Tracing, settings: Settings, seconds: int) -> None:
    wanted = tracing.exported_before + len(tracing.traces)
    until(
        lambda: tracing.counter("api", "otel_spans_exported_total") >= wanted,
        seconds * settings.slow,
        lambda: f"{tracing.counter('api', 'otel_spans_exported_total')} of {wanted} were exported",
    )


@then("all of them were answered as always")
def answered(tracing: Tracing, settings: Settings) -> None:
    assert tracing.refused == []
    assert tracing.slowest < _AS_ALWAYS * settings.slow, f"the slowest took {tracing.slowest:.1f} s"


@then(parsers.parse("within {seconds:d} seconds the trace of each is in Jaeger"))
def all_there(tracing: Tracing, seconds: int) -> None:
    tracing.expect_all_there(seconds)


@then(parsers.parse('within {seconds:d} seconds each of their spans of "{service}" is in Jaeger or counted as dropped'))
def there_or_counted(tracing: Tracing, settings: Settings, service: str, seconds: int) -> None:
    def sums() -> tuple[int, float]:
        dropped = tracing.counter(service, "otel_spans_dropped_total") - tracing.dropped_before
        return tracing.found(service), dropped

    until(lambda: sum(sums()) >= len(tracing.traces), seconds * settings.slow, sums)


# -- counters --------------------------------------------------------------------------------------------------------


@when(parsers.parse('"{method} {path}" is sent {number:d} times'))
def sent(counting: Counting, method: str, path: str, number: int) -> None:
    counting.send("ada", method, path, number)


@then(
    parsers.parse(
        'the counter of "{service}" for "{method}" "{route}" and {status:d} has risen by exactly {number:d} '
        "within {seconds:d} seconds"
    )
)
def risen(counting: Counting, service: str, method: str, route: str, status: int, number: int, seconds: int) -> None:
    counting.expect_risen(service, method, route, status, number, seconds)


@then(parsers.parse('the panel "{panel}" has shown {number:d} requests of it within {percent:d} percent'))
def panel_shown(counting: Counting, panel: str, number: int, percent: int) -> None:
    shown = counting.shown_by(panel)
    assert abs(shown - number) <= number * percent / 100, f"it has shown {shown:.1f}"


@given("every service was asked for some unknown paths by every method")
def asked_unknown(counting: Counting) -> None:
    counting.ask_unknown(200)
    # What a method and a status bring with them is there once, and is seen by the next scrapes.
    time.sleep(5)


@when("the number of series is noted")
def series_noted(counting: Counting) -> None:
    counting.note_series()


@when(parsers.parse("{number:d} unknown paths and odd methods are asked for"))
def unknown(counting: Counting, number: int) -> None:
    counting.ask_unknown(number)


@then(parsers.parse("the number of series has grown by less than {number:d} after {seconds:d} seconds"))
def series_grown(counting: Counting, number: int, seconds: int) -> None:
    time.sleep(seconds)
    grown = counting.series_grown()
    assert grown < number, f"{grown} new series"
