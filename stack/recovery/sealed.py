"""Sealed objects in a bucket, each bound to its key below the archive's prefix: a copied archive can be read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from stack.recovery.sealing import SealError, SealKey
from stack.recovery.store import Bucket

__all__ = ["Sealed"]

_PART = 32 << 20  # bytes of plaintext in a part of an upload; S3 takes parts of 5 MiB to 5 GiB, and 10,000 of them


class Sealed:
    """What `Bucket` does, with everything sealed."""

    def __init__(self, bucket: Bucket, key: SealKey) -> None:
        """Ask nothing yet."""
        self.bucket = bucket
        self.key = key

    def put(self, key: str, data: bytes) -> None:
        """Seal and write an object, over whatever is there."""
        self.bucket.put(key, self.key.seal(data, key))

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Seal and write an object where none is; False when there is one."""
        return self.bucket.put_if_absent(key, self.key.seal(data, key))

    def put_file(self, key: str, path: Path) -> int:
        """Seal and write a file's content, in parts when it is large; how many bytes went out.

        Raises:
            StoreError: the store refused.
        """
        sent = 0

        def parts(file: BinaryIO) -> Iterator[bytes]:
            nonlocal sent
            number = 0
            while piece := file.read(_PART):
                number += 1
                sealed = self.key.seal(piece, key, part=number)
                sent += len(sealed)
                yield sealed

        size = path.stat().st_size
        if size <= _PART:
            sealed = self.key.seal(path.read_bytes(), key)
            self.bucket.put(key, sealed)
            return len(sealed)
        with path.open("rb") as file:
            self.bucket.put_parts(key, parts(file))
        return sent

    def get(self, key: str) -> bytes | None:
        """Read and open an object; None when there is none.

        Raises:
            SealError: it is damaged or sealed with another key.
        """
        data = self.bucket.get(key)
        return None if data is None else self.key.unseal(data, key)

    def opened(self, key: str) -> tuple[bytes | None, SealError | None]:
        """An object's content, or why it cannot be opened; neither when there is none."""
        try:
            return self.get(key), None
        except SealError as error:
            return None, error

    def blocks(self, key: str) -> Iterator[bytes]:
        """An object's content piece by piece, for what may be large.

        Raises:
            StoreError: it is not there.
            SealError: it is damaged or sealed with another key.
        """
        with self.bucket.open(key) as stream:
            yield from self.key.frames(stream, key)

    def digest(self, key: str) -> str:
        """Sha256 of an object's content, in hex.

        Raises:
            StoreError: it is not there.
            SealError: it is damaged or sealed with another key.
        """
        digest = hashlib.sha256()
        for block in self.blocks(key):
            digest.update(block)
        return digest.hexdigest()
