"""The controller behind the steps about counters: requests that are counted here, and what Prometheus made of them."""

from __future__ import annotations

import http.client
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypedDict
from urllib.parse import urlsplit

import requests

from stack.errors import NeedMissingError
from stack.runtimes.base import Stack
from stack.telemetry.panels import panel, queries
from steps.components import until
from steps.people import People

__all__ = ["Counting"]

_SECONDS = 10.0
_COUNTER = "http_server_request_duration_seconds_count"
_METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "BREW", "PROPFIND", "MKCOL", "REPORT", "X-ODD")
_WORKERS = 8
_PAUSE = 0.05  # seconds between two requests, so that they fall into several scrapes


class Sample(TypedDict):
    """One series of an instant query, as Prometheus answers it."""

    metric: dict[str, str]
    value: tuple[float, str]


@dataclass
class Counting:
    """What one scenario counts."""

    stack: Stack
    people: People
    slow: float = 1.0
    _route: str = ""
    _method: str = ""
    _status: int = 0
    _totals: list[Sample] = field(default_factory=list)
    _began: float = 0.0
    _ended: float = 0.0
    _series: int = 0

    def send(self, name: str, method: str, path: str, number: int) -> None:
        """Send requests one after the other; one before, so that its counter exists and has been scraped."""
        self.people.ask(name, method, path)
        time.sleep(3)
        labels = "http_request_method, http_route, http_response_status_code"
        self._totals = self._ask(f'sum by ({labels}) ({_COUNTER}{{job="api"}})')
        self._began = time.time()
        for _ in range(number):
            self.people.ask(name, method, path)
            time.sleep(_PAUSE)
        self._ended = time.time()

    def expect_risen(self, service: str, method: str, route: str, status: int, number: int, seconds: float) -> None:
        """Wait until the counter in Prometheus has risen by that many, and see that it goes no further."""
        self._method, self._route, self._status = method, route, status
        query = (
            f'sum({_COUNTER}{{job="{service}",http_request_method="{method}",http_route="{route}",'
            f'http_response_status_code="{status}"}})'
        )
        before = self._total(self._totals)

        def risen() -> float:
            found = self._ask(query)
            return (float(found[0]["value"][1]) if found else 0.0) - before

        until(lambda: risen() >= number, seconds * self.slow, risen)
        time.sleep(2)
        assert risen() == number, f"it has risen by {risen():.0f}"

    def shown_by(self, title: str) -> float:
        """How many requests a panel of the api has shown since the sending began: its rate times its window.

        The window begins with the first request and ends with the scrape after the last, so that nothing else is in it;
        what Prometheus adds at its edges is at most one scrape in the window's length.
        """
        until(lambda: time.time() > self._ended + 2, 10 * self.slow, lambda: "time")
        window = round(time.time() - self._began)
        (query,) = queries(panel("api-latency", title), window=f"{window}s")
        wanted = {"http_request_method": self._method, "http_route": self._route}
        found = [
            each for each in self._ask(query) if all(each["metric"].get(key) == value for key, value in wanted.items())
        ]
        assert found, f"the panel shows nothing of {self._method} {self._route}"
        return sum(float(each["value"][1]) for each in found) * window

    def note_series(self) -> None:
        """Remember how many series there are."""
        self._series = self._count_series()

    def series_grown(self) -> int:
        """How many more there are now."""
        return self._count_series() - self._series

    def ask_unknown(self, number: int) -> None:
        """Ask for paths and by methods that nobody knows, of every service that people reach."""
        services = self.stack.addresses.services
        urls = [each.url for each in (services.api, services.web) if each is not None]
        share = number // _WORKERS
        with ThreadPoolExecutor(max_workers=_WORKERS) as pool:
            done = sum(pool.map(lambda worker: self._ask_odd(urls[worker % len(urls)], share, worker), range(_WORKERS)))
        assert done == share * _WORKERS, f"only {done} were answered"

    def _ask_odd(self, url: str, number: int, worker: int) -> int:
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_SECONDS * self.slow)
        answered = 0
        for index in range(number):
            method = _METHODS[(index + worker) % len(_METHODS)]
            connection.request(method, f"/{secrets.token_hex(4)}/{secrets.token_hex(4)}")
            connection.getresponse().read()
            answered += 1
        connection.close()
        return answered

    def _count_series(self) -> int:
        found = self._ask('count({__name__!="",job=~"api|web|git|search"})')
        return int(float(found[0]["value"][1])) if found else 0

    def _total(self, series: list[Sample]) -> float:
        wanted = {
            "http_request_method": self._method,
            "http_route": self._route,
            "http_response_status_code": str(self._status),
        }
        return sum(float(each["value"][1]) for each in series if each["metric"] == wanted)

    def _ask(self, query: str) -> list[Sample]:
        answer = requests.get(f"{self._prometheus}/api/v1/query", params={"query": query}, timeout=_SECONDS * self.slow)
        answer.raise_for_status()
        return list(answer.json()["data"]["result"])

    @property
    def _prometheus(self) -> str:
        telemetry = self.stack.addresses.telemetry
        if telemetry is None or telemetry.prometheus is None:
            raise NeedMissingError("prometheus", "This stack has no Prometheus")
        return telemetry.prometheus
