"""Free TCP ports on loopback."""

from __future__ import annotations

import socket
from contextlib import ExitStack

__all__ = ["LOOPBACK", "free_ports"]

LOOPBACK = "127.0.0.1"


def free_ports(count: int, host: str = LOOPBACK) -> list[int]:
    """Ports that nobody has now, all different; somebody may take one before it is used, so a start must retry.

    Linux prefers the other parity for outgoing connections (inet_csk_find_open_port), so a port stays free while a
    component that was killed is away.
    """
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((host, 0))
        return [int(each.getsockname()[1]) for each in sockets]
