"""What an S3 store really does, found out with an S3 client and nothing else."""

from __future__ import annotations

import datetime as dt
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from stack.addresses import ObjectStoreAddress
from stack.components.s3 import code_of, s3_client

if TYPE_CHECKING:  # the stubs are only there for development
    from mypy_boto3_s3 import S3Client

__all__ = ["Capabilities", "Capability", "probe"]

# The smallest part that S3 accepts anywhere but at the end (AWS, "Amazon S3 multipart upload limits").
_PART = 5 * 1024 * 1024
_RETENTION = 2.0
_LONGEST_RETENTION = 16.0


@dataclass(frozen=True)
class Capability:
    """One thing a store can do or not, and what was seen."""

    name: str
    ok: bool
    seen: str


@dataclass(frozen=True)
class Capabilities:
    """Everything that was asked of a store."""

    checks: tuple[Capability, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of what it cannot do."""
        return tuple(check.name for check in self.checks if not check.ok)


def probe(address: ObjectStoreAddress) -> Capabilities:
    """Ask a store for everything that backups rely on, in a bucket of its own that is removed again.

    Multipart uploads, conditional writes (`If-None-Match: *` refused for a key that exists), versioning (an overwritten
    object can still be read), and object lock (a version locked in COMPLIANCE mode cannot be deleted).
    """
    client = s3_client(address, timeout=10.0)
    bucket = f"engineroom-probe-{secrets.token_hex(4)}"
    checks: list[Capability] = []
    try:
        client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
        locked = Capability("lockable bucket", ok=True, seen="created")
    except (BotoCoreError, ClientError) as error:
        locked = Capability("lockable bucket", ok=False, seen=str(error))
    if not locked.ok:
        return Capabilities((locked,))
    try:
        for name, check in (
            # First, so that its lock has lapsed when the bucket is removed.
            ("object lock", _object_lock),
            ("multipart", _multipart),
            ("conditional writes", _conditional),
            ("versioning", _versioning),
        ):
            checks.append(_checked(name, check, client, bucket))
    finally:
        _remove(client, bucket)
    return Capabilities((locked, *checks))


def _checked(
    name: str, check: Callable[[S3Client, str], tuple[bool, str]], client: S3Client, bucket: str
) -> Capability:
    try:
        ok, seen = check(client, bucket)
    except (BotoCoreError, ClientError) as error:
        return Capability(name, ok=False, seen=str(error))
    return Capability(name, ok=ok, seen=seen)


def _multipart(client: S3Client, bucket: str) -> tuple[bool, str]:
    bodies = (b"a" * _PART, b"end")
    upload = client.create_multipart_upload(Bucket=bucket, Key="multipart")["UploadId"]
    tags = [
        client.upload_part(Bucket=bucket, Key="multipart", UploadId=upload, PartNumber=number, Body=body)["ETag"]
        for number, body in enumerate(bodies, 1)
    ]
    client.complete_multipart_upload(
        Bucket=bucket,
        Key="multipart",
        UploadId=upload,
        MultipartUpload={"Parts": [{"ETag": tag, "PartNumber": number} for number, tag in enumerate(tags, 1)]},
    )
    got = client.get_object(Bucket=bucket, Key="multipart")["Body"].read()
    return got == b"".join(bodies), f"{len(got)} bytes came back of {sum(map(len, bodies))}"


def _conditional(client: S3Client, bucket: str) -> tuple[bool, str]:
    client.put_object(Bucket=bucket, Key="once", Body=b"first", IfNoneMatch="*")
    try:
        client.put_object(Bucket=bucket, Key="once", Body=b"second", IfNoneMatch="*")
    except ClientError as error:
        refusal = code_of(error)
    else:
        return False, "a second write with If-None-Match was accepted"
    kept = client.get_object(Bucket=bucket, Key="once")["Body"].read()
    return kept == b"first", f"the second write was refused ({refusal}), the object reads {kept!r}"


def _versioning(client: S3Client, bucket: str) -> tuple[bool, str]:
    first = client.put_object(Bucket=bucket, Key="versions", Body=b"old").get("VersionId", "")
    client.put_object(Bucket=bucket, Key="versions", Body=b"new")
    if not first:
        return False, "a write to a versioned bucket got no version"
    old = client.get_object(Bucket=bucket, Key="versions", VersionId=first)["Body"].read()
    return old == b"old", f"the overwritten version reads {old!r}"


def _object_lock(client: S3Client, bucket: str) -> tuple[bool, str]:
    retention = _RETENTION
    while True:
        # Whole seconds travel; a fraction would be cut off on the way, and the lock would lapse earlier than asked.
        until = dt.datetime.now(dt.UTC).replace(microsecond=0) + dt.timedelta(seconds=retention)
        version = client.put_object(
            Bucket=bucket,
            Key="locked",
            Body=b"locked",
            ObjectLockMode="COMPLIANCE",
            ObjectLockRetainUntilDate=until,
        ).get("VersionId", "")
        try:
            client.delete_object(Bucket=bucket, Key="locked", VersionId=version)
        except ClientError as error:
            return bool(version), f"deleting a locked version was refused ({code_of(error)})"
        if dt.datetime.now(dt.UTC) < until:
            return False, "a version locked in COMPLIANCE mode was deleted"
        retention *= 2
        if retention > _LONGEST_RETENTION:
            return False, "the store was too slow to tell whether a lock holds"


def _remove(client: S3Client, bucket: str) -> None:
    """Delete every version and the bucket, waiting for the probe's own lock to lapse; what cannot go is left behind."""
    give_up = time.monotonic() + _LONGEST_RETENTION + 2
    while True:
        try:
            for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
                for version in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                    client.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
            client.delete_bucket(Bucket=bucket)
        except (BotoCoreError, ClientError):
            if time.monotonic() > give_up:
                return
            time.sleep(0.1)
        else:
            return
