"""Client-side encryption of what goes into a bucket: authenticated, streamed, bound to the object's name.

This file stands alone: a copy of it runs beside Barman, in Barman's own environment.

A sealed object is one part or several after another, as the parts of a multipart upload are:

    part   "ERSEAL1" and a line feed, 8 bytes of key id, 16 bytes of salt, part number (4 bytes), frames
    frame  length (4 bytes, highest bit: last of this part), ciphertext with its tag

The key of a part is HKDF-SHA256 of the master key, the salt, and the object's name; frames are AES-256-GCM with their
number and the last-flag as nonce, as in the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizar, 2015). So a
flipped bit, a frame that is missing, and an object under another's name are all refused. Whether the last *part* is
missing only an inventory can tell: `stack.recovery.postgresql.base` keeps the sizes of all objects.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterator
from io import BytesIO, RawIOBase
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

__all__ = ["FRAME", "SealError", "SealKey", "Unsealing", "new_key"]

FRAME = 1 << 20  # bytes of plaintext in a frame; 256 KiB to 4 MiB are equally fast
_MAGIC = b"ERSEAL1\n"
_HEADER = struct.Struct(">8s8s16sI")
_LENGTH = struct.Struct(">I")
_LAST = 1 << 31
_TAG = 16
_KEY = 32
_SALT = 16


class SealError(Exception):
    """An object is not what was sealed: damaged, cut short, under another name, or sealed with another key.

    Attributes:
        reason: `not_sealed`, `other_key`, `damaged` or `cut_short`.
        position: byte of the sealed object near which it was noticed.
    """

    def __init__(self, reason: str, name: str, position: int = 0) -> None:
        """Keep what was noticed, where."""
        super().__init__(f"{name} is {reason.replace('_', ' ')} at byte {position}")
        self.reason = reason
        self.name = name
        self.position = position


class SealKey:
    """The master key of one archive."""

    def __init__(self, secret: bytes) -> None:
        """Take 32 random bytes.

        Raises:
            ValueError: it is not 32 bytes.
        """
        if len(secret) != _KEY:
            raise ValueError(f"a key has {_KEY} bytes, not {len(secret)}")
        self._secret = secret
        self.id = hashlib.sha256(b"engineroom key id" + secret).digest()[:8]

    @classmethod
    def read(cls, path: Path) -> SealKey:
        """Read a key file: 64 hexadecimal digits.

        Raises:
            OSError: it cannot be read.
            ValueError: it holds something else.
        """
        return cls(bytes.fromhex(path.read_text("ascii").strip()))

    @property
    def fingerprint(self) -> str:
        """What may be told of it."""
        return self.id.hex()

    def text(self) -> str:
        """The content of its key file: a secret."""
        return self._secret.hex() + "\n"

    def derive(self, label: str) -> str:
        """A secret of its own for another program, as 64 hex digits: HKDF-SHA256 of the master key by that label."""
        derived = HKDF(algorithm=SHA256(), length=_KEY, salt=None, info=b"engineroom derive 1 " + label.encode())
        return derived.derive(self._secret).hex()

    def seal(self, data: bytes, name: str, *, part: int = 1) -> bytes:
        """Seal bytes that are in memory as part number `part` of the object `name`."""
        salt = os.urandom(_SALT)
        cipher = self._cipher(salt, name)
        pieces = [_HEADER.pack(_MAGIC, self.id, salt, part)]
        count = max(1, -(-len(data) // FRAME))
        view = memoryview(data)
        for number in range(count):
            last = number == count - 1
            piece = cipher.encrypt(_nonce(number, last=last), view[number * FRAME : (number + 1) * FRAME], _aad(part))
            pieces.append(_LENGTH.pack(len(piece) | (_LAST if last else 0)))
            pieces.append(piece)
        return b"".join(pieces)

    def unseal(self, data: bytes, name: str) -> bytes:
        """Open bytes that are in memory.

        Raises:
            SealError: they are not what was sealed under this name with this key.
        """
        return b"".join(self.frames(BytesIO(data), name))

    def frames(self, source: BinaryIO, name: str) -> Iterator[bytes]:
        """The plaintext of each frame of a stream.

        Raises:
            SealError: it is not what was sealed under this name with this key.
        """
        position = 0
        part = 0
        while header := _read(source, _HEADER.size):
            part += 1
            cipher = self._open(header, name, part, position)
            position += _HEADER.size
            number = 0
            last = False
            while not last:
                length = _read(source, _LENGTH.size)
                if len(length) < _LENGTH.size:
                    raise SealError("cut_short", name, position)
                word = _LENGTH.unpack(length)[0]
                last, size = bool(word & _LAST), word & ~_LAST
                if not _TAG <= size <= FRAME + _TAG:
                    raise SealError("damaged", name, position)
                frame = _read(source, size)
                if len(frame) < size:
                    raise SealError("cut_short", name, position)
                try:
                    yield cipher.decrypt(_nonce(number, last=last), frame, _aad(part))
                except InvalidTag as error:
                    raise SealError("damaged", name, position) from error
                position += _LENGTH.size + size
                number += 1
        if part == 0:
            raise SealError("not_sealed", name)

    def _open(self, header: bytes, name: str, part: int, position: int) -> AESGCM:
        if len(header) < _HEADER.size:
            raise SealError("cut_short" if header.startswith(_MAGIC) else "not_sealed", name, position)
        magic, key, salt, number = _HEADER.unpack(header)
        if magic != _MAGIC:
            raise SealError("not_sealed" if part == 1 else "damaged", name, position)
        if key != self.id:
            raise SealError("other_key", name, position)
        if number != part:
            raise SealError("damaged", name, position)
        return self._cipher(salt, name)

    def _cipher(self, salt: bytes, name: str) -> AESGCM:
        derived = HKDF(algorithm=SHA256(), length=_KEY, salt=salt, info=b"engineroom seal 1 " + name.encode())
        return AESGCM(derived.derive(self._secret))


class Unsealing(RawIOBase):
    """A readable stream of the plaintext of a sealed stream."""

    def __init__(self, key: SealKey, source: BinaryIO, name: str) -> None:
        """Open lazily: nothing is read before the first `read`."""
        self._frames = key.frames(source, name)
        self._left = memoryview(b"")

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override] # of what reads here, always one
        """Fill as much of the buffer as one frame has left; 0 at the end."""
        while not self._left:
            frame = next(self._frames, None)
            if frame is None:
                return 0
            self._left = memoryview(frame)
        size = min(len(buffer), len(self._left))
        buffer[:size] = self._left[:size]
        self._left = self._left[size:]
        return size

    def read(self, size: int | None = -1) -> bytes:
        """So many bytes, fewer only at the end: a tar reader takes a short answer for the end."""
        wanted = -1 if size is None else size
        pieces = []
        while wanted:
            piece = super().read(min(wanted, FRAME) if wanted > 0 else FRAME)
            if not piece:
                break
            pieces.append(piece)
            wanted -= len(piece) if wanted > 0 else 0
        return b"".join(pieces)


def new_key() -> SealKey:
    """A key of the operating system's randomness."""
    return SealKey(os.urandom(_KEY))


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\1" if last else b"\0")


def _aad(part: int) -> bytes:
    return part.to_bytes(4, "big")


def _read(source: BinaryIO, size: int) -> bytes:
    # A socket answers with less than was asked for.
    data = source.read(size)
    if len(data) == size or not data:
        return data
    pieces = [data]
    missing = size - len(data)
    while missing:
        more = source.read(missing)
        if not more:
            break
        pieces.append(more)
        missing -= len(more)
    return b"".join(pieces)
