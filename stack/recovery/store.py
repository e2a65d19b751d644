"""A folder in an S3 bucket: read, written on condition, listed; tried again a few times, never made by itself."""

from __future__ import annotations

import configparser
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import SecretStr

from stack.addresses import ObjectStoreAddress
from stack.errors import UsageError
from stack.recovery.errors import RefusedError, StoreError

if TYPE_CHECKING:  # the stubs are only there for development
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

__all__ = ["Bucket", "Stored", "credentials_from", "named"]

_ATTEMPTS = 3
_CONNECT_SECONDS, _READ_SECONDS = 3, 30
_ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})
_TAKEN = frozenset({"412", "PreconditionFailed", "409", "ConditionalRequestConflict"})
_DENIED = frozenset({"403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "Forbidden"})
_NO_BUCKET = frozenset({"NoSuchBucket", "404", "NotFound"})
_BATCH = 500


def named(bucket: str, prefix: str) -> str:
    """What a folder in a bucket is called, wherever its store is just now."""
    return f"s3://{bucket}/{prefix}"


@dataclass(frozen=True)
class Stored:
    """One object: its key below the folder, its size in bytes, when the store wrote it, what it calls its content."""

    key: str
    size: int
    modified: datetime
    etag: str = ""


class Bucket:
    """The folder of one archive in a bucket. Keys are relative to it; an empty prefix is the whole bucket."""

    def __init__(self, address: ObjectStoreAddress, bucket: str, prefix: str) -> None:
        """Connect lazily: nothing is asked of the store yet."""
        self.address = address
        self.bucket = bucket
        self.prefix = prefix
        self._client: S3Client | None = None

    def __str__(self) -> str:
        """Endpoint, bucket and folder, for a person."""
        return f"{self.address.endpoint} {self.name}"

    @property
    def name(self) -> str:
        """Bucket and folder, wherever the store is just now."""
        return named(self.bucket, self.prefix)

    @property
    def client(self) -> S3Client:
        """The client behind it."""
        if self._client is None:
            self._client = boto3.session.Session().client(
                "s3",
                endpoint_url=self.address.endpoint,
                aws_access_key_id=self.address.access_key,
                aws_secret_access_key=self.address.secret_key.get_secret_value(),
                region_name=self.address.region,
                config=Config(
                    connect_timeout=_CONNECT_SECONDS,
                    read_timeout=_READ_SECONDS,
                    retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
                    s3={"addressing_style": "path"},
                ),
            )
        return self._client

    def require(self) -> None:
        """See that the bucket is there and ours to use.

        Raises:
            RefusedError: it does not answer, is not there, or does not let us in.
        """
        try:
            self.client.head_bucket(Bucket=self.bucket)
        except ClientError as error:
            code = _code(error)
            if code in _NO_BUCKET:
                raise RefusedError(
                    "STORE_EMPTY", "There is no such bucket", on=str(self), got=code, fix="make it, or name another"
                ) from error
            if code in _DENIED:
                raise RefusedError(
                    "STORE_FOREIGN",
                    "The bucket does not let these credentials in",
                    on=str(self),
                    got=code,
                    fix="it may be somebody else's: name another bucket, or give its credentials",
                ) from error
            raise _unreachable(self, error) from error
        except BotoCoreError as error:
            raise _unreachable(self, error) from error

    def create(self) -> None:
        """Make the bucket, if nobody has it yet.

        Raises:
            StoreError: the store refused, or did not answer.
        """
        try:
            self.require()
        except RefusedError as error:
            if error.rule != "STORE_EMPTY":
                raise
            with _asking(self, ""):
                self.client.create_bucket(Bucket=self.bucket)

    def put(self, key: str, data: bytes) -> None:
        """Write an object, over whatever is there.

        Raises:
            StoreError: the store refused, or did not answer.
        """
        with _asking(self, key):
            self.client.put_object(Bucket=self.bucket, Key=self._key(key), Body=data)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Write an object where none is; False when there is one.

        Raises:
            StoreError: the store refused, or did not answer.
        """
        try:
            with _asking(self, key):
                self.client.put_object(Bucket=self.bucket, Key=self._key(key), Body=data, IfNoneMatch="*")
        except StoreError as error:
            if error.got in _TAKEN:
                return False
            raise
        return True

    def put_parts(self, key: str, parts: Iterable[bytes]) -> None:
        """Write an object in parts, one after another; each but the last has at least 5 MiB.

        Raises:
            StoreError: the store refused, or did not answer; nothing is left of it then.
        """
        bucket, name = self.bucket, self._key(key)
        with _asking(self, key):
            upload = self.client.create_multipart_upload(Bucket=bucket, Key=name)["UploadId"]
            try:
                told: list[CompletedPartTypeDef] = []
                for number, part in enumerate(parts, 1):
                    answer = self.client.upload_part(
                        Bucket=bucket, Key=name, UploadId=upload, PartNumber=number, Body=part
                    )
                    told.append({"PartNumber": number, "ETag": answer["ETag"]})
                self.client.complete_multipart_upload(
                    Bucket=bucket, Key=name, UploadId=upload, MultipartUpload={"Parts": told}
                )
            except BaseException:
                self.client.abort_multipart_upload(Bucket=bucket, Key=name, UploadId=upload)
                raise

    def put_file(self, key: str, path: Path) -> None:
        """Write an object from a file of any size, in parts where it is large; the whole object appears at once.

        Raises:
            StoreError: the store refused, or did not answer.
        """
        with _asking(self, key), path.open("rb") as file:
            self.client.upload_fileobj(file, self.bucket, self._key(key))

    def get(self, key: str) -> bytes | None:
        """The content of an object; None when there is none.

        Raises:
            StoreError: the store refused, or did not answer.
        """
        try:
            with _asking(self, key):
                return self.client.get_object(Bucket=self.bucket, Key=self._key(key))["Body"].read()
        except StoreError as error:
            if error.got in _ABSENT:
                return None
            raise

    def open(self, key: str) -> BinaryIO:
        """An object as a stream.

        Raises:
            StoreError: it is not there, or the store did not answer.
        """
        with _asking(self, key):
            return cast("BinaryIO", self.client.get_object(Bucket=self.bucket, Key=self._key(key))["Body"])

    def head(self, key: str) -> Stored | None:
        """What is known of an object; None when there is none.

        Raises:
            StoreError: the store refused, or did not answer.
        """
        try:
            with _asking(self, key):
                answer = self.client.head_object(Bucket=self.bucket, Key=self._key(key))
        except StoreError as error:
            if error.got in _ABSENT:
                return None
            raise
        return Stored(key, answer["ContentLength"], answer["LastModified"])

    def list(self, below: str = "") -> Iterator[Stored]:
        """Every object whose key begins so, in the order of keys.

        Raises:
            StoreError: the store refused, or did not answer.
        """
        skipped = len(self._key(""))
        with _asking(self, below):
            pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self._key(below))
            for page in pages:
                for item in page.get("Contents", ()):
                    yield Stored(item["Key"][skipped:], item["Size"], item["LastModified"], item.get("ETag", ""))

    def delete(self, keys: Iterable[str]) -> int:
        """Delete objects; how many were asked for.

        Raises:
            StoreError: the store refused one of them, or did not answer.
        """
        wanted = list(keys)
        for start in range(0, len(wanted), _BATCH):
            batch = wanted[start : start + _BATCH]
            with _asking(self, batch[0]):
                answer = self.client.delete_objects(
                    Bucket=self.bucket,
                    Delete={"Objects": [{"Key": self._key(key)} for key in batch], "Quiet": True},
                )
            for refused in answer.get("Errors", ()):
                raise StoreError(
                    "STORE_UNREACHABLE",
                    "The store did not delete an object",
                    on=f"{self}/{refused.get('Key', '')}",
                    got=str(refused.get("Code", "")),
                )
        return len(wanted)

    def _key(self, key: str) -> str:
        return f"{self.prefix}/{key}" if self.prefix else key


class _asking:  # noqa: N801 - used as a verb
    """Turns what boto3 raises into our error; `got` is the store's own code."""

    def __init__(self, bucket: Bucket, key: str) -> None:
        self._where = f"{bucket}/{key}"

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ClientError):
            code = _code(error)
            rule = "STORE_FOREIGN" if code in _DENIED else "STORE_UNREACHABLE"
            raise StoreError(rule, "The store refused", on=self._where, got=code) from error
        if isinstance(error, BotoCoreError):
            raise StoreError(
                "STORE_UNREACHABLE", "The store does not answer", on=self._where, got=str(error)
            ) from error


def _unreachable(bucket: Bucket, error: Exception) -> RefusedError:
    return RefusedError(
        "STORE_UNREACHABLE", "The store does not answer", on=str(bucket), got=str(error), fix="see whether it is up"
    )


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def credentials_from(path: Path, endpoint: str, region: str) -> ObjectStoreAddress:
    """The address that an AWS credentials file and an endpoint make, by the file's `[default]` profile.

    Raises:
        UsageError: the file cannot be read or lacks a key.
    """
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text("utf-8"))
        profile = parser["default"]
        access, secret = profile["aws_access_key_id"], profile["aws_secret_access_key"]
    except (OSError, UnicodeDecodeError, configparser.Error, KeyError) as error:
        raise UsageError(
            "A credentials file cannot be used",
            on=str(path),
            got=str(error),
            fix="it needs [default] with aws_access_key_id and aws_secret_access_key",
        ) from error
    return ObjectStoreAddress(endpoint=endpoint, access_key=access, secret_key=SecretStr(secret), region=region)
