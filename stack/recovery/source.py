"""The forge that is backed up, as recovery is told of it: database, git repositories, objects, secrets, programs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stack.addresses import ObjectStoreAddress, PostgresAddress
from stack.recovery.store import Bucket
from stack.recovery.tools import Server

__all__ = ["ForgeObjects", "Source"]


@dataclass(frozen=True)
class ForgeObjects:
    """The bucket with attachments, LFS objects and logs of jobs."""

    address: ObjectStoreAddress
    bucket: str

    def opened(self) -> Bucket:
        """The whole of it."""
        return Bucket(self.address, self.bucket, "")


@dataclass(frozen=True)
class Source:
    """Everything that goes into a set.

    Attributes:
        server: the database server.
        database: the forge's database on it; asked with the rights of `server.admin`.
        git_root: folder of the git repositories, `<owner>/<name>.git`.
        objects: the forge's own object store; None when it has none.
        secrets: files and folders that the forge cannot do without.
        restic: the program.
        cache: a folder of ours, which may be emptied at any time.
    """

    server: Server
    database: PostgresAddress
    git_root: Path
    objects: ForgeObjects | None
    secrets: tuple[Path, ...]
    restic: Path
    cache: Path

    @property
    def conninfo(self) -> str:
        """The forge's database, as an administrator."""
        return self.server.admin.model_copy(update={"database": self.database.database}).conninfo()
