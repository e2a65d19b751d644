"""Shared memory of a PostgreSQL server that was killed: the system keeps it until somebody removes it.

What is where: `postmaster.pid` names the System V segment in its seventh line (src/include/utils/pidfile.h); that
segment's header names the control segment of dynamic shared memory (src/include/storage/pg_shmem.h), which lists the
others (src/backend/storage/ipc/dsm.c), each a file in /dev/shm. A server that starts on the same data removes them by
the same path; a run's data is thrown away with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["free_shared_memory"]

_SEGMENTS = Path("/proc/sysvipc/shm")
_FILES = Path("/dev/shm")  # noqa: S108 - where POSIX shared memory is, not a temporary file
_SEGMENT_LINE = 7
# PGShmemHeader: magic, creator, total size, free offset, control handle, (padding, index), device, inode.
_HEADER = struct.Struct("@iiNNI4xPQQ")
_HEADER_MAGIC = 679834894
# dsm_control_header: magic, items in use, room for items; dsm_control_item: handle, references, page, pages, -, pinned.
_CONTROL = struct.Struct("@III4x")
_CONTROL_MAGIC = 0x9A503D32
_ITEM = struct.Struct("@IINNP?7x")
_READ_ONLY = 0o10000  # SHM_RDONLY
_REMOVE = 0  # IPC_RMID


@dataclass(frozen=True)
class _Segment:
    """A System V segment: its id, the user it belongs to, and how many processes have it."""

    id: int
    size: int
    uid: int
    attached: int


def free_shared_memory(data: Path) -> list[str]:
    """Remove the shared memory of a server that does not live any more; one name for each piece.

    Nothing is touched that belongs to another user than the data, that a process still has, or that another server
    made: segment ids are used again.

    Args:
        data: the server's data folder, as its server left it.
    """
    try:
        number, owner = _named_segment(data), data.stat()
    except (OSError, ValueError, IndexError):
        return []
    segment = next((one for one in _segments() if one.id == number), None)
    if segment is None or segment.attached or segment.uid != owner.st_uid or segment.size < _HEADER.size:
        return []
    magic, _, _, _, control, _, device, inode = _HEADER.unpack(_read(number, _HEADER.size))
    if (magic, device, inode) != (_HEADER_MAGIC, owner.st_dev, owner.st_ino):
        return []
    names = [f"PostgreSQL.{handle}" for handle in (*_listed(control, owner.st_uid), control) if handle]
    freed = [name for name in names if _remove_file(_FILES / name, owner.st_uid)]
    if _libc().shmctl(number, _REMOVE, None) == 0:
        freed.append(f"segment {number}")
    return freed


def _named_segment(data: Path) -> int:
    lines = (data / "postmaster.pid").read_text("ascii", "replace").splitlines()
    return int(lines[_SEGMENT_LINE - 1].split()[1])


def _segments() -> Iterator[_Segment]:
    try:
        rows = [line.split() for line in _SEGMENTS.read_text("ascii").splitlines()]
    except OSError:
        return
    for row in rows[1:]:
        column = dict(zip(rows[0], map(int, row), strict=True))
        yield _Segment(column["shmid"], column["size"], column["uid"], column["nattch"])


def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.shmat.restype = ctypes.c_void_p
    libc.shmat.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_int)
    libc.shmdt.argtypes = (ctypes.c_void_p,)
    libc.shmctl.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_void_p)
    return libc


def _read(segment: int, size: int) -> bytes:
    libc = _libc()
    address = libc.shmat(segment, None, _READ_ONLY)
    if address in (None, ctypes.c_void_p(-1).value):
        return bytes(size)
    try:
        return ctypes.string_at(address, size)
    finally:
        libc.shmdt(address)


def _listed(control: int, uid: int) -> list[int]:
    """The handles that a control segment lists; odd ones are part of another segment (dsm.c)."""
    content = _content(_FILES / f"PostgreSQL.{control}", uid)
    if len(content) < _CONTROL.size or _CONTROL.unpack_from(content)[0] != _CONTROL_MAGIC:
        return []
    _, used, room = _CONTROL.unpack_from(content)
    items = content[_CONTROL.size :][: min(used, room) * _ITEM.size]
    whole = items[: len(items) // _ITEM.size * _ITEM.size]
    return [handle for handle, references, *_ in _ITEM.iter_unpack(whole) if references and handle % 2 == 0]


def _content(path: Path, uid: int) -> bytes:
    # Never through a link: everybody may write there, and we may be root.
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return b""
    with os.fdopen(handle, "rb") as file:
        return file.read() if os.fstat(file.fileno()).st_uid == uid else b""


def _remove_file(path: Path, uid: int) -> bool:
    with contextlib.suppress(OSError):
        found = path.lstat()
        if stat.S_ISREG(found.st_mode) and found.st_uid == uid:
            path.unlink()
            return True
    return False
