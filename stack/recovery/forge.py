"""What recovery knows of the forge's tables: queries in `forge.yaml`, and those that a user's own file adds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import yaml
from psycopg import sql
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stack.errors import UsageError

__all__ = ["ForgeQueries", "Query", "load_queries"]

_OWN = Path(__file__).with_name("forge.yaml")
_COLUMNS = {"commits": 3, "blobs": 4, "encrypted": 6, "clonable": 3, "impossible": 1}


class Query(BaseModel):
    """One question to the restored database.

    Attributes:
        name: what it asks about, for people.
        query: SQL that only reads; how many columns it gives depends on the list that it is in.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    query: str = Field(min_length=1)


class ForgeQueries(BaseModel):
    """All questions, by what they are about; `forge.yaml` says which columns each gives."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    commits: tuple[Query, ...] = ()
    blobs: tuple[Query, ...] = ()
    encrypted: tuple[Query, ...] = ()
    clonable: tuple[Query, ...] = ()
    impossible: tuple[Query, ...] = ()

    def rows(self, db: psycopg.Connection, kind: str) -> Iterator[tuple[Any, ...]]:
        """The answers to all questions of a list, as they come.

        Args:
            db: the restored database; nothing is written to it.
            kind: a name of a list.

        Raises:
            UsageError: a query is refused, or gives other columns than its list needs.
        """
        asked: tuple[Query, ...] = getattr(self, kind)
        for each in asked:
            try:
                with db.transaction(force_rollback=True):
                    db.execute("SET TRANSACTION READ ONLY")
                    with db.cursor(name="asked") as cursor:
                        cursor.execute(sql.SQL(each.query))  # it comes from a file, and only reads
                        width = len(cursor.description or ())
                        if width != _COLUMNS[kind]:
                            raise _unfit(kind, each, f"{width} columns")
                        yield from cursor
            except psycopg.Error as error:
                raise _unfit(kind, each, str(error).strip()) from error


def _unfit(kind: str, query: Query, got: str) -> UsageError:
    return UsageError(
        "A query about the forge cannot be used",
        on=f"{kind}: {query.name}",
        got=got,
        fix=f"it must read {_COLUMNS[kind]} columns; stack/recovery/forge.yaml says which",
    )


def load_queries(more: Path | None = None) -> ForgeQueries:
    """Our own queries, and those of another file after them.

    Raises:
        UsageError: a file cannot be read, or has an unknown key.
    """
    own = _read(_OWN)
    if more is None:
        return own
    added = _read(more)
    return ForgeQueries(**{kind: (*getattr(own, kind), *getattr(added, kind)) for kind in _COLUMNS})


def _read(path: Path) -> ForgeQueries:
    try:
        said = yaml.safe_load(path.read_text("utf-8"))
        return ForgeQueries.model_validate({} if said is None else said)  # a file of comments is None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            "The queries about the forge cannot be used",
            on=f"{path}: {where}",
            got=first["msg"],
            fix=f"see {_OWN}",
        ) from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError("The queries about the forge cannot be read", on=str(path), got=str(error)) from error
