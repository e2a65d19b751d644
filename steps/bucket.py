"""The controller behind the steps about the object store: one bucket of the scenario's own, removed afterwards."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import SecretStr

from stack.addresses import ObjectStoreAddress
from stack.components.s3 import code_of, s3_client
from stack.errors import NeedMissingError

if TYPE_CHECKING:  # the stubs are only there for development
    from mypy_boto3_s3 import S3Client

__all__ = ["Bucket"]

_MEGABYTE = 1024 * 1024
_PART = 5 * _MEGABYTE
_KEY = "object"


@dataclass
class Bucket:
    """What one scenario does with an object store."""

    address: ObjectStoreAddress
    lock: bool = False
    name: str = field(default_factory=lambda: f"engineroom-feature-{secrets.token_hex(4)}")
    body: bytes = b""
    version: str = ""
    refusal: str = ""
    _made: bool = False
    _versions: list[tuple[str, bytes]] = field(default_factory=list)

    @property
    def client(self) -> S3Client:
        """An S3 client for the store."""
        return s3_client(self.address, timeout=30.0)

    def require(self) -> None:
        """Without a store that answers nothing can be said about it."""
        try:
            self.client.list_buckets()
        except (BotoCoreError, ClientError) as error:
            raise NeedMissingError(
                "objects", "The object store does not answer", on=self.address.endpoint, got=str(error)
            ) from error

    def make(self, *, versions: bool = False, lock: bool = False) -> None:
        """Create the scenario's bucket."""
        if self._made:
            return
        self.client.create_bucket(Bucket=self.name, ObjectLockEnabledForBucket=lock)
        self._made = True
        if versions and not lock:
            self.client.put_bucket_versioning(Bucket=self.name, VersioningConfiguration={"Status": "Enabled"})

    def write(self, megabytes: int) -> None:
        """Write one object of random bytes."""
        self.make()
        self.body = secrets.token_bytes(megabytes * _MEGABYTE)
        self.client.put_object(Bucket=self.name, Key=_KEY, Body=self.body)

    def write_in_parts(self, megabytes: int) -> None:
        """Write one object by a multipart upload."""
        self.make()
        self.body = secrets.token_bytes(megabytes * _MEGABYTE)
        upload = self.client.create_multipart_upload(Bucket=self.name, Key=_KEY)["UploadId"]
        tags = []
        for number, start in enumerate(range(0, len(self.body), _PART), 1):
            part = self.client.upload_part(
                Bucket=self.name,
                Key=_KEY,
                UploadId=upload,
                PartNumber=number,
                Body=self.body[start : start + _PART],
            )
            tags.append({"ETag": part["ETag"], "PartNumber": number})
        self.client.complete_multipart_upload(
            Bucket=self.name,
            Key=_KEY,
            UploadId=upload,
            MultipartUpload={"Parts": tags},  # type: ignore[typeddict-item] # a plain dict is what it is
        )

    def break_off(self) -> None:
        """Begin a multipart upload of another key and abort it."""
        upload = self.client.create_multipart_upload(Bucket=self.name, Key="broken")["UploadId"]
        self.client.upload_part(Bucket=self.name, Key="broken", UploadId=upload, PartNumber=1, Body=b"x" * _PART)
        self.client.abort_multipart_upload(Bucket=self.name, Key="broken", UploadId=upload)

    def has(self, key: str) -> bool:
        """Whether there is an object of this key."""
        return any(item["Key"] == key for item in self.client.list_objects_v2(Bucket=self.name).get("Contents", ()))

    def read(self, *, version: str = "", start: int = 0, end: int | None = None) -> bytes:
        """Read the object, a version of it, or the bytes from `start` to before `end`."""
        where = {"VersionId": version} if version else {}
        if end is not None:
            where["Range"] = f"bytes={start}-{end - 1}"
        return self.client.get_object(Bucket=self.name, Key=_KEY, **where)["Body"].read()  # type: ignore[arg-type]

    def same(self) -> bool:
        """Whether the object has the checksum of what was written."""
        return hashlib.sha256(self.read()).digest() == hashlib.sha256(self.body).digest()

    def write_once(self, body: bytes) -> None:
        """Write on the condition that nothing is there."""
        self._try(lambda: self.client.put_object(Bucket=self.name, Key=_KEY, Body=body, IfNoneMatch="*"))

    def overwrite_and_delete(self) -> None:
        """Write two contents over each other, then delete."""
        for body in (b"first", b"second"):
            answer = self.client.put_object(Bucket=self.name, Key=_KEY, Body=body)
            self._versions.append((answer["VersionId"], body))
        self.client.delete_object(Bucket=self.name, Key=_KEY)

    def versions_read(self) -> list[tuple[bytes, bytes]]:
        """What each version reads, beside what it should."""
        return [(self.read(version=version), body) for version, body in self._versions]

    def write_locked(self, seconds: int) -> None:
        """Write an object that nobody may delete for so many seconds.

        Governance mode, so that a store of somebody else's is not left with what cannot be removed.
        """
        until = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)
        self.body = b"locked"
        answer = self.client.put_object(
            Bucket=self.name,
            Key=_KEY,
            Body=self.body,
            ObjectLockMode="GOVERNANCE",
            ObjectLockRetainUntilDate=until,
        )
        self.version = answer["VersionId"]

    def delete_version(self) -> None:
        """Try to delete the locked version."""
        self._try(lambda: self.client.delete_object(Bucket=self.name, Key=_KEY, VersionId=self.version))

    def ask_with_wrong_secret(self) -> None:
        """Ask with the right key id and a wrong secret."""
        wrong = self.address.model_copy(update={"secret_key": SecretStr(secrets.token_hex(16))})
        self._try(lambda: s3_client(wrong, timeout=10.0).list_buckets())

    def _try(self, action: Callable[[], object]) -> None:
        self.refusal = ""
        try:
            action()
        except ClientError as error:
            self.refusal = code_of(error)

    def remove(self) -> None:
        """Delete all versions and the bucket; what is locked for good stays until its lock ends."""
        if not self._made:
            return
        for page in self.client.get_paginator("list_object_versions").paginate(Bucket=self.name):
            for version in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                self._try(
                    lambda key=version["Key"], number=version["VersionId"]: self.client.delete_object(  # type: ignore[misc]
                        Bucket=self.name, Key=key, VersionId=number, BypassGovernanceRetention=True
                    )
                )
        self._try(lambda: self.client.delete_bucket(Bucket=self.name))
