"""The catalogue of a set: what makes it exist, signed, and checked without asking anybody.

It is a DSSE envelope (Dead Simple Signing Envelope, protocol 1.0.2) around canonical JSON, signed with ed25519. It
holds no secret: names, sizes and digests only, so that it can be checked without the key that all else is sealed with.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stack.errors import UsageError
from stack.recovery.errors import RefusedError

__all__ = ["Base", "Catalogue", "Part", "Point", "Signer", "Snapshot", "Verifier", "make_signing_key"]

TYPE = "application/vnd.engineroom.set+json;version=1"
_SHA256 = r"^[0-9a-f]{64}$"


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Point(_Told):
    """The barrier: a named restore point in PostgreSQL.

    Attributes:
        name: as `pg_create_restore_point` took it.
        lsn: where, as a number.
        timeline: on which.
        time: the server's clock.
        segment: WAL segment that holds it: the set is whole when this one is archived.
        system: the cluster's system identifier.
    """

    name: str
    lsn: int
    timeline: int
    time: datetime
    segment: str
    system: int


class Base(_Told):
    """The base backup that the set is restored from."""

    id: str
    bytes: int
    begin: str = Field(description="first WAL segment that it needs")
    ended: datetime


class Snapshot(_Told):
    """One restic snapshot: of a shard of git repositories, or of the secrets.

    Attributes:
        id: restic's id, 64 hex digits.
        kind: `git` or `secrets`.
        shard: which, by name.
        repositories: how many git repositories it holds (wikis count).
        bytes: bytes restored from it, by restic's own count.
        added: bytes that this snapshot added to the restic repository.
    """

    id: str = Field(pattern=_SHA256)
    kind: str
    shard: str
    repositories: int = 0
    bytes: int = 0
    added: int = 0


class Part(_Told):
    """An object of the set beside the catalogue: sealed; the digest is of its content before that."""

    name: str
    sha256: str = Field(pattern=_SHA256)
    bytes: int
    items: int


class Catalogue(_Told):
    """Everything that one set is.

    Attributes:
        id: `YYYYMMDDTHHMMSSZ-xxxxxx`, which sorts by time.
        name: given by a person, or empty.
        started: when the backup began.
        completed: when all of it was in the bucket.
        server: the database server's folder.
        point: the barrier.
        base: the base backup.
        snapshots: git and secrets.
        refs: the ref manifest, from the database at the point: one item per git repository.
        objects: contents of the object store: one item per key.
        counts: rows of each table of the forge at the point.
        totals: how many `refs` there are, and what the set `added` to the bucket in bytes.
        journal: the highest row of `push_journal` at the point; all up to it are in git's snapshots or the journal.
        keys: fingerprints of what is needed to read it: `seal`, `signing`, `vault/<key id>`.
        versions: of the programs and the forge: `postgresql`, `restic`, `barman`, `git`, `engineroom`, `schema`.
        left_out: what the set does not hold and a person might expect, with the reason.
        locked_until: until when every object of the set is locked, on a store that was seen to keep what is locked;
            None when nothing is claimed.
        canary: label of the canary row and commit that were written before the point; empty when none was.
    """

    format: int = 1
    id: str = Field(pattern=r"^\d{8}T\d{6}Z-[0-9a-f]{6}$")
    name: str = ""
    started: datetime
    completed: datetime
    server: str
    point: Point
    base: Base
    snapshots: tuple[Snapshot, ...]
    refs: Part
    objects: Part
    counts: Mapping[str, int]
    totals: Mapping[str, int] = Field(default_factory=dict)
    journal: int = 0
    keys: Mapping[str, str]
    versions: Mapping[str, str]
    left_out: Mapping[str, str] = Field(default_factory=dict)
    locked_until: datetime | None = None
    canary: str = ""

    def canonical(self) -> bytes:
        """The bytes that are signed: sorted keys, no spaces, UTF-8."""
        return json.dumps(
            self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False
        ).encode()


class Signer:
    """Signs catalogues; whoever takes backups has it."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        """Take a private key."""
        self._key = key
        self.verifier = Verifier(key.public_key())

    @classmethod
    def read(cls, path: Path) -> Signer:
        """Read a PEM file (PKCS 8, not encrypted).

        Raises:
            UsageError: it cannot be read, or holds another kind of key.
        """
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except (OSError, ValueError, TypeError) as error:
            raise _unreadable(path, error) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise _unreadable(path, type(key).__name__)
        return cls(key)

    def sign(self, catalogue: Catalogue) -> bytes:
        """The envelope as it lies in the bucket."""
        payload = catalogue.canonical()
        signature = self._key.sign(_pae(payload))
        envelope = {
            "payload": base64.b64encode(payload).decode("ascii"),
            "payloadType": TYPE,
            "signatures": [{"keyid": self.verifier.fingerprint, "sig": base64.b64encode(signature).decode("ascii")}],
        }
        return json.dumps(envelope, indent=1, sort_keys=True).encode() + b"\n"


class Verifier:
    """Checks catalogues with nothing but a public key."""

    def __init__(self, key: Ed25519PublicKey) -> None:
        """Take a public key."""
        self._key = key

    @classmethod
    def read(cls, path: Path) -> Verifier:
        """Read a PEM file, public or private.

        Raises:
            UsageError: it cannot be read, or holds another kind of key.
        """
        try:
            data = path.read_bytes()
            if b"PRIVATE KEY" in data:
                return Signer.read(path).verifier
            key = serialization.load_pem_public_key(data)
        except (OSError, ValueError) as error:
            raise _unreadable(path, error) from error
        if not isinstance(key, Ed25519PublicKey):
            raise _unreadable(path, type(key).__name__)
        return cls(key)

    @property
    def fingerprint(self) -> str:
        """Of the public key: the first 16 hex digits of its sha256."""
        raw = self._key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return hashlib.sha256(raw).hexdigest()[:16]

    def pem(self) -> bytes:
        """The public key as PEM."""
        return self._key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def open(self, envelope: bytes, where: str) -> Catalogue:
        """The catalogue in an envelope, if its signature holds.

        Args:
            envelope: as it lies in the bucket.
            where: for the message.

        Raises:
            RefusedError: `CATALOGUE_UNSIGNED` without a signature of this key; `CATALOGUE_DAMAGED` when it is not what
                was signed, or no catalogue.
        """
        try:
            told = json.loads(envelope)
            payload = base64.b64decode(told["payload"], validate=True)
            kind = str(told["payloadType"])
            signatures = [
                base64.b64decode(each["sig"], validate=True)
                for each in told["signatures"]
                if each.get("keyid") in (None, "", self.fingerprint)
            ]
            others = [str(each.get("keyid")) for each in told["signatures"]]
        except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
            raise RefusedError(
                "CATALOGUE_DAMAGED", "A catalogue is no envelope that can be read", on=where, got=str(error)
            ) from error
        if not signatures:
            raise RefusedError(
                "CATALOGUE_UNSIGNED",
                "A catalogue is not signed with this key",
                on=where,
                got=f"signed by {', '.join(others) or 'nobody'}, the given key is {self.fingerprint}",
                fix="do not use this set; or give the public key of who signed it",
            )
        if kind != TYPE or not any(self._holds(signature, payload, kind) for signature in signatures):
            raise RefusedError(
                "CATALOGUE_DAMAGED", "A catalogue is not what was signed", on=where, fix="use another set"
            )
        try:
            return Catalogue.model_validate_json(payload)
        except ValidationError as error:
            raise RefusedError(
                "CATALOGUE_DAMAGED",
                "A signed catalogue is of another format",
                on=where,
                got=str(error.errors()[0]["msg"]),
                fix="use the version of engineroom that made it",
            ) from error

    def _holds(self, signature: bytes, payload: bytes, kind: str) -> bool:
        try:
            self._key.verify(signature, _pae(payload, kind))
        except InvalidSignature:
            return False
        return True


def make_signing_key(path: Path) -> Signer:
    """Make a key file that its owner alone can read, and beside it the public key (`.pub`); what is there stays."""
    if not path.exists():
        key = Ed25519PrivateKey.generate()
        data = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.{os.getpid()}")
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
        try:
            os.link(temporary, path)  # of two at once, one wins
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
    signer = Signer.read(path)
    public = path.with_name(path.name + ".pub")
    if not public.exists():
        public.write_bytes(signer.verifier.pem())
    return signer


def _pae(payload: bytes, kind: str = TYPE) -> bytes:
    """The pre-authentication encoding of DSSE."""
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)


def _unreadable(path: Path, error: object) -> UsageError:
    return UsageError(
        "A signing key cannot be used",
        on=str(path),
        got=str(error),
        fix="it needs an ed25519 key in PEM; `engineroom backup init` makes one",
    )
