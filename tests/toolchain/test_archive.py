"""Release archives: resumed, only from hosts that the file names, unlocked when nobody knows the checksum."""

from __future__ import annotations

import io
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from stack.toolchain import LockMismatchError, ToolchainError
from stack.toolchain.locks import sha256
from stack.toolchain.manifest import ArchiveFile, ArchiveSource
from stack.toolchain.sources import archive
from stack.toolchain.sources.job import Job

from .kit import job, toolchain, wheel_tool

BODY = bytes(range(256)) * 64
ADDRESS = "https://releases.example.test/hello-linux"
TEXT = wheel_tool(
    source='{ kind = "archive", format = "program", program = "hello",'
    ' files = [{ machine = "test", address = "https://releases.example.test/hello" }] }'
)


class Server(BaseHTTPRequestHandler):
    """Serves one body, with ranges; and redirects, and a body that ends early."""

    asked: list[str | None]

    def do_GET(self) -> None:
        """Answer by path."""
        wanted = self.headers.get("Range")
        self.asked.append(wanted)
        if self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", "http://localhost:1/other")
            self.end_headers()
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.path != "/plain" else 0
        if start >= len(BODY):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(BODY) - start))
        self.end_headers()
        self.wfile.write(BODY[start : 5000 if self.path == "/short" else None])

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[tuple[str, list[str | None]]]:
    """Its address, and the ranges it was asked for."""
    asked: list[str | None] = []
    handler = type("Handler", (Server,), {"asked": asked})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}", asked
        running.shutdown()


@pytest.fixture
def made(tmp_path: Path) -> Job:
    """A job for the machine type `test`."""
    made, _ = job(tmp_path, TEXT)
    return Job(**{**{name: getattr(made, name) for name in made.__dataclass_fields__}, "machine": "test"})


def source(form: str = "program", checksum: str | None = None, machine: str = "test") -> ArchiveSource:
    """A source with one file."""
    file = ArchiveFile(machine=machine, address=ADDRESS, sha256=checksum)
    return ArchiveSource.model_validate({"kind": "archive", "format": form, "program": "hello", "files": [file]})


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> bytearray:
    """What the address gives, whatever it is."""
    body = bytearray(b"#!/bin/sh\necho hello\n")

    def fetch(_address: str, path: Path, **_: object) -> None:
        path.write_bytes(body)

    monkeypatch.setattr(archive, "fetch", fetch)
    return body


@pytest.mark.parametrize("have", [0, 1000, len(BODY)])
def test_a_download_goes_on_where_it_ended(
    tmp_path: Path, made: Job, server: tuple[str, list[str | None]], have: int
) -> None:
    """Only what is missing is asked for, and the file is whole; a part that is whole already is no obstacle."""
    address, asked = server
    part = tmp_path / "got.part"
    if have:
        part.write_bytes(BODY[:have])
    archive.fetch(f"{address}/file", tmp_path / "got", allowed=(), job=made)
    assert (tmp_path / "got").read_bytes() == BODY
    assert asked[0] == (f"bytes={have}-" if have else None)
    assert not part.exists()


def test_a_server_without_ranges_is_read_from_the_start(
    tmp_path: Path, made: Job, server: tuple[str, list[str | None]]
) -> None:
    """The part is not put before the whole."""
    (tmp_path / "got.part").write_bytes(b"something")
    archive.fetch(f"{server[0]}/plain", tmp_path / "got", allowed=(), job=made)
    assert (tmp_path / "got").read_bytes() == BODY


def test_a_download_that_ends_early_is_kept_as_a_part(
    tmp_path: Path, made: Job, server: tuple[str, list[str | None]]
) -> None:
    """The next run goes on; the file itself is not there."""
    with pytest.raises(ToolchainError, match=f"5000 of {len(BODY)} bytes"):
        archive.fetch(f"{server[0]}/short", tmp_path / "got", allowed=(), job=made)
    assert (tmp_path / "got.part").stat().st_size == 5000
    assert not (tmp_path / "got").exists()


def test_a_redirect_to_a_host_that_the_file_does_not_name_is_refused(
    tmp_path: Path, made: Job, server: tuple[str, list[str | None]]
) -> None:
    """Nothing is fetched from there."""
    with pytest.raises(ToolchainError, match="localhost"):
        archive.fetch(f"{server[0]}/elsewhere", tmp_path / "got", allowed=(), job=made)


def test_an_address_that_does_not_answer_is_told(tmp_path: Path) -> None:
    """The address, the system's word and the way out are in the error; nothing crashes."""
    text = wheel_tool(
        source='{ kind = "archive", format = "program", program = "hello", files = ['
        '{ machine = "x86_64", address = "https://127.0.0.1:1/x" },'
        '{ machine = "aarch64", address = "https://127.0.0.1:1/x" }] }',
        optional="true",
        given='{ setting = "meilisearch_bin", variable = "MEILISEARCH_BIN", program = "m" }',
    ).replace('lock = "hello.sha256"\n', "")
    report = toolchain(tmp_path, text).setup(["hello"])
    assert report.exit_code == 0
    assert len(report.failed) == 1
    for words in ("https://127.0.0.1:1/x", "MEILISEARCH_BIN", "it costs: greetings"):
        assert words in str(report.failed[0])


@pytest.mark.usefixtures("served")
def test_without_a_known_checksum_it_is_unlocked(made: Job) -> None:
    """The hash of what came is recorded, and nothing pretends that it was expected."""
    laid = archive.install(made, source())
    assert laid.checksum is None
    (digest,) = laid.artefacts.values()
    assert digest == sha256(made.root / "bin/hello")
    assert (made.root / "bin/hello").stat().st_mode & 0o777 == 0o755


def test_unlocked_is_shown(tmp_path: Path) -> None:
    """The table says which tool nothing vouches for."""
    rows = {row.name: row.locked for row in toolchain(tmp_path, TEXT).describe()}
    assert rows == {"hello": False}


@pytest.mark.usefixtures("served")
def test_another_file_than_the_locked_one_is_refused(made: Job) -> None:
    """It is not kept."""
    with pytest.raises(LockMismatchError) as caught:
        archive.install(made, source(checksum="0" * 64))
    assert caught.value.expected == "0" * 64
    assert list(made.downloads.iterdir()) == []


def test_a_kept_file_is_used_only_when_its_checksum_is_known(made: Job, served: bytearray) -> None:
    """An unlocked file among the downloads could be anything."""
    archive.install(made, source())
    (kept,) = made.downloads.iterdir()
    checksum = sha256(kept)
    served[:] = b"another"
    (made.root / "bin/hello").unlink()
    (made.root / "bin").rmdir()
    assert archive.install(made, source(checksum=checksum)).checksum == checksum


@pytest.mark.usefixtures("served")
def test_a_machine_without_a_release_is_named(made: Job) -> None:
    """This machine's type, and those there is a release for."""
    with pytest.raises(ToolchainError, match=r"on: test\n  got: there is one for riscv64"):
        archive.install(made, source(machine="riscv64"))


def test_a_tar_file_is_unpacked(made: Job, served: bytearray) -> None:
    """Its members are in the root."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("hello/notes.txt"), io.BytesIO(b""))
    served[:] = data.getvalue()
    archive.install(made, source("tar"))
    assert (made.root / "hello/notes.txt").exists()
