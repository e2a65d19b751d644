"""Keeps secrets out of a stream of bytes, also where one is cut in two."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from urllib.parse import quote

__all__ = ["Masker"]

_MASK = b"***"
_SHORTEST = 6  # anything shorter is in every text


class Masker:
    """Replaces secrets, as they are and as they are commonly written."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """Know these; very short ones are left alone."""
        forms: set[bytes] = set()
        for secret in secrets:
            raw = secret.encode()
            forms |= {raw, base64.b64encode(raw), quote(secret, safe="").encode()}
        self._secrets = sorted((form for form in forms if len(form) >= _SHORTEST), key=len, reverse=True)
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """What can be shown by now; an end that may be the beginning of a secret is kept back."""
        text = self._masked(self._held + data)
        keep = max((self._begun(text, secret) for secret in self._secrets), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def rest(self) -> bytes:
        """What was kept back: it turned out to be the end."""
        held, self._held = self._held, b""
        return held

    def _masked(self, text: bytes) -> bytes:
        for secret in self._secrets:
            text = text.replace(secret, _MASK)
        return text

    @staticmethod
    def _begun(text: bytes, secret: bytes) -> int:
        """How many bytes at the end of a text are the beginning of a secret."""
        for length in range(min(len(secret) - 1, len(text)), 0, -1):
            if text.endswith(secret[:length]):
                return length
        return 0
