"""What a run is made of: servers and services with their versions, and secrets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import pytest
from pydantic import SecretStr

from stack.addresses import Addresses, HttpAddress, ServiceAddresses
from stack.inventory import secrets_of, servers_of
from stack.runtimes.base import Stack
from stack.settings import load
from stack.toolchain import Toolchain


@dataclass(frozen=True)
class State:
    name: str


@dataclass(frozen=True)
class Made:
    """As much of a stack as is asked for."""

    names: tuple[str, ...]
    runtime: str = "local"

    def status(self) -> list[State]:
        return [State(name) for name in self.names]


def test_services_are_named_with_their_versions() -> None:
    """One built from this checkout has the digest of its sources, one in Python the release and the commit."""
    settings = load()
    built = Toolchain(settings).find("git-service")
    if built is None:
        pytest.skip("git-service is not built from these sources: run `engineroom setup git-service`")
    facts = {each.name: each for each in servers_of(settings, cast("Stack", Made(("git-http", "search", "redis-1"))))}
    assert set(facts) == {"ctags", "git-service", "redis", "search"}
    assert (facts["git-service"].version, facts["git-service"].checksum) == (built.version, built.checksum)
    assert facts["search"].version.startswith("0.")
    assert facts["search"].licence == facts["git-service"].licence == "MIT"


def test_tokens_of_services_are_secrets() -> None:
    """Whatever is reported is cleaned of them."""
    services = ServiceAddresses(
        git_http=HttpAddress(url="http://127.0.0.1:1", token=SecretStr("first")),
        search=HttpAddress(url="http://127.0.0.1:2", token=SecretStr("second")),
        web=HttpAddress(url="http://127.0.0.1:3"),
    )
    addresses = Addresses(services=services)
    assert sorted(secrets_of(addresses)) == ["first", "second"]
    assert "first" not in addresses.to_json(secrets=False)
    assert Addresses.model_validate_json(addresses.to_json(secrets=True)) == addresses
