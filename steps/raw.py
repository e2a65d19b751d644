"""The controller behind the steps about clients that keep to no protocol: slow, cut off, too large, damaged."""

from __future__ import annotations

import base64
import contextlib
import secrets
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from stack.addresses import HttpAddress
from stack.errors import NeedMissingError
from steps.git_people import Outcome
from steps.people import Answer, People

__all__ = ["RawClients"]

_SECONDS = 30.0
_MOST = 1 << 20  # bytes of an answer that are looked at


@dataclass
class RawClients:
    """Sockets on which exactly these bytes are sent."""

    people: People
    slow: float = 1.0
    _slow_sockets: list[socket.socket] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def ask(self, method: str, path: str, *, token: str | None = None) -> Answer:
        """One request whose path is sent as it is."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self._exchange(self.people.url, method, path, headers)

    def get_from(self, service: str, path: str, *, headers: Mapping[str, str] | None = None) -> Answer:
        """One GET to a service, without signing in."""
        return self._exchange(self._url(service), "GET", path, headers or {})

    def push_damaged(self, name: str, repository: str, old: str) -> Outcome:
        """Send a push whose pack is garbage."""
        token = self.people.token(name)
        credentials = base64.b64encode(f"{name}:{token}".encode()).decode()
        command = f"{old} {'1' * 40} refs/heads/main\0report-status\n".encode()
        body = f"{len(command) + 4:04x}".encode() + command + b"0000" + b"PACK" + secrets.token_bytes(400)
        answer = self._exchange(
            self.people.url,
            "POST",
            f"/{repository}.git/git-receive-pack",
            {
                "Authorization": f"Basic {credentials}",
                "Content-Type": "application/x-git-receive-pack-request",
                "Content-Length": str(len(body)),
            },
            body,
        )
        said = answer.text
        return Outcome(ok=answer.status == 200 and "unpack ok" in said, text=f"{answer.status}: {said}")

    def send_half(self, name: str, *, token: str | None) -> None:
        """Promise more of a body than is sent, then leave."""
        body = f'{{"name":"{name}","desc'.encode()
        head = (
            f"POST /api/v1/repos HTTP/1.1\r\nHost: forge\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body) + 100}\r\n\r\n"
        )
        with self._connect(self.people.url) as connection:
            connection.sendall(head.encode() + body)
            time.sleep(0.2)

    def start_slow(self, number: int, seconds: float) -> None:
        """Open connections that send one byte of a long body now and then, until they are closed."""
        head = (
            "POST /api/v1/auth/login HTTP/1.1\r\nHost: forge\r\nContent-Type: application/json\r\n"
            "Content-Length: 100000\r\n\r\n{"
        )
        for _ in range(number):
            connection = self._connect(self.people.url)
            connection.sendall(head.encode())
            self._slow_sockets.append(connection)
        threading.Thread(target=self._drip, args=(seconds,), daemon=True).start()

    def open_slow(self) -> int:
        """How many slow connections the other side has not ended."""
        return sum(not _ended(connection) for connection in self._slow_sockets)

    def close(self) -> None:
        """Close everything."""
        self._stop.set()
        for connection in self._slow_sockets:
            connection.close()

    def _drip(self, seconds: float) -> None:
        while not self._stop.wait(seconds):
            for connection in self._slow_sockets:
                try:
                    connection.sendall(b" ")
                except OSError:
                    continue  # it was ended, which is what is waited for

    def _exchange(self, url: str, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        self.people.request_id = secrets.token_hex(8)
        lines = [f"{method} {path} HTTP/1.1", "Host: forge", "Connection: close"]
        lines.append(f"X-Request-Id: {self.people.request_id}")
        lines.extend(f"{key}: {value}" for key, value in headers.items())
        received = b""
        with self._connect(url) as connection:
            # What is too large may be refused before all of it was sent; the answer tells.
            with contextlib.suppress(OSError):
                connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body)
            try:
                while len(received) < _MOST and (more := connection.recv(65_536)):
                    received += more
            except OSError as error:
                if not received:
                    received = f"HTTP/1.1 0 {error}\r\n\r\n".encode()
        answer = _parse(received)
        self.people.answers.append(answer)
        return answer

    def _connect(self, url: str) -> socket.socket:
        parts = urlsplit(url)
        return socket.create_connection((parts.hostname or "", parts.port or 80), timeout=_SECONDS * self.slow)

    def _url(self, service: str) -> str:
        services = self.people.stack.addresses.services
        found = getattr(services, service.replace("-", "_"), None)
        if not isinstance(found, HttpAddress):
            raise NeedMissingError(service, f"This stack has no {service}")
        return found.url


def _parse(received: bytes) -> Answer:
    head, _, body = received.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    status = first.split(" ")[1] if first.startswith("HTTP/") else "0"
    headers = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in rest)}
    return Answer(int(status), body.decode("utf-8", "replace"), headers, body)


def _ended(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        while connection.recv(4096):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        connection.settimeout(_SECONDS)
    return True
