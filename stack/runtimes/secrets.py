"""The secrets of one run: made when it starts, kept in a file that its owner alone can read."""

from __future__ import annotations

import json
import secrets
from dataclasses import fields
from pathlib import Path

from pydantic import SecretStr

from stack.components.base import Secrets
from stack.runtimes.files import write_private

__all__ = ["generate", "load", "save", "values"]

_FILE = "secrets.json"
# 32 bytes of randomness; Meilisearch wants at least 16 bytes of key.
_BYTES = 32
_ACCESS_KEY_BYTES = 10


def generate() -> Secrets:
    """New secrets, of letters, digits, `-` and `_` only."""
    return Secrets(
        postgres_superuser=_token(),
        postgres_forge=_token(),
        postgres_replication=_token(),
        redis=_token(),
        objects_access_key=secrets.token_hex(_ACCESS_KEY_BYTES).upper(),
        objects_secret_key=_token(),
        meilisearch=_token(),
        git_token=_token(),
        search_token=_token(),
        postgres_monitor=_token(),
    )


def _token() -> SecretStr:
    return SecretStr(secrets.token_urlsafe(_BYTES))


def values(of: Secrets) -> list[str]:
    """Every secret in the clear, for taking them out of what leaves the run."""
    found = (getattr(of, each.name) for each in fields(of))
    return [value.get_secret_value() for value in found if isinstance(value, SecretStr) and value.get_secret_value()]


def save(of: Secrets, folder: Path) -> None:
    """Write them below a folder that only its owner can enter."""
    folder.mkdir(mode=0o700)
    clear = {each.name: _clear(getattr(of, each.name)) for each in fields(of)}
    write_private(folder / _FILE, json.dumps(clear, indent=1) + "\n")


def load(folder: Path) -> Secrets:
    """Read them back; a run that was begun by another version may have some more, or lack some.

    Raises:
        OSError: they are not there or not ours.
    """
    clear: dict[str, str] = json.loads((folder / _FILE).read_text("utf-8"))
    access_key = str(clear.pop("objects_access_key"))
    known = {each.name for each in fields(Secrets)}
    found = {name: SecretStr(value) for name, value in clear.items() if name in known}
    return Secrets(objects_access_key=access_key, **found)


def _clear(value: str | SecretStr) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else value
