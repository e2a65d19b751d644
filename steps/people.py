"""The controller behind the steps about the forge's api: people who sign in and ask, and the last answer."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from json import dumps, loads

import requests
from pydantic import SecretStr

from stack.errors import NeedMissingError
from stack.forge.smsly import SmslyForge
from stack.runtimes.base import Stack

__all__ = ["VISITOR", "Answer", "People"]

VISITOR = "a visitor"
_SECONDS = 30.0  # for one answer
_PASSWORD = secrets.token_urlsafe(16)  # of everybody who is made up here, for one run
_SIGNED_IN: set[tuple[str, str]] = set()  # api and name of everybody whom this run knows the password of
_RUN = secrets.token_hex(4)  # in every e-mail address of one run


@dataclass(frozen=True)
class Answer:
    """What came back: status, text, and headers with lower-case names."""

    status: int
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def data(self) -> object:
        """The envelope's `data`."""
        return self._envelope().get("data")

    @property
    def code(self) -> str:
        """The envelope's error code; empty when there is none."""
        error = self._envelope().get("error")
        return str(error.get("code", "")) if isinstance(error, dict) else ""

    @property
    def message(self) -> str:
        """The envelope's error message; empty when there is none."""
        error = self._envelope().get("error")
        return str(error.get("message", "")) if isinstance(error, dict) else ""

    def field(self, name: str) -> object:
        """One field of `data`, which must be an object."""
        data = self.data
        assert isinstance(data, dict), f"no object came back but {self.status}: {self.text[:300]}"
        return data[name]

    def _envelope(self) -> dict[str, object]:
        try:
            found = loads(self.text)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


