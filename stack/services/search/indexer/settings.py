"""What the indexer is told."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from stack.search.engines import WRITE_SECONDS
from stack.services.search.settings import IndexSettings

__all__ = ["IndexerSettings"]


class IndexerSettings(IndexSettings):
    """The indexer's own."""

    host: str = Field(default="127.0.0.1", alias="INDEXER_HOST")
    port: int = Field(default=8083, alias="INDEXER_PORT", ge=0, le=65535)
    grace: float = Field(default=30, alias="INDEXER_GRACE_SECONDS", gt=0)
    ctags: Path = Field(default=Path("ctags"), alias="SEARCH_CTAGS")
    look_seconds: float = Field(default=0.5, alias="INDEXER_LOOK_SECONDS", gt=0)
    refs_seconds: float = Field(default=60, alias="INDEXER_REFS_SECONDS", gt=0)
    backoff_seconds: float = Field(default=30, alias="INDEXER_BACKOFF_SECONDS", gt=0)
    write_seconds: float = Field(default=WRITE_SECONDS, alias="INDEXER_WRITE_SECONDS", gt=0)
    head_seconds: float = Field(default=15, alias="INDEXER_HEAD_SECONDS", gt=0)
