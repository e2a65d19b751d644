"""Steps about the forge's services as people use them: the api, and git over HTTP."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest
from pytest_bdd import given, parsers, then, when

from stack.inventory import secrets_of
from stack.runtimes.base import Stack
from stack.settings import Settings
from steps.components import until
from steps.people import VISITOR, People
from steps.raw import RawClients

__all__: list[str] = []

_WHO = r'"(?P<name>[\w -]+)"'


@pytest.fixture
def people(stack: Stack, settings: Settings) -> People:
    """Everybody who talks to the api."""
    return People(stack, settings.slow)


@pytest.fixture
def raw(people: People, settings: Settings) -> Iterator[RawClients]:
    """Clients that keep to no protocol."""
    clients = RawClients(people, settings.slow)
    yield clients
    clients.close()


# -- who and what there is -------------------------------------------------------------------------------------------


@given(parsers.parse('there is a user "{name}"'))
@given(parsers.parse('"{name}" is signed in'))
def user(people: People, name: str) -> None:
    people.token(name)


@given(parsers.re(r'"(?P<name>\w+)" has an empty (?P<private>private )?repository "(?P<repository>[^"]+)"'))
def empty_repository(people: People, repository: str, private: str | None) -> None:
    people.repository(repository, private=bool(private))


@given(parsers.parse('"{user_name}" is a collaborator of "{repository}" who may "{level}"'))
def collaborator(people: People, repository: str, user_name: str, level: str) -> None:
    people.collaborator(repository, user_name, level)


@when(parsers.parse('"{user_name}" is no collaborator of "{repository}" any more'))
def no_collaborator(people: People, repository: str, user_name: str) -> None:
    people.collaborator(repository, user_name, None)


@given("the indexer runs")
def indexer_runs(indexer: None) -> None:
    """The fixture starts it, and takes it away afterwards."""


@then(parsers.parse('searching for "{query}" as "{name}" finds "{path}" within {seconds:d} seconds'))
def search_finds(people: People, query: str, name: str, path: str, seconds: int) -> None:
    def found() -> bool:
        answer = people.ask(name, "GET", f"/api/v1/search?q={query}")
        hits = answer.field("hits") if answer.status == 200 else []
        return isinstance(hits, list) and path in [hit["path"] for hit in hits]

    until(found, seconds * people.slow, lambda: people.answer.text[:300])


# -- asking the api --------------------------------------------------------------------------------------------------


@when(parsers.re(r'"(?P<name>[\w ]+)" asks for "(?P<method>[A-Z]+) (?P<path>[^"]+)"(?P<as_is> as it stands)?'))
def asks(people: People, raw: RawClients, name: str, method: str, path: str, as_is: str | None) -> None:
    if as_is:
        raw.ask(method, path, token=people.token(name))
    else:
        body = {"username": name, "password": people.password} if path.endswith("/auth/login") else None
        people.ask(name, method, path, json=body)


@when(parsers.re(r'"(?P<name>\w+)" sends (?P<method>[A-Z]+) (?P<path>\S+)$'))
def sends(people: People, name: str, method: str, path: str) -> None:
    people.ask(name, method, path)


@when(parsers.re(r'"(?P<name>\w+)" sends (?P<method>[A-Z]+) (?P<path>\S+) with the body (?P<body>\{.*)'))
def sends_body(people: People, name: str, method: str, path: str, body: str) -> None:
    people.ask(name, method, path, data=body.encode(), headers={"Content-Type": "application/json"})


@when(parsers.re(r'"(?P<name>\w+)" sends (?P<method>[A-Z]+) (?P<path>\S+) with the body of the type (?P<kind>\S+)'))
def sends_kind(people: People, name: str, method: str, path: str, kind: str) -> None:
    people.ask(name, method, path, data=b'{"name":"typed"}', headers={"Content-Type": kind})


@when(parsers.re(r'"(?P<name>\w+)" sends (?P<method>[A-Z]+) (?P<path>\S+) with a body of (?P<number>\d+) megabytes'))
def sends_large(people: People, name: str, method: str, path: str, number: str) -> None:
    filler = b'{"name":"a","description":"' + b"x" * (int(number) * 1024 * 1024) + b'"}'
    people.ask(name, method, path, data=filler, headers={"Content-Type": "application/json"})


@when(parsers.parse('somebody signs in as "{name}" with a wrong password'))
def wrong_password(people: People, name: str) -> None:
    people.ask(VISITOR, "POST", "/api/v1/auth/login", json={"username": name, "password": "not-the-password"})


@when(parsers.parse('"{name}" signs out'))
def signs_out(people: People, name: str) -> None:
    people.must(name, "POST", "/api/v1/auth/logout")


@when(parsers.re(r'"(?P<name>\w+)" asks with the old token for "(?P<method>[A-Z]+) (?P<path>[^"]+)"'))
def asks_with_old(people: People, name: str, method: str, path: str) -> None:
    people.ask(VISITOR, method, path, token=people.forget(name))


@when(parsers.parse('"{name}" sends half of a request that creates the repository "{repository}" and leaves'))
def sends_half(people: People, raw: RawClients, name: str, repository: str) -> None:
    raw.send_half(repository.partition("/")[2], token=people.token(name))


@when(parsers.parse("{number:d} clients send a byte of a body every {seconds:d} seconds to the api"))
def slow_clients(raw: RawClients, number: int, seconds: int) -> None:
    raw.start_slow(number, seconds)


@then(parsers.parse("the slow clients are let go within {seconds:d} seconds"))
def let_go(raw: RawClients, people: People, seconds: int) -> None:
    until(lambda: raw.open_slow() == 0, seconds * people.slow, lambda: f"{raw.open_slow()} are still connected")


@when("every node of the cache is paused")
def cache_paused(stack: Stack) -> None:
    for number in range(1, 7):
        stack.pause(f"redis-{number}")


@when(parsers.parse("{service} is sent a malformed traceparent"))
def malformed_traceparent(raw: RawClients, service: str) -> None:
    raw.get_from(service, "/healthz", headers={"traceparent": "00-zz-not a trace-01", "tracestate": "=,=,,"})


@when(parsers.parse("{service} is sent malformed baggage"))
def malformed_baggage(raw: RawClients, service: str) -> None:
    raw.get_from(service, "/healthz", headers={"baggage": "=;=,%zz," * 100})


@when(parsers.parse("{service} is sent a header of 1 megabyte"))
def large_header(raw: RawClients, service: str) -> None:
    raw.get_from(service, "/healthz", headers={"x-large": "x" * 1024 * 1024})


@then(parsers.parse("{service} still answers"))
def still_answers(raw: RawClients, service: str) -> None:
    assert raw.get_from(service, "/healthz").status == 200


@when(parsers.parse('"{name}" opens {number:d} issues in "{repository}" at once'), target_fixture="numbers")
def opens_issues(people: People, name: str, number: int, repository: str) -> list[int]:
    return people.open_issues(name, repository, number)


@then(parsers.parse("they have {number:d} different numbers from 1 to {last:d}"))
def different_numbers(numbers: list[int], number: int, last: int) -> None:
    assert len(numbers) == number
    assert numbers == list(range(1, last + 1))


@when(
    parsers.parse('"{name}" attaches {kilobytes:d} kilobytes to the release "{tag}" of "{repository}"'),
    target_fixture="digest",
)
def attaches(people: People, name: str, kilobytes: int, tag: str, repository: str) -> str:
    return people.attach(name, repository, tag, kilobytes)


@then(parsers.parse('"{name}" gets back the same bytes from the release "{tag}" of "{repository}"'))
def same_bytes(people: People, name: str, tag: str, repository: str, digest: str) -> None:
    answer = people.ask(name, "GET", f"/api/v1/repos/{repository}/releases/{tag}/attachments/data.bin")
    assert answer.status == 200, answer.text[:300]
    assert hashlib.sha256(answer.body).hexdigest() == digest


# -- what came back --------------------------------------------------------------------------------------------------


@then(parsers.parse("the answer is {status:d}"))
def answer_is(people: People, status: int) -> None:
    assert people.answer.status == status, people.answer.text[:500]


@then(parsers.parse('the answer is {status:d} with the code "{code}"'))
def answer_with_code(people: People, status: int, code: str) -> None:
    assert (people.answer.status, people.answer.code) == (status, code), people.answer.text[:500]


@then(parsers.parse('both answers are {status:d} with the code "{code}" and the same words'))
def both_answers(people: People, status: int, code: str) -> None:
    one, two = people.answers[-2:]
    assert {(each.status, each.code) for each in (one, two)} == {(status, code)}
    assert one.message == two.message


@then(parsers.parse("the status is one of {statuses}"))
def status_among(people: People, statuses: str) -> None:
    assert str(people.answer.status) in statuses.split(", "), f"{people.answer.status}: {people.answer.text[:300]}"


@then(parsers.parse('the answer does not contain the e-mail address of "{name}"'))
def no_email(people: People, name: str) -> None:
    assert people.email(name) not in people.answer.text
    assert "@" not in people.answer.text


@then(parsers.parse('the answer does not name "{repository}"'))
def not_named(people: People, repository: str) -> None:
    assert repository not in people.answer.text
    assert repository.partition("/")[2] not in people.answer.text


@then("it tells nothing of the inside")
def tells_nothing(people: People, stack: Stack) -> None:
    text = people.answer.text
    told = ("goroutine", "panic", "Traceback", ".go:", ".rs:", ".py", "node_modules", "SQLSTATE")
    assert not [word for word in told if word in text], text
    assert str(stack.folder) not in text
    assert not [secret for secret in secrets_of(stack.addresses) if secret in text]


@then(parsers.parse('it has one line in the log of "{component}"'))
def one_line(people: People, stack: Stack, component: str) -> None:
    def lines() -> list[str]:
        text = stack.log(component).read_text("utf-8", "replace")
        return [line for line in text.splitlines() if people.request_id in line]

    until(lambda: len(lines()) > 0, 5 * people.slow, lines)
    assert len(lines()) == 1, lines()


@then(parsers.parse('"{name}" gets {status:d} for "GET {path}" within {seconds:d} seconds'))
def gets_within(people: People, name: str, status: int, path: str, seconds: int) -> None:
    people.expect(name, status, path, seconds)


@then(parsers.parse('"{path}" of the api answers {status:d} within {seconds:d} seconds'))
def path_answers_within(people: People, path: str, status: int, seconds: int) -> None:
    people.expect(VISITOR, status, path, seconds)


@then(parsers.parse('"{path}" of the api answers {status:d}'))
def path_answers(people: People, path: str, status: int) -> None:
    assert people.ask(VISITOR, "GET", path).status == status
