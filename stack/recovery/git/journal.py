"""One accepted push as it lies in the bucket: which refs moved, and the pack of what they brought."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Entry", "Move"]

_OID = r"^([0-9a-f]{40}|[0-9a-f]{64})$"


class Move(BaseModel):
    """A ref that moved; `old` or `new` is None when it was made or deleted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ref: str = Field(pattern=r"^refs/")
    old: str | None = Field(default=None, pattern=_OID)
    new: str | None = Field(default=None, pattern=_OID)


class Entry(BaseModel):
    """One row of `push_journal`, shipped. It is sealed; its key is `layout.entry`.

    Attributes:
        row: id in `push_journal`: the order of the forge's own database.
        repository: id of its row.
        is_wiki: whether it was the wiki's git repository.
        owner: the repository's owner then.
        name: its name then.
        accepted: when the database took the push.
        shipped: when this was written.
        moves: refs that moved. What was only seen afterwards on the disk is `seen`.
        seen: the event named no refs, so `moves` is how the disk differed from the journal when it was shipped.
        pack: sha256 of the pack with what was not shipped before; None when the push brought nothing new.
        pack_bytes: its size before it was sealed.
        missing: objects that a ref named and git no longer had; what was lost before it could be shipped.
        previous: row of the entry before it in this repository; None for the first. A gap in the chain is a loss.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = 1
    row: int = Field(gt=0)
    repository: int = Field(gt=0)
    is_wiki: bool
    owner: str
    name: str
    accepted: datetime
    shipped: datetime
    moves: tuple[Move, ...] = ()
    seen: bool = False
    pack: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    pack_bytes: int = Field(default=0, ge=0)
    missing: tuple[str, ...] = ()
    previous: int | None = None
