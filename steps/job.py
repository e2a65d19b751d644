"""The controller behind the steps about jobs."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

import psutil

from stack.inventory import secrets_of
from stack.runtimes.base import Stack
from steps.components import until
from steps.people import Answer, People

__all__ = ["JobControl"]

_SLEEP = re.compile(r"\bsleep \d+")


@dataclass
class JobControl:
    """One job as the person sees it who started it."""

    people: People
    stack: Stack
    slow: float = 1.0
    _name: str = ""
    _repository: str = ""
    _commit: str = ""
    _id: int = 0
    _mark: str = ""

    def ask(self, name: str, repository: str, steps: list[str], *, limit: int | None = None) -> Answer:
        """Ask for a job; whatever sleeps in it can be told from any other process by how long it sleeps."""
        self._name, self._repository, self._mark = name, repository, f"{secrets.randbelow(10**9):09d}"
        made = []
        for number, step in enumerate(steps):
            one: dict[str, object] = {"name": f"step {number}", "run": _SLEEP.sub(rf"\g<0>.{self._mark}", step)}
            if limit is not None:
                one["timeout_seconds"] = limit
            made.append(one)
        body = {"kind": "steps", "ref": "main", "steps": made}
        return self.people.ask(name, "POST", f"/api/v1/repos/{repository}/jobs", json=body)

    def start(self, name: str, repository: str, steps: list[str], *, commit: str, limit: int | None = None) -> None:
        """Ask for a job, which must be taken."""
        answer = self.ask(name, repository, steps, limit=limit)
        assert answer.status in {201, 202}, answer.text
        self._id, self._commit = int(str(answer.field("id"))), commit

    def cancel(self, name: str) -> None:
        """Ask for its end."""
        answer = self.people.ask(name, "POST", f"{self._path}/cancel")
        assert answer.status < 300, answer.text

    def expect_state(self, state: str, seconds: float) -> None:
        """Wait for a state."""
        until(lambda: self._field("state") == state, seconds * self.slow, lambda: self.people.answer.text[:800])

    def attempts(self) -> int:
        """How often it was taken up."""
        return int(str(self._field("attempts")))

    def log(self) -> str:
        """Its log so far."""
        answer = self.people.ask(self._name, "GET", f"{self._path}/log")
        assert answer.status == 200, answer.text
        return answer.text

    def secrets_told(self) -> int:
        """How many secrets of the stack are in the log; not which."""
        text = self.log()
        return sum(secret in text for secret in secrets_of(self.stack.addresses))

    def statuses(self) -> list[str]:
        """The states of the commit's statuses that this job wrote, oldest first."""
        path = f"/api/v1/repos/{self._repository}/commits/{self._commit}/statuses"
        found = self.people.ask(self._name, "GET", path).data
        assert isinstance(found, list), self.people.answer.text
        return [str(each["state"]) for each in sorted(found, key=lambda each: int(each["id"]))]

    def expect_no_process(self) -> None:
        """Whatever the steps started has ended."""
        until(lambda: not self._left(), 15 * self.slow, self._left)

    def _left(self) -> list[str]:
        found = []
        for process in psutil.process_iter(["cmdline"]):
            words = process.info["cmdline"] or []
            if any(self._mark in word for word in words):
                found.append(" ".join(words)[:200])
        return found

    def _field(self, name: str) -> object:
        return self.people.ask(self._name, "GET", self._path).field(name)

    @property
    def _path(self) -> str:
        return f"/api/v1/repos/{self._repository}/jobs/{self._id}"
