"""The capability probe tells a store that keeps its promises from one that does not."""

from __future__ import annotations

import datetime as dt
import io
import itertools
from typing import Any

import pytest
from botocore.exceptions import ClientError
from pydantic import SecretStr

from stack.addresses import ObjectStoreAddress
from stack.components import objects_probe
from stack.components.objects import StoreUnfitError

ADDRESS = ObjectStoreAddress(endpoint="http://127.0.0.1:1", access_key="a", secret_key=SecretStr("b"))


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "operation")


class MemoryStore:
    """S3 in memory, as far as the probe goes; `broken` names the promises it does not keep."""

    def __init__(self, *broken: str) -> None:
        """Start empty."""
        self.broken = broken
        self.buckets: dict[str, dict[tuple[str, str], tuple[bytes, dt.datetime | None]]] = {}
        self.parts: list[bytes] = []
        self.numbers = itertools.count(1)

    def create_bucket(self, *, Bucket: str, ObjectLockEnabledForBucket: bool) -> None:  # noqa: N803
        if "lockable bucket" in self.broken and ObjectLockEnabledForBucket:
            raise refusal("NotImplemented")
        self.buckets[Bucket] = {}

    def delete_bucket(self, *, Bucket: str) -> None:  # noqa: N803
        if self.buckets[Bucket]:
            raise refusal("BucketNotEmpty")
        del self.buckets[Bucket]

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, **more: Any) -> dict[str, str]:  # noqa: N803
        bucket = self.buckets[Bucket]
        exists = any(key == Key for key, _ in bucket)
        if more.get("IfNoneMatch") and exists and "conditional writes" not in self.broken:
            raise refusal("PreconditionFailed")
        version = "" if "versioning" in self.broken else str(next(self.numbers))
        bucket[Key, version] = (Body, more.get("ObjectLockRetainUntilDate"))
        return {"VersionId": version} if version else {}

    def get_object(self, *, Bucket: str, Key: str, VersionId: str = "") -> dict[str, io.BytesIO]:  # noqa: N803
        found = [body for (key, version), (body, _) in self.buckets[Bucket].items() if key == Key]
        if VersionId and "versions of old" not in self.broken:
            found = [self.buckets[Bucket][Key, VersionId][0]]
        return {"Body": io.BytesIO(found[-1])}

    def delete_object(self, *, Bucket: str, Key: str, VersionId: str) -> None:  # noqa: N803
        _, until = self.buckets[Bucket][Key, VersionId]
        if until and until > dt.datetime.now(dt.UTC) and "object lock" not in self.broken:
            raise refusal("AccessDenied")
        del self.buckets[Bucket][Key, VersionId]

    def create_multipart_upload(self, **_: str) -> dict[str, str]:
        return {"UploadId": "u"}

    def upload_part(self, *, Body: bytes, **_: object) -> dict[str, str]:  # noqa: N803
        self.parts.append(Body)
        return {"ETag": str(len(self.parts))}

    def complete_multipart_upload(self, *, Bucket: str, Key: str, **_: object) -> None:  # noqa: N803
        kept = self.parts[:1] if "multipart" in self.broken else self.parts
        self.put_object(Bucket=Bucket, Key=Key, Body=b"".join(kept))

    def get_paginator(self, _name: str) -> MemoryStore:
        return self

    def paginate(self, *, Bucket: str) -> list[dict[str, list[dict[str, str]]]]:  # noqa: N803
        return [{"Versions": [{"Key": key, "VersionId": version} for key, version in self.buckets[Bucket]]}]


def probed(monkeypatch: pytest.MonkeyPatch, *broken: str) -> tuple[MemoryStore, objects_probe.Capabilities]:
    store = MemoryStore(*broken)
    if broken:  # cleaning up waits for a lock to lapse; one test of it is enough
        monkeypatch.setattr(objects_probe, "_remove", lambda _client, _bucket: None)
    monkeypatch.setattr(objects_probe, "s3_client", lambda _address, *, timeout: store)  # noqa: ARG005
    return store, objects_probe.probe(ADDRESS)


def test_a_sound_store_passes_and_is_left_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is found, and the probe's bucket is gone."""
    store, capabilities = probed(monkeypatch)
    assert capabilities.missing == ()
    assert {check.name for check in capabilities.checks} == {
        "lockable bucket",
        "multipart",
        "conditional writes",
        "versioning",
        "object lock",
    }
    assert store.buckets == {}


@pytest.mark.parametrize(
    ("broken", "missing"),
    [
        ("lockable bucket", "lockable bucket"),
        ("multipart", "multipart"),
        ("conditional writes", "conditional writes"),
        ("versions of old", "versioning"),
        ("object lock", "object lock"),
    ],
)
def test_a_broken_promise_is_named(monkeypatch: pytest.MonkeyPatch, broken: str, missing: str) -> None:
    """Exactly the promise that the store breaks is missing, with what was seen."""
    _, capabilities = probed(monkeypatch, broken)
    assert capabilities.missing == (missing,)
    error = StoreUnfitError("a store", capabilities)
    assert missing in error.on
    assert error.got


def test_a_store_without_versions_has_no_lock_either(monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that gets no version can neither be read after an overwrite nor be locked."""
    _, capabilities = probed(monkeypatch, "versioning")
    assert set(capabilities.missing) == {"versioning", "object lock"}
