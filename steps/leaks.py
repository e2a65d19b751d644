"""The controller behind the steps that look for secrets in what telemetry keeps."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field

import requests

from stack.inventory import secrets_of
from stack.runtimes.base import Stack
from steps.components import until
from steps.git_people import GitPeople
from steps.people import People
from steps.tracing import Tracing

__all__ = ["Leaks"]

_SERVICES = ("git-http", "api", "search", "indexer", "runner", "web")
_SECONDS = 10.0


@dataclass
class Leaks:
    """Words that must be in no span, no label and no log line."""

    stack: Stack
    people: People
    tracing: Tracing
    git_people: GitPeople
    _words: dict[str, str] = field(default_factory=dict)
    _traces: list[str] = field(default_factory=list)

    def traffic(self, name: str) -> None:
        """Sign in, push with a token, and search for a word, all under known traces."""
        word = f"gannet{secrets.token_hex(6)}"
        headers = self._headers()
        body = {"username": name, "password": self.people.password}
        self.people.ask("a visitor", "POST", "/api/v1/auth/login", json=body, headers=headers)
        token = str(self.people.answer.field("token"))
        repository = f"{name}/watched"
        self.people.repository(repository)
        self.git_people.headers = self._headers()
        self.git_people.push_file(name, repository, "watched.txt", "watched\n")
        assert self.git_people.last.ok, self.git_people.last.text
        self.people.ask(name, "GET", f"/api/v1/search?q={word}", headers=self._headers())
        self.tracing.ask_page(f"/search?q={word}", self._headers())
        self._words = {
            "the password": self.people.password,
            "the session's token": token,
            "the old session's token": self.people.token(name) or "",
            "the e-mail address": self.people.email(name),
            "the searched word": word,
        }

    def expect_traffic(self, seconds: float) -> None:
        """Wait until each trace is in Jaeger and in the logs: what is not there proves nothing by its silence."""
        for trace in self._traces:
            until(lambda trace=trace: bool(self.tracing.spans(trace)), seconds, lambda: "no span")  # type: ignore[misc]
            until(lambda trace=trace: bool(self.tracing.logged(trace)), seconds, lambda: "no log line")  # type: ignore[misc]

    def found(self) -> list[str]:
        """What was told, and where; never the word itself."""
        words = {
            **self._words,
            **{f"secret {n} of the stack": s for n, s in enumerate(secrets_of(self.stack.addresses))},
        }
        return [
            f"{what} is in {place}" for place, text in self._places() for what, word in words.items() if word in text
        ]

    def _places(self) -> Iterator[tuple[str, str]]:
        for trace in self._traces:
            yield f"the spans of trace {trace}", str(self.tracing.spans(trace))
            lines = self.tracing.lines(f'trace_id:="{trace}"')
            yield f"the stored log lines of trace {trace}", str(lines)
        for component in (state.name for state in self.stack.status() if state.name in _SERVICES):
            yield f"the log of {component}", self.stack.log(component).read_text("utf-8", "replace")
        services = self.stack.addresses.services
        for name in ("git_http", "api", "search", "runner", "web"):
            address = getattr(services, name)
            if address is not None:
                yield f"the metrics of {name}", requests.get(f"{address.url}/metrics", timeout=_SECONDS).text

    def _headers(self) -> dict[str, str]:
        headers = self.tracing.new_trace()
        self._traces.append(self.tracing.trace)
        return headers
