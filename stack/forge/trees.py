"""Lists a commit's tree: by `git ls-tree` while it is sound, folder by folder where it is not."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from stack.forge.errors import ObjectMissingError
from stack.forge.git_types import EntryType, TreeEntry
from stack.forge.objects import ObjectReader
from stack.forge.pipes import GitPipe

__all__ = ["read_tree"]

_TREE_MODE = "40000"
_GITLINK_MODE = "160000"
_UNREADABLE = "the object is missing or corrupt"


def read_tree(git_dir: Path, reader: ObjectReader, commit: str) -> Iterator[TreeEntry]:
    """Every path below a commit; see `GitAccess.tree`."""
    listed = 0
    with GitPipe(git_dir, ["ls-tree", "-r", "-z", "-l", "--full-tree", commit]) as pipe:
        pipe.end_of_input()
        for record in pipe.pieces(b"\0"):
            yield _parse(record)
            listed += 1
        code, _ = pipe.finish()
    if code:
        # ls-tree gives up at the first folder it can't read; both walk in one order, so go on after what it told.
        yield from _after(_walk(reader, _root(git_dir, reader, commit), b""), listed)


def _parse(record: bytes) -> TreeEntry:
    meta, _, path = record.partition(b"\t")
    mode, kind, oid, size = meta.decode("ascii").split()
    entry_type: EntryType = "commit" if kind == "commit" else "blob"
    known = int(size) if size.isdigit() else None
    # `-` is a submodule, `BAD` a blob that can't be read.
    return TreeEntry(path, mode, oid, known, entry_type, _UNREADABLE if size == "BAD" else None)


def _after(entries: Iterator[TreeEntry], listed: int) -> Iterator[TreeEntry]:
    for entry in entries:
        if entry.type == "tree" or listed == 0:
            yield entry
        else:
            listed -= 1


def _root(git_dir: Path, reader: ObjectReader, commit: str) -> str:
    oid = commit
    for _ in range(8):  # a tag of a tag of a ... ends somewhere
        info = next(reader.infos([oid]))
        content = reader.content(oid) if info.type in {"commit", "tag", "tree"} else None
        if content is None:
            break
        if info.type == "tree":
            return oid
        oid = content.split(b"\n", 1)[0].split(b" ")[1].decode("ascii", "replace")
    raise ObjectMissingError(
        "The commit or its tree can't be read", on=f"{git_dir} {commit}", got=oid, fix="run `git fsck`, then restore it"
    )


def _walk(reader: ObjectReader, tree: str, prefix: bytes) -> Iterator[TreeEntry]:
    content = reader.content(tree)
    if content is None:
        yield TreeEntry(prefix.rstrip(b"/"), "040000", tree, None, "tree", _UNREADABLE)
        return
    entries = iter(_entries(content, len(tree) // 2))
    while batch := list(islice(entries, 32)):
        sizes = {
            info.oid: info.size
            for info in reader.infos(oid for mode, _, oid in batch if mode not in {_TREE_MODE, _GITLINK_MODE})
        }
        for mode, name, oid in batch:
            if mode == _TREE_MODE:
                yield from _walk(reader, oid, prefix + name + b"/")
            elif mode == _GITLINK_MODE:
                yield TreeEntry(prefix + name, mode, oid, None, "commit")
            else:
                size = sizes.get(oid)
                yield TreeEntry(prefix + name, mode, oid, size, "blob", _UNREADABLE if size is None else None)


def _entries(content: bytes, oid_length: int) -> Iterator[tuple[str, bytes, str]]:
    """Mode, name and object id of each entry of a raw tree: `mode SP name NUL` and the id's bytes."""
    position = 0
    while position < len(content):
        space = content.index(b" ", position)
        end = content.index(b"\0", space)
        oid_end = end + 1 + oid_length
        yield content[position:space].decode("ascii"), content[space + 1 : end], content[end + 1 : oid_end].hex()
        position = oid_end
