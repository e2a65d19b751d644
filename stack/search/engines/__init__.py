"""Search servers behind one interface: Meilisearch, OpenSearch (and Elasticsearch-compatible servers)."""

from __future__ import annotations

from stack.addresses import EngineAddress
from stack.search.engines.base import Engine

__all__ = ["open_engine"]

READ_SECONDS = 5.0
WRITE_SECONDS = 30.0


def open_engine(
    address: EngineAddress,
    *,
    prefix: str = "engineroom",
    read_seconds: float = READ_SECONDS,
    write_seconds: float = WRITE_SECONDS,
) -> Engine:
    """The engine at an address; nothing is sent yet.

    Args:
        address: where, what kind, and the key.
        prefix: of every index name, so that a server can be shared.
        read_seconds: how long a question is tried again while the server is away or busy.
        write_seconds: the same for a write.
    """
    if address.kind == "opensearch":
        from stack.search.engines.opensearch import OpenSearchEngine  # noqa: PLC0415 - loads only the client needed

        return OpenSearchEngine(address, prefix=prefix, read_seconds=read_seconds, write_seconds=write_seconds)
    from stack.search.engines.meilisearch import MeilisearchEngine  # noqa: PLC0415

    return MeilisearchEngine(address, prefix=prefix, read_seconds=read_seconds, write_seconds=write_seconds)
