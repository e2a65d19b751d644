"""What search service and indexer are told, and what both derive from it alike."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, SecretStr

from stack.addresses import EngineAddress, EngineKind, GitAddress
from stack.services.common.settings import DatabaseUrl, HttpUrl, ServiceSettings, Token

__all__ = ["IndexSettings", "SearchSettings"]

_POSTGRESQL_PORT = "5432"


class IndexSettings(ServiceSettings):
    """Where database, engine, git and exact index are."""

    database: DatabaseUrl = Field(alias="DATABASE_URL")
    engine: EngineKind = Field(alias="SEARCH_ENGINE")
    engine_url: HttpUrl = Field(alias="SEARCH_ENGINE_URL")
    engine_key: SecretStr | None = Field(default=None, alias="SEARCH_ENGINE_KEY")
    engine_prefix: str = Field(default="engineroom", alias="SEARCH_ENGINE_PREFIX", pattern="^[a-z0-9_-]{1,40}$")
    git_form: Literal["local", "protocol", "agent"] = Field(alias="SEARCH_GIT_FORM")
    git_location: str = Field(alias="SEARCH_GIT_LOCATION", min_length=1)
    git_token: SecretStr | None = Field(default=None, alias="SEARCH_GIT_TOKEN")
    folder: Path = Field(alias="SEARCH_FOLDER")

    @property
    def engine_address(self) -> EngineAddress:
        """Of the engine."""
        return EngineAddress(kind=self.engine, url=self.engine_url, key=self.engine_key)

    @property
    def git_address(self) -> GitAddress:
        """Of the repositories."""
        return GitAddress(form=self.git_form, location=self.git_location, token=self.git_token)

    @property
    def exact_folder(self) -> Path:
        """Of the exact index; one for each database and engine, laid out as everything else here does it."""
        parts = conninfo_to_dict(self.database.get_secret_value())
        mark = f"{parts.get('host', '')}:{parts.get('port') or _POSTGRESQL_PORT}/{parts.get('dbname', '')}"
        return self.folder / "exact" / f"{self.engine}-{hashlib.sha256(mark.encode()).hexdigest()[:12]}"

    @property
    def mirrors(self) -> Path:
        """Cache of repositories that are reached by the git protocol."""
        return self.folder / "mirrors"


class SearchSettings(IndexSettings):
    """The search service's own."""

    host: str = Field(default="127.0.0.1", alias="SEARCH_HOST")
    port: int = Field(default=8082, alias="SEARCH_PORT", ge=0, le=65535)
    token: Token = Field(alias="SEARCH_TOKEN")
    grace: float = Field(default=30, alias="SEARCH_GRACE_SECONDS", gt=0)
    threads: int = Field(default=8, alias="SEARCH_THREADS", ge=1, le=256)
    queue: int = Field(default=32, alias="SEARCH_QUEUE", ge=0, le=10_000)
    queue_seconds: float = Field(default=2, alias="SEARCH_QUEUE_SECONDS", gt=0)
    seconds: float = Field(default=10, alias="SEARCH_SECONDS", gt=0)
    suggest_seconds: float = Field(default=0.05, alias="SEARCH_SUGGEST_SECONDS", gt=0)
    engine_seconds: float = Field(default=2, alias="SEARCH_ENGINE_SECONDS", gt=0)
    head_seconds: float = Field(default=15, alias="SEARCH_HEAD_SECONDS", gt=0)
