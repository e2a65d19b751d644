"""Runs Barman's cloud tools with sealed objects; runs beside the server, in Barman's environment, as the server's user.

    agent.py CONFIG archive PATH          archive_command
    agent.py CONFIG fetch NAME PATH       restore_command: 1 means there is none, anything above 125 ends the recovery
    agent.py CONFIG verify                reads keys from its input and those objects whole, writes a line for each
    agent.py CONFIG barman-cloud-... ...  one of Barman's programs; endpoint, bucket and server are put in

Barman 3.19 has no client-side encryption for S3 and no hook in its cloud tools. So its class for S3 is extended: what
it uploads is sealed, after its compression, and what it downloads is opened. All else is Barman's own.
"""

from __future__ import annotations

import ctypes
import gzip
import importlib
import io
import json
import multiprocessing
import os
import re
import signal
import sys
import tarfile
import tempfile
import zlib
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import lz4.frame
from barman import cloud_providers
from barman.clients import cloud_walarchive
from barman.clients.cloud_compression import decompress_to_file
from barman.cloud import CloudTarUploader, CloudWalDownloader, DecompressingStreamingIO
from barman.cloud_providers import aws_s3
from botocore.config import Config
from botocore.exceptions import ClientError

try:
    from sealing import SealError, SealKey, Unsealing
    from walfile import SEGMENT_SIZE, Segment, read_header
except ModuleNotFoundError:  # in a checkout they are where they belong
    from stack.recovery.postgresql.walfile import SEGMENT_SIZE, Segment, read_header
    from stack.recovery.sealing import SealError, SealKey, Unsealing

__all__ = ["SealedS3", "main"]

_ABSENT, _BROKEN = 1, 200  # PostgreSQL ends a recovery for any code above 125, and goes on without the file for others
_PLAIN_ARCHIVE = ("archive", "fetch", "verify")
_HEAD = 64
_BLOCK = 1 << 20
_CHUNK = re.compile(r".*/([0-9a-f]{8})-([0-9a-f]{8})")
_PDEATHSIG = 1
_TAKEN = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})


class _Settings:
    """What `agent.json` says."""

    def __init__(self, path: Path) -> None:
        told: dict[str, str] = json.loads(path.read_text("utf-8"))
        self.endpoint = told["endpoint"]
        self.region = told["region"]
        self.bucket = told["bucket"]
        self.folder = f"{told['prefix']}/postgresql"
        self.server = told["server"]
        self.system = int(told["system"])
        self.compression = told["compression"]
        self.credentials = told["credentials"]
        self.key = SealKey.read(Path(told["key"]))
        self.staging = told["staging"]

    def name(self, key: str) -> str:
        """What an object is bound to: its key below the server's folder, so that a copied archive can be read."""
        return key.removeprefix(f"{self.folder}/{self.server}/")

    @property
    def common(self) -> list[str]:
        """What every one of Barman's programs is told."""
        return ["--endpoint-url", self.endpoint, "--addressing-style", "path"]

    @property
    def place(self) -> list[str]:
        """Where: the first two positional arguments."""
        return [f"s3://{self.bucket}/{self.folder}", self.server]


