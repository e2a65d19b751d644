"""Whether a restored database has the schema that the migrations make: compared with a committed reference.

    python -m stack.recovery.structure CONNINFO

writes the reference anew, from an empty database that it brings up to date.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import psycopg

from reports.verdict import Finding
from stack.forge.migrate import migrate
from stack.recovery.rules import broken
from stack.search.state import MIGRATIONS

__all__ = ["REFERENCE", "check", "describe", "reference"]

REFERENCE = Path(__file__).with_name("structure.json")
_OURS = "recovery_canary"  # recovery makes it itself
_SHOWN = 20
_QUERY = """\
WITH tables AS (
    SELECT c.oid, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND c.relname <> %(ours)s
)
SELECT format('column %%s.%%s', t.relname, a.attname), concat_ws(' ', format_type(a.atttypid, a.atttypmod),
        CASE WHEN a.attnotnull THEN 'NOT NULL' END,
        CASE a.attidentity WHEN 'a' THEN 'ALWAYS' WHEN 'd' THEN 'BY DEFAULT' END,
        'DEFAULT ' || pg_get_expr(d.adbin, d.adrelid))
    FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
UNION ALL
SELECT format('constraint %%s.%%s', t.relname, k.conname), pg_get_constraintdef(k.oid)
    FROM tables t JOIN pg_constraint k ON k.conrelid = t.oid WHERE k.contype <> 'n'
UNION ALL
SELECT format('index %%s', i.indexrelid::regclass), pg_get_indexdef(i.indexrelid)
    FROM tables t JOIN pg_index i ON i.indrelid = t.oid
UNION ALL
SELECT format('trigger %%s.%%s', t.relname, g.tgname), pg_get_triggerdef(g.oid)
    FROM tables t JOIN pg_trigger g ON g.tgrelid = t.oid WHERE NOT g.tgisinternal
UNION ALL
SELECT format('function %%s(%%s)', p.proname, pg_get_function_identity_arguments(p.oid)), md5(p.prosrc)
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'public'
    AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = p.oid AND e.deptype = 'e')
ORDER BY 1"""


def describe(conninfo: str) -> dict[str, str]:
    """Columns, constraints, indexes, triggers and functions of the schema `public`: name to definition."""
    with psycopg.connect(conninfo) as db:
        return dict(db.execute(_QUERY, {"ours": _OURS}).fetchall())


def reference() -> dict[str, Any]:
    """The committed one: `schema`, the number of the last migration, and the objects of `forge` and `search`."""
    found: dict[str, Any] = json.loads(REFERENCE.read_text("utf-8"))
    return found


def check(conninfo: str, schema: int) -> list[Finding]:
    """Compare a restored database with the reference.

    Args:
        conninfo: the forge's database.
        schema: the last migration that the set names.
    """
    known = reference()
    if schema != known["schema"]:
        return [broken("STRUCTURE_UNKNOWN", f"the set has schema {schema}, the reference is of {known['schema']}")]
    there = describe(conninfo)
    expected = dict(known["forge"])
    # The search brings its own tables when it first starts.
    if any(name in there for name in known["search"]):
        expected |= known["search"]
    told = [f"{name} is not there" for name in sorted(set(expected) - set(there))]
    told += [f"{name} is there, and nobody made it" for name in sorted(set(there) - set(expected))]
    told += [
        f"{name} is {there[name]}, and should be {expected[name]}"
        for name in sorted(set(there) & set(expected))
        if there[name] != expected[name]
    ]
    findings = [broken("STRUCTURE_DIFFERS", each) for each in told[:_SHOWN]]
    if len(told) > _SHOWN:
        findings.append(broken("STRUCTURE_DIFFERS", f"and {len(told) - _SHOWN} more"))
    return findings


def make(conninfo: str) -> str:
    """The reference's text, from an empty database."""
    migrate(conninfo)
    forge = describe(conninfo)
    with psycopg.connect(conninfo) as db:
        row = db.execute("SELECT max(version) FROM schema_migration").fetchone()
    migrate(conninfo, MIGRATIONS, table="search_migration")
    search = {name: text for name, text in describe(conninfo).items() if name not in forge}
    document = {"schema": row[0] if row is not None else 0, "forge": forge, "search": search}
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    REFERENCE.write_text(make(sys.argv[1]), "utf-8")
