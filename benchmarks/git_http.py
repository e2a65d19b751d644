"""Clone and push of a 100 MB repository: through api and git, and through `git http-backend` behind nginx."""

from __future__ import annotations

import base64
import os
import random
import secrets
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.gate import gate
from stack.errors import NeedMissingError
from stack.forge.gitenv import ISOLATED, git
from stack.process import environment, run
from stack.runtimes.base import Stack
from stack.settings import Settings
from steps.people import People

__all__ = ["GATE", "measure"]

GATE = 1.3
_ROUNDS = 5
_FILES, _SIZE = 2000, 50_000  # 100 MB that neither zlib nor deltas make smaller
_NGINX = """
daemon off; pid {folder}/nginx.pid; error_log stderr warn; worker_processes 2; {user}
events {{ worker_connections 256; }}
http {{
  access_log off; client_body_temp_path {folder}/body; fastcgi_temp_path {folder}/fastcgi;
  proxy_temp_path {folder}/proxy; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    client_max_body_size 0;
    location / {{
      fastcgi_pass unix:{folder}/cgi.sock;
      fastcgi_buffering off; fastcgi_request_buffering {buffering}; fastcgi_read_timeout 600s;
      fastcgi_param SCRIPT_FILENAME {backend}; fastcgi_param GIT_HTTP_EXPORT_ALL 1;
      fastcgi_param GIT_PROJECT_ROOT {root}; fastcgi_param PATH_INFO $uri; fastcgi_param QUERY_STRING $query_string;
      fastcgi_param REQUEST_METHOD $request_method; fastcgi_param CONTENT_TYPE $content_type;
      fastcgi_param CONTENT_LENGTH $content_length; fastcgi_param HTTP_CONTENT_ENCODING $http_content_encoding;
      fastcgi_param GIT_PROTOCOL $http_git_protocol; fastcgi_param REMOTE_USER bench;
      fastcgi_param REMOTE_ADDR $remote_addr;
    }}
  }}
}}
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listening(port: int, deadline: float = 30.0) -> None:
    until = time.monotonic() + deadline
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return


@contextmanager
def _process(words: list[str | Path], **added: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [str(word) for word in words],
        env=environment(added),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(20)


@contextmanager
def _nginx(folder: Path, root: Path, *, buffering: str) -> Iterator[str]:
    """`git http-backend` by fcgiwrap behind nginx; the address of its root."""
    nginx, wrap = shutil.which("nginx") or "/usr/sbin/nginx", shutil.which("fcgiwrap") or "/usr/sbin/fcgiwrap"
    backend = run(["git", "--exec-path"], timeout=10).text.strip() + "/git-http-backend"
    port = _free_port()
    folder.mkdir()
    conf = folder / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    conf.write_text(_NGINX.format(folder=folder, port=port, root=root, backend=backend, buffering=buffering, user=user))
    with ExitStack() as both:
        both.enter_context(_process([wrap, "-c", "4", "-s", f"unix:{folder}/cgi.sock"], **ISOLATED))
        both.enter_context(_process([nginx, "-p", folder, "-c", conf]))
        _listening(port)
        yield f"http://127.0.0.1:{port}"


def _source(folder: Path) -> Path:
    """A bare repository whose pack has 100 MB."""
    repo = folder / "source.git"
    git(["init", "--quiet", "--bare", "--initial-branch=main", repo])
    chance = random.Random(1)  # noqa: S311 - the same bytes in every run
    lines = [b"commit refs/heads/main\ncommitter A <a@example.org> 1700000000 +0000\ndata 1\nx\n"]
    for number in range(_FILES):
        data = chance.randbytes(_SIZE)
        lines.append(b"M 644 inline d%d/f%d\ndata %d\n%s\n" % (number % 50, number, len(data), data))
    git(["fast-import", "--quiet"], git_dir=repo, stdin=b"".join(lines), timeout=300)
    return repo


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def measure(settings: Settings, stack: Stack) -> Iterator[str]:
    """Lines of Markdown: the median seconds of each, their ratio, and whether the gate holds.

    Args:
        settings: of the run.
        stack: with api and git-http in it.

    Raises:
        GateError: the gate is missed.
    """
    people = People(stack, settings.slow)
    name = f"bench{secrets.token_hex(3)}"
    credentials = base64.b64encode(f"{name}:{people.token(name)}".encode()).decode()
    service = stack.addresses.services.git_http
    if service is None or service.token is None:
        raise NeedMissingError("git-http", "This stack has no git service")
    headers = {
        "api": f"http.extraHeader=Authorization: Basic {credentials}",
        "git service": f"http.extraHeader=Authorization: Bearer {service.token.get_secret_value()}",
        "nginx": "http.extraHeader=X-Nothing: 1",
    }
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        source, root = _source(folder), folder / "nginx"
        bases = {
            "api": people.url,
            "git service": service.url,
            "nginx": opened.enter_context(_nginx(folder / "ng", root, buffering="off")),
        }
        times: dict[tuple[str, str], list[float]] = {}
        for turn in range(_ROUNDS):
            # In changing order: what else the machine does meets all alike.
            order = list(bases)[turn % 3 :] + list(bases)[: turn % 3]
            for way in order:
                made = f"r{turn}-{way.replace(' ', '-')}"
                if way == "nginx":
                    bare = root / name / f"{made}.git"
                    git(["init", "--quiet", "--bare", "--initial-branch=main", bare])
                    git(["config", "http.receivepack", "true"], git_dir=bare)
                else:
                    people.must(name, "POST", "/api/v1/repos", json={"name": made})
                url = f"{bases[way]}/{name}/{made}.git"
                push = ["-c", headers[way], "push", "--quiet", url, "main"]
                took = _seconds(lambda words=push: git(words, git_dir=source, timeout=300))  # type: ignore[misc]
                times.setdefault(("push", way), []).append(took)
                copy = folder / "copy.git"
                clone = ["-c", headers[way], "clone", "--quiet", "--bare", url, copy]
                took = _seconds(lambda words=clone: git(words, timeout=300))  # type: ignore[misc]
                times.setdefault(("clone", way), []).append(took)
                shutil.rmtree(copy)
                if way == "nginx":
                    shutil.rmtree(root / name / f"{made}.git")
                else:
                    people.must(name, "DELETE", f"/api/v1/repos/{name}/{made}")
        yield "| 100 MB | through api and git, s | git service alone, s | http-backend behind nginx, s | ratio | gate |"
        yield "|---|---|---|---|---|---|"
        missed = []
        for verb in ("clone", "push"):
            ours, alone, theirs = (statistics.median(times[verb, way]) for way in bases)
            held = "held" if ours <= GATE * theirs else "MISSED"
            missed += [verb] if held == "MISSED" else []
            row = f"| {verb} | {ours:.2f} | {alone:.2f} | {theirs:.2f} | {ours / theirs:.2f} | <= {GATE} {held} |"
            yield row
        gate(not missed, f"more than {GATE} of the time of http-backend behind nginx: {', '.join(missed)}")