class SealedS3(aws_s3.S3CloudInterface):  # type: ignore[misc] # Barman has no types
    """Barman's S3, sealed."""

    settings: _Settings

    def _reinit_session(self) -> None:
        # Barman's own waits a minute for each of five attempts, and an archiver that waits says nothing.
        config = Config(
            connect_timeout=5,
            read_timeout=30,
            retries={"total_max_attempts": 3, "mode": "standard"},
            s3={"addressing_style": "path"},
        )
        self.s3 = boto3.Session().resource(
            "s3", endpoint_url=self.endpoint_url, region_name=self.settings.region, config=config
        )

    def setup_bucket(self) -> None:
        """Never make a bucket: one that has gone must be noticed."""

    def upload_fileobj(self, fileobj: Any, key: str, override_tags: Any = None, fail_if_exists: bool = False) -> None:  # noqa: ARG002 - Barman's signature
        """Seal and write; a WAL file only where none is, or the same."""
        data = fileobj.read()
        if isinstance(data, str):
            data = data.encode()
        sealed = self.settings.key.seal(data, self.settings.name(key))
        client = self.s3.meta.client
        condition: dict[str, Any] = {"IfNoneMatch": "*"} if f"/{self.settings.server}/wals/" in key else {}
        try:
            client.put_object(Bucket=self.bucket_name, Key=key, Body=sealed, **condition)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _TAKEN:
                raise
            self._must_be_same(key, data)
            return
        # The answer alone is not trusted.
        size = client.head_object(Bucket=self.bucket_name, Key=key)["ContentLength"]
        if size != len(sealed):
            raise RuntimeError(f"{key}: {len(sealed)} bytes were written, the store has {size}")

    def _must_be_same(self, key: str, data: bytes) -> None:
        with self._stream(key) as stream:
            there = stream.read()
        if _plain(key, there) != _plain(key, data):
            raise RuntimeError(f"WAL_CONFLICT: {key} is archived already, with other content")

    def _upload_part(self, upload_metadata: Any, key: str, body: Any, part_number: int) -> Any:
        sealed = self.settings.key.seal(body.read(), self.settings.name(key), part=part_number)
        return super()._upload_part(upload_metadata, key, sealed, part_number)

    def download_file(self, key: str, dest_path: str, decompress: str | None) -> None:
        """Open, decompress, write."""
        with self._stream(key) as stream, Path(dest_path).open("wb") as file:
            if decompress is None:
                while block := stream.read(_BLOCK):
                    file.write(block)
            else:
                decompress_to_file(stream, file, decompress)

    def remote_open(self, key: str, decompressor: Any = None) -> Any:
        """Open an object as a stream; None when there is none."""
        try:
            stream = self._stream(key)
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise
        return DecompressingStreamingIO(stream, decompressor) if decompressor else stream

    def _stream(self, key: str) -> Unsealing:
        body = self.s3.Object(self.bucket_name, key).get()["Body"]
        return Unsealing(self.settings.key, body, self.settings.name(key))


def _plain(key: str, data: bytes) -> bytes:
    # Compressed twice, the same segment may differ: gzip writes the time.
    if key.endswith(".lz4"):
        return bytes(lz4.frame.decompress(data))
    return gzip.decompress(data) if key.endswith(".gz") else data


def _interface(settings: _Settings) -> SealedS3:
    return SealedS3(settings.place[0], endpoint_url=settings.endpoint)


def _make(config: Any, told: dict[str, Any]) -> SealedS3:
    return SealedS3(endpoint_url=config.endpoint_url, addressing_style="path", **told)


def _archive(settings: _Settings, path: str) -> int:
    with Path(path).open("rb") as file:
        head = file.read(_HEAD)
    name = Path(path).name.removesuffix(".partial")
    if Segment.parse(name) is not None:
        header = read_header(head)
        if header is None or header.system != settings.system:
            found = "no WAL" if header is None else f"of system {header.system}"
            _say(f"WAL_FOREIGN: {name} is {found}, this archive is of system {settings.system}")
            return _ABSENT
    compression = "--lz4" if settings.compression == "lz4" else "--gzip"
    cloud_walarchive.main(["-q", *settings.common, compression, *settings.place, path])
    return 0


def _fetch(settings: _Settings, name: str, destination: str) -> int:
    try:
        return _fetch_wal(settings, name, destination)
    except SealError as error:
        _say(f"WAL_DAMAGED: {error}")
    except Exception as error:  # noqa: BLE001 - whatever it is, the recovery must not go on as if there were no more WAL
        _say(f"{name} could not be fetched: {error}")
    return _BROKEN


def _fetch_wal(settings: _Settings, name: str, destination: str) -> int:
    segment = Segment.parse(name)
    with closing(_interface(settings)) as cloud:
        downloader = CloudWalDownloader(cloud_interface=cloud, server_name=settings.server)
        found = downloader._get_wals_to_download(name, True, 0)  # noqa: SLF001 - all else downloads at once
        if found:
            downloader._download_single_wal(found[0], destination)  # noqa: SLF001
        elif segment is None or not _assemble(settings, cloud, name, Path(destination)):
            return _ABSENT
    if segment is not None:
        with Path(destination).open("rb") as file:
            header = read_header(file.read(_HEAD))
        if header is None or header.system != settings.system:
            Path(destination).unlink()
            _say(f"WAL_FOREIGN: {name} is not of system {settings.system}")
            return _BROKEN
    return 0


