"""What the runner is told."""

from __future__ import annotations

import os
import pwd
import socket
from pathlib import Path
from typing import Self

from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, SecretStr, model_validator

from stack.services.common.settings import DatabaseUrl, HttpUrl, ServiceSettings, Token

__all__ = ["RunnerSettings"]

_MIB = 1024 * 1024


class RunnerSettings(ServiceSettings):
    """Where it works, for how long, and within which limits."""

    database: DatabaseUrl = Field(alias="DATABASE_URL")
    host: str = Field(default="127.0.0.1", alias="RUNNER_HOST")
    port: int = Field(default=8084, alias="RUNNER_PORT", ge=0, le=65535)
    name: str = Field(
        default_factory=socket.gethostname, alias="RUNNER_NAME", pattern="^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$"
    )
    concurrency: int = Field(default=1, alias="RUNNER_CONCURRENCY", ge=1, le=64)
    kinds: str = Field(default="steps", alias="RUNNER_KINDS", pattern="^[a-z0-9_]+(,[a-z0-9_]+)*$")
    work: Path = Field(alias="RUNNER_WORK")
    user: str | None = Field(default=None, alias="RUNNER_USER", max_length=64)
    grace: float = Field(default=30, alias="RUNNER_GRACE_SECONDS", gt=0)
    lease: float = Field(default=30, alias="RUNNER_LEASE_SECONDS", ge=0.5)
    heartbeat: float = Field(default=2, alias="RUNNER_HEARTBEAT_SECONDS", gt=0)
    look_seconds: float = Field(default=1, alias="RUNNER_LOOK_SECONDS", gt=0)
    retry_seconds: float = Field(default=10, alias="RUNNER_RETRY_SECONDS", ge=0)
    step_seconds: float = Field(default=600, alias="RUNNER_STEP_SECONDS", gt=0)
    longest_step_seconds: float = Field(default=3600, alias="RUNNER_LONGEST_STEP_SECONDS", gt=0)
    cpu_seconds: int = Field(default=1800, alias="RUNNER_CPU_SECONDS", gt=0)
    memory_bytes: int = Field(default=2048 * _MIB, alias="RUNNER_MEMORY_BYTES", ge=16 * _MIB)
    file_bytes: int = Field(default=1024 * _MIB, alias="RUNNER_FILE_BYTES", ge=_MIB)
    processes: int = Field(default=1024, alias="RUNNER_PROCESSES", ge=8)
    open_files: int = Field(default=1024, alias="RUNNER_OPEN_FILES", ge=16)
    log_bytes: int = Field(default=10 * _MIB, alias="RUNNER_LOG_BYTES", ge=1024)
    log_part_bytes: int = Field(default=64 * 1024, alias="RUNNER_LOG_PART_BYTES", ge=256)
    log_part_seconds: float = Field(default=1, alias="RUNNER_LOG_PART_SECONDS", gt=0)
    log_wait_seconds: float = Field(default=60, alias="RUNNER_LOG_WAIT_SECONDS", gt=0)
    checkout_bytes: int = Field(default=2048 * _MIB, alias="RUNNER_CHECKOUT_BYTES", ge=_MIB)
    checkout_seconds: float = Field(default=300, alias="RUNNER_CHECKOUT_SECONDS", gt=0)
    git_url: HttpUrl = Field(alias="GIT_URL")
    git_token: Token = Field(alias="GIT_TOKEN")
    s3_endpoint: HttpUrl = Field(alias="S3_ENDPOINT")
    s3_access_key: SecretStr = Field(alias="S3_ACCESS_KEY", min_length=1)
    s3_secret_key: SecretStr = Field(alias="S3_SECRET_KEY")
    s3_bucket: str = Field(alias="S3_BUCKET", pattern="^[a-z0-9][a-z0-9.-]{1,62}$")
    s3_region: str = Field(default="us-east-1", alias="S3_REGION")
    head_seconds: float = Field(default=15, alias="RUNNER_HEAD_SECONDS", gt=0)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.heartbeat > self.lease / 2:
            raise ValueError("RUNNER_HEARTBEAT_SECONDS has to be at most half of RUNNER_LEASE_SECONDS")
        if self.account is not None and self.account.pw_uid == 0:
            raise ValueError("RUNNER_USER must not be root")
        return self

    @property
    def account(self) -> pwd.struct_passwd | None:
        """Whom steps run as; `None` when that is whoever runs this. Root runs them as `nobody`, if not told otherwise.

        Raises:
            ValueError: there is no such user, or only root could become it.
        """
        if os.geteuid() != 0:
            if self.user is not None and self.user != pwd.getpwuid(os.geteuid()).pw_name:
                raise ValueError("RUNNER_USER can only be chosen by root")
            return None
        name = self.user or "nobody"
        try:
            return pwd.getpwnam(name)
        except KeyError:
            raise ValueError(f"RUNNER_USER: there is no user {name}") from None

    @property
    def hidden(self) -> list[str]:
        """What must not be seen in a log."""
        url = self.database.get_secret_value()
        password = conninfo_to_dict(url).get("password")
        known = [url, *(one.get_secret_value() for one in (self.git_token, self.s3_access_key, self.s3_secret_key))]
        return [*known, str(password)] if password else known
