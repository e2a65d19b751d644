"""The object store: where the parts of logs are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from stack.errors import EngineRoomError
from stack.services.common.telemetry import client_span
from stack.services.runner.settings import RunnerSettings

if TYPE_CHECKING:  # the stubs are only there for development
    from mypy_boto3_s3 import S3Client

__all__ = ["Storage", "StorageError"]

_SECONDS = 5.0
_EXISTS = frozenset({"BucketAlreadyOwnedByYou", "BucketAlreadyExists"})
_NOT_FOUND = frozenset({"NoSuchBucket", "404", "NotFound"})


class StorageError(EngineRoomError):
    """The object store did not take or answer something."""


class Storage:
    """One bucket; safe for threads."""

    def __init__(self, settings: RunnerSettings) -> None:
        """Connect to nothing yet."""
        self._bucket = settings.s3_bucket
        self._endpoint = settings.s3_endpoint
        parts = urlsplit(settings.s3_endpoint)
        self._where: dict[str, str | int] = {"server.address": parts.hostname or "", "peer.service": "s3"}
        if parts.port:
            self._where["server.port"] = parts.port
        self._client: S3Client = boto3.session.Session().client(
            "s3",
            endpoint_url=settings.s3_endpoint,
            aws_access_key_id=settings.s3_access_key.get_secret_value(),
            aws_secret_access_key=settings.s3_secret_key.get_secret_value(),
            region_name=settings.s3_region,
            config=Config(
                signature_version="s3v4",
                connect_timeout=_SECONDS,
                read_timeout=_SECONDS,
                retries={"total_max_attempts": 2},
                s3={"addressing_style": "path"},
            ),
        )

    def put(self, key: str, data: bytes) -> None:
        """Keep an object; the bucket is made when it isn't there.

        Raises:
            StorageError: it isn't kept, or nobody knows.
        """
        try:
            with client_span("PUT", {"http.request.method": "PUT", **self._where}):
                try:
                    self._put(key, data)
                except ClientError as error:
                    if _code(error) not in _NOT_FOUND:
                        raise
                    self._make_bucket()
                    self._put(key, data)
        except (BotoCoreError, ClientError) as error:
            raise StorageError(
                "An object could not be kept", on=f"{self._endpoint} {key}", got=_reason(error)
            ) from error

    def check(self) -> str:
        """What is wrong with the store; `""` when nothing is."""
        try:
            self._client.head_bucket(Bucket=self._bucket)
        except ClientError as error:
            return "" if _code(error) in _NOT_FOUND else _reason(error)
        except BotoCoreError as error:
            return _reason(error)
        return ""

    def _put(self, key: str, data: bytes) -> None:
        self._client.put_object(Bucket=self._bucket, Key=key, Body=data, ContentType="text/plain; charset=utf-8")

    def _make_bucket(self) -> None:
        try:
            self._client.create_bucket(Bucket=self._bucket)
        except ClientError as error:
            if _code(error) not in _EXISTS:
                raise


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _reason(error: BotoCoreError | ClientError) -> str:
    return _code(error) if isinstance(error, ClientError) else type(error).__name__
