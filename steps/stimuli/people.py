"""Stimuli by people who ask the api and the web."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from steps.people import VISITOR
from steps.stimuli.base import OTHER, OWNER, Bench, Stimulus
from steps.stimuli.outages import killed

__all__ = ["STIMULI"]

_REPOSITORY = "panels"
_PRIMARY = "postgresql-primary"
_AT_ONCE = 20  # requests; the api holds 16 connections to its database
_WRONG_SIGN_INS = 6  # an address that fails too often is let in by nobody any more: features share one


def _prepare(bench: Bench) -> None:
    bench.repository(_REPOSITORY, files=4, kilobytes=8)
    bench.people.token(OTHER)


def _issues(bench: Bench) -> None:
    _prepare(bench)
    bench.expect(bench.ask("POST", f"/api/v1/repos/{OWNER}/{_REPOSITORY}/issues", json={"title": "a panel"}), 201)


@contextmanager
def _api_requests(bench: Bench) -> Iterator[None]:
    paths = (
        f"/api/v1/repos/{OWNER}/{_REPOSITORY}",
        f"/api/v1/repos/{OWNER}/{_REPOSITORY}/issues",
        f"/api/v1/users/{OWNER}",
        "/api/v1/user",
    )
    # Several people: one alone asks hardly anything while each answer is slow.
    with bench.repeated(
        lambda n: bench.expect(bench.ask("GET", paths[n % len(paths)]), 200), every=0.4, most=1200, workers=4
    ):
        yield


@contextmanager
def _concurrent(bench: Bench) -> Iterator[None]:
    bench.people.token(OWNER)

    def ask(_: int) -> None:
        bench.expect(bench.ask("GET", "/api/v1/repos?per_page=100"), 200)

    with bench.repeated(ask, every=0, most=6000, workers=_AT_ONCE):
        yield


@contextmanager
def _bad(bench: Bench) -> Iterator[None]:
    asked = (
        ("GET", "/api/v1/repos?page=minus-one", None, 400),
        ("GET", f"/api/v1/repos/{OWNER}/never-there", None, 404),
        ("DELETE", "/api/v1/user", None, 405),
        ("POST", "/api/v1/repos", {"name": ".."}, 422),
    )

    def ask(number: int) -> None:
        method, path, body, status = asked[number % len(asked)]
        bench.expect(bench.ask(method, path, json=body), status)

    with bench.repeated(ask, every=0.1, most=600):
        yield


@contextmanager
def _denied(bench: Bench) -> Iterator[None]:
    path = f"/api/v1/repos/{OWNER}/{_REPOSITORY}"

    def ask(number: int) -> None:
        if number % 2:
            bench.expect(bench.ask("GET", "/api/v1/user", name=VISITOR), 401)
        else:
            bench.expect(bench.ask("PATCH", path, name=OTHER, json={"description": "mine"}), 403)

    with bench.repeated(ask, every=0.2, most=300):
        yield


@contextmanager
def _unknown_paths(bench: Bench) -> Iterator[None]:
    def ask(_: int) -> None:
        bench.expect(bench.ask("GET", f"/{secrets.token_hex(6)}", name=VISITOR), 404)

    with bench.repeated(ask, every=0.1, most=600):
        yield


def _sign_in(bench: Bench, name: str, password: str, *statuses: int) -> None:
    body = {"username": name, "password": password}
    bench.expect(bench.ask("POST", "/api/v1/auth/login", name=VISITOR, json=body), *statuses)


@contextmanager
def _sign_ins(bench: Bench) -> Iterator[None]:
    nobody = f"nobody-{secrets.token_hex(4)}"

    def ask(number: int) -> None:
        if number < 2 * _WRONG_SIGN_INS and number % 2:
            _sign_in(bench, nobody, "wrong-password", 401)
        else:
            _sign_in(bench, OWNER, bench.people.password, 200)

    with bench.repeated(ask, every=0.3, most=120):
        yield


@contextmanager
def _rate_limited(bench: Bench) -> Iterator[None]:
    # Whose name is tried is nobody's, so that nobody has to wait; the limit is for the name.
    nobody = f"nobody-{secrets.token_hex(4)}"
    with bench.repeated(lambda _: _sign_in(bench, nobody, "wrong-password", 401, 429), every=0.1, most=120):
        yield


@contextmanager
def _file_reads(bench: Bench) -> Iterator[None]:
    repository = f"/api/v1/repos/{OWNER}/{_REPOSITORY}"
    paths = (f"{repository}/tree?ref=main", f"{repository}/file?ref=main&path=file-0.txt", "/api/v1/search?q=panels")
    with bench.repeated(lambda n: bench.expect(bench.ask("GET", paths[n % len(paths)]), 200), every=0.1, most=600):
        yield


@contextmanager
def _cached_reads(bench: Bench) -> Iterator[None]:
    path = f"/api/v1/repos/{OWNER}/{_REPOSITORY}"
    with bench.repeated(lambda _: bench.expect(bench.ask("GET", path), 200), every=0.05, most=1200):
        yield


@contextmanager
def _failing(bench: Bench) -> Iterator[None]:
    paths = (f"/api/v1/repos/{OWNER}/{_REPOSITORY}", "/api/v1/user")
    with bench.repeated(lambda n: bench.expect(bench.ask("GET", paths[n % len(paths)]), 503), every=0.1, most=600):
        yield


@contextmanager
def _page_views(bench: Bench) -> Iterator[None]:
    url = bench.service("web").url
    paths = ("/", f"/{OWNER}/{_REPOSITORY}", "/search?q=panels")
    with bench.repeated(lambda n: bench.get(url + paths[n % len(paths)]), every=0.2, most=300):
        yield


STIMULI: dict[str, Stimulus] = {
    "api-requests": Stimulus(_api_requests, prepare=_issues),
    "bad-requests": Stimulus(_bad, prepare=_prepare),
    "cached-reads": Stimulus(_cached_reads, prepare=_prepare, needs=("api", "redis-1")),
    "concurrent-requests": Stimulus(_concurrent, prepare=_prepare),
    "denied-requests": Stimulus(_denied, prepare=_prepare),
    "failing-requests": Stimulus(_failing, killed(_PRIMARY), prepare=_prepare, needs=("api", _PRIMARY), within=40.0),
    "file-reads": Stimulus(_file_reads, prepare=_prepare, needs=("api", "git-http", "search")),
    "page-views": Stimulus(_page_views, prepare=_prepare, needs=("api", "web")),
    "rate-limited-requests": Stimulus(_rate_limited, prepare=_prepare),
    "sign-ins": Stimulus(_sign_ins, prepare=_prepare),
    "unknown-paths": Stimulus(_unknown_paths, prepare=_prepare),
}
