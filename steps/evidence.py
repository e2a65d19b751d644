"""What the evidence of a run is told of a stack: its servers, and which words must never be in it."""

from __future__ import annotations

from reports.context import RunContext
from stack.inventory import secrets_of, servers_of
from stack.runtimes.base import Stack
from stack.settings import Settings

__all__ = ["tell_of_stack"]


def tell_of_stack(context: RunContext, settings: Settings, stack: Stack, *secrets: str) -> None:
    """Name a stack's servers, and its secrets and `secrets` as what is to be masked."""
    for server in servers_of(settings, stack):
        context.add_server(server.name, server.version, server.licence, server.checksum)
    for secret in (*secrets_of(stack.addresses), *secrets):
        context.add_secret(secret)
