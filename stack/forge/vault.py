"""Secrets in the database that must be readable again: AES-256-GCM, bound to the place they are stored at."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretStr

from stack.forge.errors import ForgeError, InvalidError

__all__ = ["Sealed", "Vault", "VaultError", "new_key"]

_KEY_BYTES = 32  # AES-256
_NONCE_BYTES = 12  # NIST SP 800-38D, 5.2.1.1: 96 bits for random nonces


class VaultError(ForgeError):
    """A secret can't be decrypted: its key is not here, or it was changed or moved to another row."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A secret as it is stored."""

    key_id: str
    nonce: bytes
    ciphertext: bytes


def new_key() -> SecretStr:
    """A random key, 32 bytes in base64."""
    return SecretStr(base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode("ascii"))


class Vault:
    """Seals with the newest key and opens with any that it was given."""

    def __init__(self, keys: Mapping[str, SecretStr], *, current: str) -> None:
        """Take keys by their ids.

        Args:
            keys: 32 bytes in base64 each.
            current: id of the one to seal with; the others only open what was sealed before a rotation.

        Raises:
            InvalidError: a key has another length, or `current` isn't one of them.
        """
        self._current = current
        self._ciphers = {key_id: AESGCM(_decoded(key_id, key)) for key_id, key in keys.items()}
        if current not in self._ciphers:
            raise InvalidError("The key to seal with is not among the keys", on=current)

    @classmethod
    def from_file(cls, path: Path) -> Vault:
        """Keys from a file of lines `id base64`, the last one current; made with one new key when it isn't there.

        Raises:
            VaultError: others than its owner may read the file.
        """
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            pass
        else:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(f"key-1 {new_key().get_secret_value()}\n")
        if path.stat().st_mode & 0o077:
            raise VaultError("Others than its owner may read the key file", on=str(path), fix="chmod 600")
        lines = [line.split() for line in path.read_text("ascii").splitlines() if line.strip()]
        keys = {key_id: SecretStr(key) for key_id, key in lines}
        return cls(keys, current=list(keys)[-1])

    def seal(self, secret: SecretStr, *, table: str, row: int, column: str) -> Sealed:
        """Encrypt a secret for one place and no other."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        data = secret.get_secret_value().encode()
        return Sealed(
            self._current, nonce, self._ciphers[self._current].encrypt(nonce, data, _place(table, row, column))
        )

    def open(self, sealed: Sealed, *, table: str, row: int, column: str) -> SecretStr:
        """Decrypt a secret that was read from this place.

        Raises:
            VaultError: the key isn't here, or the ciphertext isn't what was sealed for this place.
        """
        cipher = self._ciphers.get(sealed.key_id)
        where = f"{table} {row} {column}"
        if cipher is None:
            raise VaultError("The key of a secret is not here", on=where, got=f"key id {sealed.key_id}")
        try:
            return SecretStr(cipher.decrypt(sealed.nonce, sealed.ciphertext, _place(table, row, column)).decode())
        except InvalidTag as error:
            raise VaultError(
                "A secret doesn't decrypt",
                on=where,
                fix="it was changed, moved from another row, or the key is another",
            ) from error


def _place(table: str, row: int, column: str) -> bytes:
    return f"{table}/{row}/{column}".encode()


def _decoded(key_id: str, key: SecretStr) -> bytes:
    raw = base64.b64decode(key.get_secret_value())
    if len(raw) != _KEY_BYTES:
        raise InvalidError("A key of AES-256 has 32 bytes", on=key_id, got=f"{len(raw)} bytes")
    return raw
