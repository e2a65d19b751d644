"""What git repositories must be, by a database that was recovered to some moment."""

from __future__ import annotations

from dataclasses import dataclass, field

import psycopg

from stack.forge.names import git_name, wiki_git_name
from stack.recovery.git.ledger import Key

__all__ = ["Wanted", "refs_at", "wanted"]

_REPOSITORIES = """\
SELECT r.id, o.name, r.name, r.default_branch FROM repository r JOIN owner o ON o.id = r.owner_id
WHERE r.deleted_at IS NULL ORDER BY r.id"""
_REFS = """\
SELECT f.repository_id, f.is_wiki, f.ref, f.oid FROM repository_ref f JOIN repository r ON r.id = f.repository_id
WHERE r.deleted_at IS NULL ORDER BY f.repository_id, f.is_wiki, f.ref"""
_PULLS = """\
SELECT i.repository_id, i.number, p.head_commit FROM pull_request p JOIN issue i ON i.id = p.issue_id
JOIN repository r ON r.id = i.repository_id WHERE i.state = 'open' AND r.deleted_at IS NULL"""
_ROWS = "SELECT repository_id, is_wiki, array_agg(id ORDER BY id) FROM push_journal WHERE id > %s GROUP BY 1, 2"
_WIKI_BRANCH = "main"


@dataclass(frozen=True)
class Wanted:
    """One git repository.

    Attributes:
        key: id of its row, and whether it is the wiki.
        owner: its owner's name at that moment.
        name: its name at that moment.
        head: the branch that HEAD names.
        refs: full name to object.
        rows: rows of `push_journal` that the database knows of it, in their order.
    """

    key: Key
    owner: str
    name: str
    head: str
    refs: dict[str, str] = field(default_factory=dict)
    rows: tuple[int, ...] = ()

    @property
    def git(self) -> str:
        """Its folder below the git root, `owner/name.git`."""
        return wiki_git_name(self.owner, self.name) if self.key[1] else git_name(self.owner, self.name)


def wanted(conninfo: str, *, after: int = 0) -> list[Wanted]:
    """Every git repository that the forge has: those of its repositories, and each wiki that was ever pushed to.

    The head of an open pull request is a ref even where git was never told so.

    Args:
        conninfo: the recovered database.
        after: rows of the journal up to this one are left out.
    """
    with psycopg.connect(conninfo) as db:
        db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        refs: dict[Key, dict[str, str]] = {}
        for repository, is_wiki, ref, oid in db.execute(_REFS).fetchall():
            refs.setdefault((repository, is_wiki), {})[ref] = oid
        for repository, number, commit in db.execute(_PULLS).fetchall():
            refs.setdefault((repository, False), {}).setdefault(f"refs/pull/{number}/head", commit)
        rows = {(repository, wiki): tuple(ids) for repository, wiki, ids in db.execute(_ROWS, (after,)).fetchall()}
        found = []
        for repository, owner, name, branch in db.execute(_REPOSITORIES).fetchall():
            for key, head in (((repository, False), branch), ((repository, True), _WIKI_BRANCH)):
                if not key[1] or key in refs or key in rows:
                    found.append(Wanted(key, owner, name, head, refs.get(key, {}), rows.get(key, ())))
    return found


def refs_at(conninfo: str) -> dict[Key, dict[str, str]]:
    """Every ref of every git repository, by a database that was recovered to some moment."""
    return {each.key: each.refs for each in wanted(conninfo)}
