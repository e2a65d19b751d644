"""Release archives by address: only the host that the toolchain file names, and those it says that may lead to."""

from __future__ import annotations

import shutil
import urllib.error
import urllib.request
from collections.abc import Iterable
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from stack.toolchain.errors import LockMismatchError, ToolchainError
from stack.toolchain.locks import sha256
from stack.toolchain.manifest import ArchiveFile, ArchiveSource
from stack.toolchain.sources.job import Job, Laid
from stack.toolchain.sources.unpacking import unpack_tar, unpack_zip

__all__ = ["fetch", "install"]

_ANSWER_LIMIT = 30.0  # seconds without a byte
_BLOCK = 1 << 18
_PARTIAL, _NOTHING_THERE = 206, 416  # RFC 9110, sections 15.3.7 and 15.5.17


def install(job: Job, source: ArchiveSource) -> Laid:
    """Fetch the file for this machine and lay it in the root.

    Raises:
        ToolchainError: there is none for this machine, its host does not answer, or it cannot be unpacked.
        LockMismatchError: it is not the file whose checksum is known.
    """
    file = next((file for file in source.files if file.machine == job.machine), None)
    if file is None:
        raise ToolchainError(
            f"{job.entry.name} has no release for this kind of machine",
            on=job.machine,
            got="there is one for " + ", ".join(known.machine for known in source.files),
        )
    path = job.downloads / f"{job.entry.name}-{job.entry.version}-{file.machine}-{file.address.rsplit('/', 1)[1]}"
    # Without a checksum a kept file could be anything: fetch it again.
    if not (path.is_file() and file.sha256 is not None and sha256(path) == file.sha256):
        job.say(f"downloading {path.name}")
        _download(job, source, file, path)
    digest = sha256(path)
    if file.sha256 is not None and digest != file.sha256:
        path.unlink()
        raise LockMismatchError(path.name, expected=file.sha256, got=digest, lock="the toolchain file")
    job.say("unpacking")
    _lay(path, source, job.root)
    return Laid(job.entry.version, {path.name: digest}, digest if file.sha256 else None)


def _download(job: Job, source: ArchiveSource, file: ArchiveFile, path: Path) -> None:
    try:
        fetch(file.address, path, allowed=source.redirects, job=job)
    except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError) as error:
        raise ToolchainError(
            f"{job.entry.name} {job.entry.version} could not be downloaded",
            on=file.address,
            got=str(error),
            fix=f"fetch it elsewhere and give its path in {job.entry.given.variable}"
            if job.entry.given
            else "try again where that host can be reached",
        ) from error


class _OnlyNamedHosts(urllib.request.HTTPRedirectHandler):
    """Follows a redirect only to hosts that the toolchain file names."""

    def __init__(self, hosts: frozenset[str]) -> None:
        self._hosts = hosts

    def redirect_request(  # noqa: PLR0917 - the signature is the base class's
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        aim = urlsplit(newurl)
        if aim.hostname not in self._hosts or aim.scheme != urlsplit(req.full_url).scheme:
            raise ToolchainError(
                "An address leads to a host that the toolchain file does not name",
                on=req.full_url,
                got=f"{aim.scheme}://{aim.hostname}",
                fix="if that host is right, add it to `redirects` of the tool",
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def fetch(address: str, path: Path, *, allowed: Iterable[str], job: Job) -> None:
    """Download a file, going on where an earlier attempt ended.

    Args:
        address: where it is.
        path: where it goes; `<path>.part` while it is not whole.
        allowed: further hosts that it may lead to.
        job: whose `stop` ends it.

    Raises:
        ToolchainError: it leads elsewhere, was stopped, or ended early.
        urllib.error.URLError: the host cannot be reached or refuses.
    """
    part = path.with_name(path.name + ".part")
    hosts = frozenset({str(urlsplit(address).hostname), *allowed})
    opener = urllib.request.build_opener(_OnlyNamedHosts(hosts))
    have = part.stat().st_size if part.exists() else 0
    try:
        with opener.open(_request(address, have), timeout=_ANSWER_LIMIT) as answer:
            _copy(answer, part, job, have if answer.status == _PARTIAL else 0)
    except urllib.error.HTTPError as error:
        if error.code != _NOTHING_THERE or not have:
            raise
        # The part is whole already, or is of another file: its length alone does not tell, so begin again.
        part.unlink()
        with opener.open(_request(address, 0), timeout=_ANSWER_LIMIT) as answer:
            _copy(answer, part, job, 0)
    part.replace(path)


def _request(address: str, have: int) -> urllib.request.Request:
    headers = {"Range": f"bytes={have}-"} if have else {}
    return urllib.request.Request(address, headers=headers)  # noqa: S310 - the model admits https only


def _copy(answer: HTTPResponse, part: Path, job: Job, have: int) -> None:
    length = answer.headers.get("Content-Length")
    whole = have + int(length) if length else None
    with part.open("ab" if have else "wb") as file:
        while block := answer.read(_BLOCK):
            if job.stop.is_set():
                raise ToolchainError("The download was stopped", on=str(part))
            file.write(block)
        size = file.tell()
    if whole is not None and size != whole:
        got = f"{size} of {whole} bytes"
        raise ToolchainError("The download ended early", on=str(part), got=got, fix="run it again: it goes on there")


def _lay(path: Path, source: ArchiveSource, root: Path) -> None:
    if source.format == "program":
        target = root / "bin" / source.program
        target.parent.mkdir()
        shutil.copyfile(path, target)
        target.chmod(0o755)
    elif source.format == "zip":
        unpack_zip(path, root)
    else:
        unpack_tar(path, root)
