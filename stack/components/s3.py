"""An S3 client for an address, and the condition that a store keeps what it is given."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from stack.addresses import ObjectStoreAddress
from stack.components.waits import Seen

if TYPE_CHECKING:  # the stubs are only there for development
    from mypy_boto3_s3 import S3Client

__all__ = ["KeepsObjects", "ListsBuckets", "code_of", "ensure_bucket", "s3_client"]

_READY_BUCKET = "engineroom-ready"


@lru_cache(maxsize=8)
def s3_client(address: ObjectStoreAddress, *, timeout: float = 5.0) -> S3Client:
    """A client with bounded retries; `timeout` in seconds for connecting and for each read."""
    return boto3.session.Session().client(
        "s3",
        endpoint_url=address.endpoint,
        aws_access_key_id=address.access_key,
        aws_secret_access_key=address.secret_key.get_secret_value(),
        region_name=address.region,
        config=Config(
            signature_version="s3v4",
            connect_timeout=timeout,
            read_timeout=timeout,
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path"},
            # The address is the stack's own: no proxy is between.
            proxies={},
        ),
    )


def code_of(error: ClientError) -> str:
    """The S3 error code (`AccessDenied`)."""
    return str(error.response.get("Error", {}).get("Code", ""))


def ensure_bucket(address: ObjectStoreAddress, name: str) -> None:
    """Make a bucket unless it is there; several services may do so at once.

    Raises:
        BotoCoreError: the store does not answer.
        ClientError: it refuses.
    """
    try:
        s3_client(address).create_bucket(Bucket=name)
    except ClientError as error:
        if code_of(error) not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
            raise


@dataclass(frozen=True)
class ListsBuckets:
    """True when the store answers an authenticated listing."""

    address: ObjectStoreAddress

    def __call__(self) -> Seen:
        """List the buckets."""
        try:
            s3_client(self.address, timeout=2.0).list_buckets()
        except (BotoCoreError, ClientError) as error:
            return Seen(ok=False, what=f"{self.address.endpoint}: {error}")
        return Seen(ok=True, what=f"{self.address.endpoint} lists its buckets")


@dataclass(frozen=True)
class KeepsObjects:
    """True when an object that was put can be read back; the bucket used for it is removed again."""

    address: ObjectStoreAddress

    def __call__(self) -> Seen:
        """Put, get, delete."""
        client = s3_client(self.address, timeout=5.0)
        try:
            client.create_bucket(Bucket=_READY_BUCKET)
            client.put_object(Bucket=_READY_BUCKET, Key="ready", Body=b"ready")
            body = client.get_object(Bucket=_READY_BUCKET, Key="ready")["Body"].read()
            client.delete_object(Bucket=_READY_BUCKET, Key="ready")
            client.delete_bucket(Bucket=_READY_BUCKET)
        except (BotoCoreError, ClientError) as error:
            return Seen(ok=False, what=f"{self.address.endpoint}: {error}")
        return Seen(ok=body == b"ready", what=f"{self.address.endpoint} gave back {body[:20]!r}")