def _assemble(settings: _Settings, cloud: SealedS3, name: str, destination: Path) -> bool:
    """Put the unfinished segment together from what the receiver shipped; the rest stays zero, as PostgreSQL has it."""
    below = f"{settings.folder}/{settings.server}/partial/{name}/"
    end = 0
    with destination.open("wb") as file:
        for key in sorted(cloud.list_bucket(below)):
            match = _CHUNK.fullmatch(key)
            if match is None:
                continue
            first, after = int(match[1], 16), int(match[2], 16)
            if first > end:
                break  # what comes after a hole is of no use
            if after <= end:
                continue
            with cloud._stream(key) as stream:  # noqa: SLF001
                data = zlib.decompress(stream.read())
            if len(data) != after - first:
                raise SealError("damaged", key)
            file.seek(first)
            file.write(data)
            end = after
        file.truncate(SEGMENT_SIZE)
    if end == 0:
        destination.unlink()
        return False
    return True


def _verify(settings: _Settings) -> int:
    cloud = _interface(settings)
    for line in sys.stdin:
        key = f"{settings.folder}/{settings.server}/{line.strip()}"
        told: dict[str, object] = {"key": line.strip()}
        try:
            told |= _read_whole(cloud, key)
        except SealError as error:
            told |= {"error": error.reason, "detail": str(error)}
        except ClientError as error:
            told |= {"error": "absent", "detail": str(error)}
        except (OSError, EOFError, RuntimeError, tarfile.TarError, zlib.error) as error:
            told |= {"error": "damaged", "detail": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
    return 0


def _read_whole(cloud: SealedS3, key: str) -> dict[str, object]:
    with cloud._stream(key) as stream:  # noqa: SLF001 - our own class
        opened = _decompressed(key, stream)
        if ".tar" in key:
            with tarfile.open(fileobj=opened, mode="r|") as archive:
                return {"bytes": sum(_drained(archive, member) for member in archive)}
        if _CHUNK.fullmatch(key):
            return {"bytes": len(zlib.decompress(stream.read()))}
        head, size = b"", 0
        while block := opened.read(_BLOCK):
            head = head or block[:_HEAD]
            size += len(block)
    header = read_header(head)
    wal = {"system": header.system, "timeline": header.timeline, "address": header.address} if header else {}
    return {"bytes": size, **wal}


def _drained(archive: tarfile.TarFile, member: tarfile.TarInfo) -> int:
    file = archive.extractfile(member) if member.isfile() else None
    size = 0
    while file is not None and (block := file.read(_BLOCK)):
        size += len(block)
    if size != (member.size if file is not None else 0):
        raise EOFError(f"{member.name} is cut short")
    return size


def _decompressed(key: str, stream: Unsealing) -> Any:
    if key.endswith(".lz4"):
        return lz4.frame.LZ4FrameFile(stream, mode="rb")
    return gzip.GzipFile(fileobj=io.BufferedReader(stream)) if key.endswith(".gz") else stream


def _barman(settings: _Settings, program: str, arguments: list[str]) -> int:
    # Parts are not sealed yet: they wait where only the server's user looks, and the next backup clears them away. With
    # TMPDIR instead, the sockets of Python's own workers would have too long a path.
    CloudTarUploader._buffer = lambda _: tempfile.NamedTemporaryFile(  # noqa: SIM115, SLF001
        delete=False, prefix="part-", dir=settings.staging
    )
    module = "barman.clients." + program.removeprefix("barman-").replace("-", "_")
    # Options first, then URL and server, then what is this program's own, behind two dashes.
    split = arguments.index("--") if "--" in arguments else len(arguments)
    words = [*arguments[:split], *settings.common, *settings.place, *arguments[split + 1 :]]
    sys.argv = [program, *words]
    importlib.import_module(module).main(words)
    return 0


def _say(text: str) -> None:
    sys.stderr.write(f"engineroom: {text}\n")


def _die_with_parent() -> None:
    # Barman's workers outlive it when it is killed.
    ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGKILL)


def main(arguments: list[str]) -> int:
    """Do one thing; its exit code."""
    settings = _Settings(Path(arguments[0]))
    verb, rest = arguments[1], arguments[2:]
    os.environ |= {
        "AWS_SHARED_CREDENTIALS_FILE": settings.credentials,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_DEFAULT_REGION": settings.region,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    SealedS3.settings = settings
    # Where Barman makes its interface; replacing the class itself would have its own `super()` call ours.
    cloud_providers._make_s3_cloud_interface = _make  # noqa: SLF001
    if verb == "archive":
        return _archive(settings, *rest)
    if verb == "fetch":
        return _fetch(settings, *rest)
    if verb == "verify":
        return _verify(settings)
    multiprocessing.set_start_method("fork")
    os.register_at_fork(after_in_child=_die_with_parent)
    return _barman(settings, verb, rest)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
