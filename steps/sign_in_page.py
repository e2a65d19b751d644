"""Steps about signing in through a page from different addresses, without a browser."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
import requests
from pytest_bdd import given, parsers, then, when
from requests.adapters import HTTPAdapter

from stack.errors import NeedMissingError
from stack.runtimes.base import Stack
from stack.settings import Settings
from steps.people import People

__all__: list[str] = []

_SECONDS = 30.0


class _From(HTTPAdapter):
    """Connects from one of this machine's addresses."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **more: object) -> None:
        more["source_address"] = (self._address, 0)
        super().init_poolmanager(connections, maxsize, block, **more)


@dataclass
class SignInPage:
    """The form at /login, sent as a browser sends it."""

    url: str
    slow: float = 1.0
    statuses: list[int] = field(default_factory=list)

    def send(self, name: str, password: str, address: str) -> int:
        """Send the form; the status is 303 for whoever is let in."""
        with requests.Session() as session:
            session.mount("http://", _From(address))
            answer = session.post(
                f"{self.url}/login",
                data={"username": name, "password": password},
                headers={"Origin": self.url},
                allow_redirects=False,
                timeout=_SECONDS * self.slow,
            )
        self.statuses.append(answer.status_code)
        return answer.status_code


@pytest.fixture
def sign_in_page(stack: Stack, settings: Settings) -> SignInPage:
    """The page where people sign in."""
    services = stack.addresses.services
    if services is None or services.web is None:
        raise NeedMissingError("web", "This stack has no web")
    return SignInPage(services.web.url.rstrip("/"), settings.slow)


@given(parsers.parse('{number:d} wrong passwords of "{name}" came through the sign-in page from {address}'))
def wrong_passwords(sign_in_page: SignInPage, number: int, name: str, address: str) -> None:
    for turn in range(number):
        status = sign_in_page.send(name, f"not-the-password-{turn}", address)
        if status not in {requests.codes.unauthorized, requests.codes.too_many}:
            raise NeedMissingError("web", "A wrong password is not answered as one", got=str(status))


@when(parsers.parse('"{name}" signs in through the sign-in page from {address}'))
def signs_in(sign_in_page: SignInPage, people: People, name: str, address: str) -> None:
    sign_in_page.send(name, people.password, address)


@then(parsers.parse("the page answers {status:d}"))
def answered(sign_in_page: SignInPage, status: int) -> None:
    assert sign_in_page.statuses[-1] == status, f"{sign_in_page.statuses[-1]} instead"
