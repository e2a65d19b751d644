"""The `[recovery]` table of engineroom.toml; an unknown key in it is an error."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["CopySettings", "RecoverySettings"]

_NAME = r"^[a-z0-9][a-z0-9_-]{0,62}$"


class CopySettings(BaseModel):
    """`[recovery.copy]`: a second bucket, at best of somebody else's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint: str
    bucket: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{2,62}$")
    prefix: str = Field(default="engineroom", pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$")
    region: str = "us-east-1"
    writer: Path = Field(description="AWS credentials file of who writes there.")


class RecoverySettings(BaseModel):
    """Where backups go and how long they stay."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    server: str = Field(default="forge", pattern=_NAME, description="The database server's folder in the bucket.")
    bucket: str = Field(default="engineroom-backups", pattern=r"^[a-z0-9][a-z0-9.-]{2,62}$")
    prefix: str = Field(default="engineroom", pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$")
    endpoint: str | None = Field(default=None, description="S3 endpoint; the stack's own store otherwise.")
    region: str = "us-east-1"
    writer: Path | None = Field(default=None, description="AWS credentials file of who writes backups.")
    pruner: Path | None = Field(default=None, description="AWS credentials file of who may delete them.")
    key_file: Path | None = Field(default=None, description="The key that objects are sealed with: 64 hex digits.")
    compression: Literal["lz4", "gzip"] = Field(default="lz4", description="Of WAL and base backups.")
    archive_timeout: int = Field(
        default=60, ge=1, description="Seconds after which a segment is archived though it is not full."
    )
    receive_every: float = Field(default=1.0, gt=0, description="Seconds between uploads of the unfinished segment.")
    ship_every: float = Field(default=0.2, gt=0, description="Seconds between two looks for pushes to ship.")
    ship_stale_after: float = Field(
        default=60.0, gt=0, description="Age in seconds of a waiting push that is an alarm."
    )
    stale_after: float = Field(default=300.0, gt=0, description="Age in seconds of the newest WAL that is an alarm.")
    base_every: float = Field(default=24.0, gt=0, description="Hours between base backups.")
    keep_days: int = Field(default=14, ge=1, description="Every point in so many days stays within reach.")
    keep_at_least: int = Field(default=2, ge=1, description="Base backups that stay, however old.")
    signing_key: Path | None = Field(default=None, description="What catalogues are signed with: ed25519, PEM.")
    public_key: Path | None = Field(default=None, description="What they are checked with; whoever restores has it.")
    secrets: tuple[Path, ...] = Field(default=(), description="Files and folders that the forge cannot do without.")
    secrets_apart: str = Field(default="", description="Who else keeps the forge's secrets, when sets do not.")
    canary: bool = Field(default=True, description="Whether each set plants a row and a commit to be looked for.")
    queries: Path | None = Field(default=None, description="More questions to the restored database; see forge.yaml.")
    drill_every: float = Field(default=26.0, gt=0, description="Hours after which the last drill is an alarm.")
    allowed_rto: float | None = Field(default=None, gt=0, description="Seconds that a restore may take in a drill.")
    allowed_rpo: float | None = Field(default=None, gt=0, description="Seconds of data that a loss may take.")
    forge_bucket: str = Field(default="forge", description="Where attachments, LFS objects and logs of jobs are.")
    shards: int = Field(default=8, ge=1, le=256, description="Snapshots that git repositories are spread over.")
    stale_set: float = Field(default=26.0, gt=0, description="Age in hours of the newest set that is an alarm.")
    may_fall: float = Field(
        default=0.2, ge=0, le=1, description="Share of repositories or refs that may be gone since the set before."
    )
    lock_days: int = Field(default=0, ge=0, description="Days for which the store must keep a set from being deleted.")
    copy_to: CopySettings | None = Field(default=None, alias="copy", description="A second bucket.")
