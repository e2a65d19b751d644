"""The two lists of a set: what every ref was, and which contents the object store held. Compressed, then sealed."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from stack.recovery import layout
from stack.recovery.catalogue import Catalogue, Part
from stack.recovery.errors import RefusedError
from stack.recovery.sealed import Sealed

__all__ = ["OBJECTS", "REFS", "ObjectItem", "RefsItem", "read_objects", "read_refs", "write"]

REFS, OBJECTS = "refs.json", "objects.json"


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RefsItem(_Told):
    """One git repository at the point.

    Attributes:
        repository: id of its row; 0 for a folder that no row knows of.
        is_wiki: whether it is the wiki's.
        owner: the repository's owner.
        name: its name.
        path: where it lies below the git root, and in its snapshot.
        shard: name of the shard whose snapshot holds it; empty when none does (the catalogue's `left_out` says why).
        head: the branch that HEAD names.
        refs: ref to object id, as the database knew them at the point.
    """

    repository: int = Field(ge=0)
    is_wiki: bool = False
    owner: str
    name: str
    path: str
    shard: str = ""
    head: str | None = None
    refs: Mapping[str, str] = Field(default_factory=dict)


class ObjectItem(_Told):
    """One key of the forge's object store.

    Attributes:
        key: in the forge's bucket.
        size: bytes.
        sha256: of the content: `layout.blob` says where it lies.
        etag: what the store called this content: if it says the same again, it is not read again.
        modified: when the store wrote it.
    """

    key: str
    size: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    etag: str = ""
    modified: datetime


_Item = TypeVar("_Item", RefsItem, ObjectItem)


def write(sealed: Sealed, set_id: str, name: str, items: Sequence[RefsItem] | Sequence[ObjectItem]) -> Part:
    """Write a list of a set; what its catalogue says of it. The digest is of the JSON before compression."""
    data = json.dumps(
        [each.model_dump(mode="json") for each in items], sort_keys=True, separators=(",", ":"), ensure_ascii=False
    ).encode()
    sealed.put(layout.part(set_id, name), gzip.compress(data, 6, mtime=0))
    return Part(name=name, sha256=hashlib.sha256(data).hexdigest(), bytes=len(data), items=len(items))


def read_refs(sealed: Sealed, catalogue: Catalogue) -> list[RefsItem]:
    """The refs of a set.

    Raises:
        RefusedError: `MANIFEST_MISSING`, `MANIFEST_DAMAGED`, or `KEY_WRONG`.
    """
    return _read(sealed, catalogue, catalogue.refs, TypeAdapter(list[RefsItem]))


def read_objects(sealed: Sealed, catalogue: Catalogue) -> list[ObjectItem]:
    """The object store's contents of a set.

    Raises:
        RefusedError: `MANIFEST_MISSING`, `MANIFEST_DAMAGED`, or `KEY_WRONG`.
    """
    return _read(sealed, catalogue, catalogue.objects, TypeAdapter(list[ObjectItem]))


def _read(sealed: Sealed, catalogue: Catalogue, part: Part, adapter: TypeAdapter[list[_Item]]) -> list[_Item]:
    key = layout.part(catalogue.id, part.name)
    where = f"{sealed.bucket}/{key}"
    packed, error = sealed.opened(key)
    if error is not None:
        rule = "KEY_WRONG" if error.reason == "other_key" else "MANIFEST_DAMAGED"
        raise RefusedError(rule, "A list of a set cannot be opened", on=where, got=str(error), fix="use another set")
    if packed is None:
        raise RefusedError(
            "MANIFEST_MISSING", "A list that a catalogue names is missing", on=where, fix="use another set"
        )
    try:
        data = gzip.decompress(packed)
        if hashlib.sha256(data).hexdigest() != part.sha256:
            raise RefusedError(
                "MANIFEST_DAMAGED", "A list is not the one that the catalogue names", on=where, fix="use another set"
            )
        return adapter.validate_json(data)
    except (OSError, EOFError, ValidationError) as error_:
        raise RefusedError(
            "MANIFEST_DAMAGED", "A list of a set cannot be read", on=where, got=str(error_), fix="use another set"
        ) from error_
