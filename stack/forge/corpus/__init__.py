"""The corpus: real code that anyone can fetch again, and people and work around it from a fixed seed."""

from __future__ import annotations

from stack.forge.corpus.clients import Client, ClientError, Clients
from stack.forge.corpus.fetch import ChecksumError, fetch
from stack.forge.corpus.fill import FillReport, fill, objects
from stack.forge.corpus.manifest import Manifest, Size, load_manifest

__all__ = [
    "ChecksumError",
    "Client",
    "ClientError",
    "Clients",
    "FillReport",
    "Manifest",
    "Size",
    "fetch",
    "fill",
    "load_manifest",
    "objects",
]
