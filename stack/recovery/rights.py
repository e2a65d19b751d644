"""What credentials may do in the bucket: a policy to give them, and a probe that proves what they really may."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError

from reports.verdict import Finding
from stack.recovery import layout
from stack.recovery.errors import StoreError
from stack.recovery.rules import broken
from stack.recovery.store import Bucket

__all__ = ["LockProof", "lock", "policy", "policy_text", "probe_lock", "probe_rights", "seen"]

_PROBES = "probes/"
_LOCKS = f"{layout.RESTIC}/locks/"
_HELD = timedelta(seconds=60)
_OVERLAP = 256
_AT_ONCE = 8
_BLOCK = 1 << 20


def policy(bucket: str, prefix: str, *, writer: str, pruner: str) -> dict[str, object]:
    """A bucket policy: the writer reads and writes, and deletes restic's locks alone; the pruner may delete as well.

    Args:
        bucket: its name.
        prefix: the archive's folder.
        writer: principal of who takes backups, as the store names it.
        pruner: principal of who prunes.
    """
    whole = f"arn:aws:s3:::{bucket}"
    below = f"{whole}/{prefix}/*"
    reading = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
    reading += ["s3:PutObjectRetention", "s3:GetObjectRetention"]
    listing = ["s3:ListBucket", "s3:GetBucketLocation", "s3:ListBucketMultipartUploads"]
    both = [writer, pruner]
    return {
        "Version": "2012-10-17",
        "Statement": [
            _allowed("list", both, listing, whole),
            _allowed("write", both, reading, below),
            _allowed("locks", [writer], ["s3:DeleteObject"], f"{whole}/{prefix}/{_LOCKS}*"),
            _allowed("prune", [pruner], ["s3:DeleteObject"], below),
        ],
    }


def _allowed(name: str, who: list[str], what: list[str], where: str) -> dict[str, object]:
    return {"Sid": name, "Effect": "Allow", "Principal": {"AWS": who}, "Action": what, "Resource": [where]}


def probe_rights(writer: Bucket, pruner: Bucket | None = None) -> list[Finding]:
    """Try what the writer must be able to do, and what it must not be able to do.

    Args:
        writer: the archive with the credentials of who writes.
        pruner: with those of who prunes; without them the probe's own small object stays.

    Raises:
        StoreError: the writer cannot write, or cannot delete restic's locks: backups would fail.
    """
    name = secrets.token_hex(8)
    probe, lock = f"{_PROBES}{name}", f"{_LOCKS}probe-{name}"
    writer.put(probe, b"may its writer delete this?\n")
    writer.put(lock, b"its writer may delete this\n")
    writer.delete([lock])
    findings = []
    try:
        writer.delete([probe])
    except StoreError as error:
        if error.got not in {"AccessDenied", "403"}:
            raise
    if writer.head(probe) is None:
        told = f"{writer}: credentials {writer.address.access_key} deleted {probe}"
        findings.append(broken("WRITER_DELETES", told))
    elif pruner is not None:
        pruner.delete([probe])
    return findings


@dataclass(frozen=True)
class LockProof:
    """Whether the store keeps what is locked.

    Attributes:
        proven: a locked object's deletion was refused, and it is still there.
        findings: `LOCK_UNPROVEN`, or `LOCK_BROKEN` when it was taken and went all the same.
    """

    proven: bool
    findings: list[Finding]


def probe_lock(bucket: Bucket, *, now: datetime | None = None) -> LockProof:
    """Lock an object for a minute and try to delete it: immutability is claimed only after that was refused.

    Args:
        bucket: the archive, with the strongest credentials there are: a lock that binds only the weak is none.
        now: by the store's clock.
    """
    key = f"{bucket.prefix}/{_PROBES}lock-{secrets.token_hex(8)}"
    body = b"nobody deletes this for a minute\n"
    until = (now or datetime.now(UTC)) + _HELD
    try:
        version = bucket.client.put_object(
            Bucket=bucket.bucket, Key=key, Body=body, ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until
        ).get("VersionId")
    except (ClientError, BotoCoreError) as error:
        return LockProof(proven=False, findings=[broken("LOCK_UNPROVEN", f"{bucket}: it takes no lock ({error})")])
    where = f"{bucket}/{key.removeprefix(bucket.prefix + '/')}"
    if not version:
        bucket.client.delete_object(Bucket=bucket.bucket, Key=key)
        told = f"{where}: the bucket keeps no versions, so nothing in it is locked"
        return LockProof(proven=False, findings=[broken("LOCK_UNPROVEN", told)])
    refusal = ""
    try:
        bucket.client.delete_object(Bucket=bucket.bucket, Key=key, VersionId=version)
    except ClientError as error:
        refusal = str(error.response.get("Error", {}).get("Code", ""))
    try:
        found = bucket.client.get_object(Bucket=bucket.bucket, Key=key, VersionId=version)["Body"].read()
    except ClientError:
        found = b""
    if not refusal or hashlib.sha256(found).digest() != hashlib.sha256(body).digest():
        return LockProof(proven=False, findings=[broken("LOCK_BROKEN", f"{where} was locked until {until}, and went")])
    return LockProof(proven=True, findings=[])


def lock(bucket: Bucket, keys: Iterable[str], until: datetime) -> list[str]:
    """Lock objects until then; a lock that holds longer stays. Those that could not be locked.

    Args:
        bucket: the archive, in a bucket with object lock.
        keys: below its folder.
        until: to the second.
    """

    def one(key: str) -> str | None:
        try:
            bucket.client.put_object_retention(
                Bucket=bucket.bucket,
                Key=f"{bucket.prefix}/{key}",
                Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until},
            )
        except (ClientError, BotoCoreError):
            held = _locked_until(bucket, key)  # a lock is never shortened, so one that holds longer is refused
            return None if held is not None and held >= until else key
        return None

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return [key for key in pool.map(one, keys) if key is not None]


def _locked_until(bucket: Bucket, key: str) -> datetime | None:
    try:
        told = bucket.client.get_object_retention(Bucket=bucket.bucket, Key=f"{bucket.prefix}/{key}")
    except (ClientError, BotoCoreError):
        return None
    return told["Retention"].get("RetainUntilDate")


def seen(whole: Bucket, texts: Iterable[bytes]) -> list[Finding]:
    """Look for texts in every object of the bucket, however it is called: what was written must not be readable.

    Args:
        whole: the bucket without a prefix: not only the archive's folder is searched.
        texts: what was planted in the forge; each of at most 256 bytes.
    """
    wanted = list(texts)
    findings = []
    for stored in whole.list():
        rest = b""
        for block in _blocks(whole, stored.key):
            window = rest + block
            if any(text in window for text in wanted):
                findings.append(broken("PLAINTEXT_SEEN", f"{whole.address.endpoint} s3://{whole.bucket}/{stored.key}"))
                break
            rest = window[-_OVERLAP:]
    return findings


def _blocks(bucket: Bucket, key: str) -> Iterator[bytes]:
    with bucket.open(key) as stream:
        while block := stream.read(_BLOCK):
            yield block


def policy_text(of: dict[str, object]) -> str:
    """As a store takes it."""
    return json.dumps(of, sort_keys=True)
