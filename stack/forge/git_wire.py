"""How the git agent and its client talk: lines of JSON, blob content in between, a last line that says it is all."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Protocol

from stack.forge.errors import ForgeError, GitError, InvalidError, ObjectMissingError, RepositoryMissingError
from stack.forge.git_types import Blob, Head, Touch, TreeEntry

__all__ = [
    "MAX_REQUEST",
    "OIDS_IN_REQUEST",
    "Source",
    "blob_record",
    "end_record",
    "error_record",
    "head_record",
    "line",
    "records",
    "to_blob",
    "to_head",
    "to_touch",
    "to_tree_entry",
    "touch_record",
    "tree_record",
]

OIDS_IN_REQUEST = 500
MAX_REQUEST = OIDS_IN_REQUEST * 65  # bytes: 64 hex digits and a newline each
_KINDS: dict[str, type[ForgeError]] = {
    kind.__name__: kind for kind in (GitError, InvalidError, ObjectMissingError, RepositoryMissingError)
}


class Source(Protocol):
    """What an answer is read from."""

    def readline(self) -> bytes:
        """The next line with its newline; empty at the end."""
        ...

    def read(self, amount: int) -> bytes:
        """The next bytes; fewer only at the end."""
        ...


def line(record: dict[str, Any]) -> bytes:
    """One record as it is sent."""
    return json.dumps(record, separators=(",", ":")).encode("ascii") + b"\n"


def records(source: Source) -> Iterator[dict[str, Any]]:
    """The records of an answer.

    Raises:
        GitError: whatever the agent met, or the answer was cut off: without its last line it is not all.
    """
    while text := source.readline():
        try:
            record: dict[str, Any] = json.loads(text)
        except ValueError:
            break
        if record.get("end"):
            return
        if "error" in record:
            kind = _KINDS.get(record["error"], GitError)
            raise kind(record["what"], on=record["on"], got=record["got"], fix=record["fix"])
        yield record
    raise GitError("The git agent's answer was cut off", fix="look at the agent's log, and ask again")


def end_record() -> dict[str, Any]:
    """The last line of an answer that is complete."""
    return {"end": True}


def error_record(error: ForgeError) -> dict[str, Any]:
    """The last line of an answer that can't be completed."""
    return {"error": type(error).__name__, "what": error.what, "on": error.on, "got": error.got, "fix": error.fix}


def head_record(head: Head) -> dict[str, Any]:
    """One `Head`."""
    return {"ref": head.ref, "commit": head.commit}


def to_head(record: dict[str, Any]) -> Head:
    """One `Head`."""
    return Head(record["ref"], record["commit"])


def tree_record(entry: TreeEntry) -> dict[str, Any]:
    """One `TreeEntry`."""
    return {
        "path": _encoded(entry.path),
        "mode": entry.mode,
        "oid": entry.oid,
        "size": entry.size,
        "type": entry.type,
        "problem": entry.problem,
    }


def to_tree_entry(record: dict[str, Any]) -> TreeEntry:
    """One `TreeEntry`."""
    return TreeEntry(**{**record, "path": _decoded(record["path"])})


def blob_record(blob: Blob) -> dict[str, Any]:
    """One `Blob`; `follows` bytes of content come right after the line."""
    return {
        "oid": blob.oid,
        "size": blob.size,
        "missing": blob.missing,
        "corrupt": blob.corrupt,
        "follows": None if blob.data is None else len(blob.data),
    }


def to_blob(record: dict[str, Any], source: Source) -> Blob:
    """One `Blob`, its content read from the source."""
    follows = record.pop("follows")
    data = None
    if follows is not None:
        data = source.read(follows)
        if len(data) < follows:
            raise GitError("The git agent's answer was cut off inside a blob", on=record["oid"])
    return Blob(**record, data=data)


def touch_record(touch: Touch) -> dict[str, Any]:
    """One `Touch`."""
    return {
        "path": _encoded(touch.path),
        "commit": touch.commit,
        "author": touch.author_name,
        "authored": int(touch.author_date.timestamp()),
        "committed": int(touch.commit_date.timestamp()),
    }


def to_touch(record: dict[str, Any]) -> Touch:
    """One `Touch`."""
    return Touch(
        _decoded(record["path"]),
        record["commit"],
        record["author"],
        datetime.fromtimestamp(record["authored"], tz=UTC),
        datetime.fromtimestamp(record["committed"], tz=UTC),
    )


def _encoded(path: bytes) -> str:
    return base64.b64encode(path).decode("ascii")


def _decoded(path: str) -> bytes:
    return base64.b64decode(path)
