"""Stimuli by people who clone and push."""

from __future__ import annotations

import base64
import contextlib
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from stack.errors import NeedMissingError
from stack.forge.errors import GitError
from stack.forge.gitenv import ISOLATED, git
from steps.stimuli.base import OWNER, Bench, Stimulus, StimulusError
from steps.stimuli.outages import killed

__all__ = ["STIMULI", "damaged", "held_clones"]

_SMALL, _MEDIUM, _LARGE = "panels", "clones", "held"
_MEDIUM_FILES, _LARGE_FILES = 4, 36  # of a megabyte each
_MEGABYTE = 1024
_PRIMARY = "postgresql-primary"
_NEEDS = ("api", "git-http")
_HELD = 4
_LITTLE = 4096  # bytes of a receive buffer: who reads slowly also has no room


def _small(bench: Bench) -> None:
    bench.repository(_SMALL)


def _medium(bench: Bench) -> None:
    bench.repository(_MEDIUM, files=_MEDIUM_FILES, kilobytes=_MEGABYTE)


def _large(bench: Bench) -> None:
    # More than all the buffers between git and its client hold, so that git itself has to wait.
    bench.repository(_LARGE, files=_LARGE_FILES, kilobytes=_MEGABYTE)


def _clone(bench: Bench, full_name: str) -> None:
    bench.git.clone(OWNER, full_name)
    if not bench.git.last.ok:
        raise StimulusError("A clone failed", on=full_name, got=bench.git.last.text)


@contextmanager
def _clones(bench: Bench) -> Iterator[None]:
    with bench.repeated(lambda _: _clone(bench, f"{OWNER}/{_MEDIUM}"), every=0.3, most=60):
        yield


@contextmanager
def _pushes(bench: Bench) -> Iterator[None]:
    with bench.repeated(lambda _: bench.push(f"{OWNER}/{_SMALL}", kilobytes=_MEGABYTE), every=0.3, most=40):
        yield


@contextmanager
def _refused(bench: Bench) -> Iterator[None]:
    url = f"{bench.service('git-http').url}/{OWNER}/{_SMALL}.git/info/refs?service=git-upload-pack"
    wrong = {"Authorization": f"Bearer {secrets.token_urlsafe(24)}"}

    def ask(_: int) -> None:
        status = bench.get(url, headers=wrong)
        if status != 401:
            raise StimulusError("A wrong token should have been refused with 401", got=str(status))

    with bench.repeated(ask, every=0.1, most=600):
        yield


@contextmanager
def held_clones(bench: Bench, number: int = _HELD) -> Iterator[None]:
    """Clones whose clients have asked for the pack and don't read it."""
    full_name = f"{OWNER}/{_LARGE}"
    tip = bench.git.remote(OWNER, full_name, "refs/heads/main")
    token = bench.people.token(OWNER)
    with contextlib.ExitStack() as held:
        for _ in range(number):
            held.enter_context(contextlib.closing(_ask_for_pack(bench, full_name, tip, token or "")))
        yield


def _ask_for_pack(bench: Bench, full_name: str, tip: str, token: str) -> socket.socket:
    parts = urlsplit(bench.people.url)
    connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _LITTLE)
    connection.settimeout(20 * bench.slow)
    connection.connect((parts.hostname or "", parts.port or 80))
    want = f"want {tip} side-band-64k ofs-delta no-progress\n"
    body = f"{len(want) + 4:04x}{want}00000009done\n".encode()
    credentials = base64.b64encode(f"{OWNER}:{token}".encode()).decode()
    head = (
        f"POST /{full_name}.git/git-upload-pack HTTP/1.1\r\nHost: forge\r\nAuthorization: Basic {credentials}\r\n"
        f"Content-Type: application/x-git-upload-pack-request\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    connection.sendall(head.encode() + body)
    first = connection.recv(12)
    if not first.startswith(b"HTTP/1.1 200"):
        connection.close()
        raise StimulusError("A pack was asked for and not given", on=full_name, got=first.decode("latin-1"))
    return connection


@contextmanager
def damaged(bench: Bench) -> Iterator[None]:
    """A repository whose largest objects are garbage, named by the bench; it is deleted afterwards."""
    name = f"damaged-{secrets.token_hex(3)}"
    full_name = bench.repository(name, kilobytes=64)
    folder = bench.git_folder(full_name) / "objects"
    spoilt = 0
    for path in folder.rglob("*"):
        if path.is_file() and path.stat().st_size > 20_000:
            path.chmod(0o644)
            path.write_bytes(b"no object, and no pack")
            spoilt += 1
    if spoilt == 0:
        raise NeedMissingError("local", "There is no object to damage", on=str(folder))
    bench.damaged = full_name
    try:
        yield
    finally:
        bench.damaged = ""
        bench.people.ask(OWNER, "DELETE", f"/api/v1/repos/{full_name}")


@contextmanager
def _broken(bench: Bench) -> Iterator[None]:
    def clone(_: int) -> None:
        bench.git.clone(OWNER, bench.damaged)
        if bench.git.last.ok:
            raise StimulusError("A damaged repository was cloned", on=bench.damaged)

    with bench.repeated(clone, every=0.2, most=100):
        yield


@contextmanager
def _unannounced(bench: Bench) -> Iterator[None]:
    # Without its database the api lets nobody in, so these pushes go where the api would send them.
    address = bench.service("git-http")
    if address.token is None:
        raise NeedMissingError("git-http", "The git service's token is not known")
    work = bench.git.work(OWNER, f"{OWNER}/{_SMALL}")
    first = int(ISOLATED["GIT_CONFIG_COUNT"])
    header = f"Authorization: Bearer {address.token.get_secret_value()}"
    env = {
        "GIT_CONFIG_COUNT": str(first + 1),
        f"GIT_CONFIG_KEY_{first}": "http.extraHeader",
        f"GIT_CONFIG_VALUE_{first}": header,
    }
    author = ["-c", "user.name=Moira", "-c", "user.email=moira@forge.example"]

    def push(number: int) -> None:
        target = f"{address.url}/{OWNER}/{_SMALL}.git"
        git(["-C", work, *author, "commit", "-qm", f"kept {number}", "--allow-empty"], timeout=30)
        try:
            git(["-C", work, "push", "-q", target, "HEAD:refs/heads/kept"], timeout=60 * bench.slow, env=env)
        except GitError as error:
            raise StimulusError("A push was not accepted without the database", got=error.got) from None

    with bench.repeated(push, every=0.5, most=5):
        yield


STIMULI: dict[str, Stimulus] = {
    "broken-clone": Stimulus(_broken, damaged, prepare=_small, needs=_NEEDS),
    "git-clone": Stimulus(_clones, prepare=_medium, needs=_NEEDS),
    "git-push": Stimulus(_pushes, prepare=_small, needs=_NEEDS),
    "held-clones": Stimulus(held_clones, prepare=_large, needs=_NEEDS),
    "refused-git": Stimulus(_refused, prepare=_small, needs=_NEEDS),
    "unannounced-push": Stimulus(
        _unannounced, killed(_PRIMARY), prepare=_small, needs=("git-http", _PRIMARY), within=40.0
    ),
}