@dataclass
class People:
    """Everybody who talks to the api of one stack."""

    stack: Stack
    slow: float = 1.0
    answers: list[Answer] = field(default_factory=list)
    request_id: str = ""
    pull: tuple[str, int] = ("", 0)
    _tokens: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where the api answers."""
        services = self.stack.addresses.services
        if services is None or services.api is None:
            raise NeedMissingError("api", "This stack has no api")
        return services.api.url.rstrip("/")

    @property
    def answer(self) -> Answer:
        """The last answer."""
        assert self.answers, "nothing was asked yet"
        return self.answers[-1]

    @property
    def password(self) -> str:
        """Of everybody who is made up here."""
        return _PASSWORD

    def email(self, name: str) -> str:
        """A user's e-mail address, the same for the whole run."""
        return f"{name}.{_RUN}@forge.example"

    def token(self, name: str) -> str | None:
        """A user's session token; a visitor has none. Whoever is not there yet registers."""
        if name == VISITOR:
            return None
        if name not in self._tokens:
            self._tokens[name] = self._sign_in(name)
        return self._tokens[name]

    def forget(self, name: str) -> str:
        """Sign in anew the next time; the token that was used so far is returned."""
        return self._tokens.pop(name)

    def ask(
        self,
        name: str,
        method: str,
        path: str,
        *,
        json: object = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
    ) -> Answer:
        """Ask as a user and keep the answer; `path` is not touched in any way."""
        self.request_id = secrets.token_hex(8)
        given = {"X-Request-Id": self.request_id, **(headers or {})}
        given_token = token or self.token(name)
        if given_token:
            given["Authorization"] = f"Bearer {given_token}"
        answer = _send(method, self.url, path, json=json, data=data, headers=given, seconds=_SECONDS * self.slow)
        self.answers.append(answer)
        return answer

    def must(self, name: str, method: str, path: str, *, json: object = None, data: bytes | None = None) -> Answer:
        """Ask for something that a Given needs; anything but success is a need that is not met."""
        answer = self.ask(name, method, path, json=json, data=data)
        if answer.status >= 400:
            raise NeedMissingError(
                "api", f"{method} {path} is not possible", on=self.url, got=f"{answer.status}: {answer.text[:300]}"
            )
        return answer

    def repository(self, full_name: str, *, private: bool = False) -> None:
        """Make an empty repository; one of that name that is there already is deleted first."""
        owner, _, name = full_name.partition("/")
        if self.ask(owner, "GET", f"/api/v1/repos/{full_name}").status == requests.codes.ok:
            self.must(owner, "DELETE", f"/api/v1/repos/{full_name}")
        self.must(owner, "POST", "/api/v1/repos", json={"name": name, "private": private})

    def collaborator(self, full_name: str, user: str, level: str | None) -> None:
        """Give a user a level on a repository, or take it away."""
        owner = full_name.partition("/")[0]
        self.token(user)
        path = f"/api/v1/repos/{full_name}/collaborators/{user}"
        if level is None:
            self.must(owner, "DELETE", path)
        else:
            self.must(owner, "PUT", path, json={"level": level})

    def open_issues(self, name: str, full_name: str, number: int) -> list[int]:
        """Open issues all at once; their numbers."""
        self.token(name)
        with ThreadPoolExecutor(max_workers=number) as pool:
            asked = [
                pool.submit(self.must, name, "POST", f"/api/v1/repos/{full_name}/issues", json={"title": f"issue {n}"})
                for n in range(number)
            ]
            return sorted(int(str(answer.result().field("number"))) for answer in asked)

    def attach(self, name: str, full_name: str, tag: str, kilobytes: int) -> str:
        """Attach made-up bytes to a release; their SHA-256."""
        body = secrets.token_bytes(kilobytes * 1024)
        self.must(name, "POST", f"/api/v1/repos/{full_name}/releases", json={"tag": tag, "name": tag})
        self.must(name, "POST", f"/api/v1/repos/{full_name}/releases/{tag}/attachments?name=data.bin", data=body)
        return hashlib.sha256(body).hexdigest()

    def expect(self, name: str, status: int, path: str, seconds: float) -> None:
        """Ask again until the status is the wanted one."""
        deadline = time.monotonic() + seconds * self.slow
        while self.ask(name, "GET", path).status != status:
            last = f"{self.answer.status}: {self.answer.text[:200]}"
            assert time.monotonic() < deadline, f"GET {path} was not {status} within {seconds:.0f} s: {last}"
            time.sleep(0.2)

    def _sign_in(self, name: str) -> str:
        body = {"username": name, "email": self.email(name), "password": _PASSWORD}
        made = _send("POST", self.url, "/api/v1/auth/register", json=body, seconds=_SECONDS * self.slow)
        login = {"username": name, "password": _PASSWORD}
        if made.status == requests.codes.conflict and (self.url, name) not in _SIGNED_IN:
            self._adopt(name)
        answer = _send("POST", self.url, "/api/v1/auth/login", json=login, seconds=_SECONDS * self.slow)
        if answer.status != requests.codes.ok:
            raise NeedMissingError(
                "api",
                f"{name} cannot sign in",
                on=self.url,
                got=f"register {made.status}: {made.text[:200]}; login {answer.status}: {answer.text[:200]}",
            )
        _SIGNED_IN.add((self.url, name))
        return str(answer.field("token"))

    def _adopt(self, name: str) -> None:
        """Give somebody whom an earlier run or another step made this run's password and e-mail address."""
        database = self.stack.addresses.database
        if database is None:
            return
        with SmslyForge(database.conninfo()) as forge:
            forge.set_credentials(name, password=SecretStr(_PASSWORD), email=self.email(name))


def _send(
    method: str,
    url: str,
    path: str,
    *,
    json: object = None,
    data: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    seconds: float,
) -> Answer:
    given = {"Content-Type": "application/json", **(headers or {})} if json is not None else dict(headers or {})
    body = dumps(json).encode() if json is not None else data
    request = requests.Request(method, url, data=body, headers=given).prepare()
    # Set afterwards: requests would tidy up the very paths that a test is about.
    request.url = url + path
    with requests.Session() as session:
        response = session.send(request, timeout=seconds, allow_redirects=False)
    return Answer(
        response.status_code,
        response.text,
        {key.lower(): value for key, value in response.headers.items()},
        response.content,
    )
