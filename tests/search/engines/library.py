"""Documents that the contract tests look for."""

from __future__ import annotations

import random

from stack.search.engines.base import And, Document, Equals, Exists, Filter, JsonValue, Not, OneOf, Or, Range

__all__ = ["CODE", "EVIL", "HUGE", "ISSUES", "code", "issue", "some_filter"]

HUGE = 2**53
"""The first whole number that a 64-bit float does not tell from the next."""


def code(name: str, content: str = "", **fields: JsonValue) -> Document:
    """One complete document of the code index; `name` is its file id, `-0` (or its part) is added for the id."""
    part = fields.get("part", 0)
    path = str(fields.get("path", f"src/{name}.rs"))
    return {
        "id": f"{name}-{part}",
        "file_id": name,
        "repository_id": 1,
        "repository": "ada/engine",
        "owner": "ada",
        "visibility": "public",
        "stars": 0,
        "archived": False,
        "path": path,
        "path_parts": path.replace(".", "/").split("/"),
        "path_tokens": [path.lower()],
        "basename": path.rsplit("/", 1)[-1],
        "language": "Rust",
        "author": "Ada",
        "date": 1_700_000_000,
        "year": "2023",
        "commit": "c" * 40,
        "blob": "b" * 40,
        "mode": "100644",
        "branch": "main",
        "status": "indexed",
        "size": len(content),
        "part": 0,
        "parts": 1,
        "first_line": 1,
        "is_test": False,
        "is_vendored": False,
        "is_generated": False,
        "symbol_names": [],
        "symbols": [],
        "definitions": [],
        "identifiers": [],
        "content": content,
        **fields,
    }


def issue(name: str, title: str, body: str = "", **fields: JsonValue) -> Document:
    """One complete document of the issues index."""
    return {
        "id": name,
        "file_id": name,
        "kind": "issue",
        "repository_id": 1,
        "repository": "ada/engine",
        "owner": "ada",
        "visibility": "public",
        "title": title,
        "body": body,
        "comments": "",
        "identifiers": "",
        "author": "ada",
        "state": "open",
        "labels": [],
        "number": 1,
        "created": 1_600_000_000,
        "updated": 1_600_000_000,
        "year": "2020",
        "stars": 0,
        "url": f"/ada/engine/issues/{name}",
        "archived": False,
        **fields,
    }


def _main(name: str, **fields: JsonValue) -> Document:
    return {
        **code(name, "fn main() {\n    start();\n}\n"),
        "symbol_names": ["main"],
        "symbols": ["1\tfunction\tmain\t\tfn main() {"],
        "definitions": ["fn main() {"],
        **fields,
    }


EVIL = (
    'a"b',
    "a\\b",
    'a\\"b',
    "a\\",
    "a'b",
    '" OR 1=1 OR path = "',
    '\\" OR visibility = \\"private',
    "x] OR id EXISTS OR path IN [y",
    "NOT path EXISTS",
    "a\nb",
    "a\\nb",
    "a\tb",
    "$& {} %s ~*?",
    "\\u0041\\x41",
    "AND",
    " leading and trailing ",
    "测试/naïve file+#%.txt",
    "_geoRadius(1,2,3)",
)
"""Values made to break out of a filter, or to be changed on the way into one."""

CODE: tuple[Document, ...] = (
    _main("00main"),
    _main("01main", stars=50, repository="bob/tool", owner="bob", repository_id=2),
    _main("02main", is_test=True),
    code("03words", "// in the main loop every fn is called\n"),
    code("04guide", "Write `fn main` first.\n", language="Markdown", path="docs/guide.md"),
    code("05gomain", "func main() {}\n", language="Go", symbol_names=["main"], definitions=["func main() {}"]),
    code("06lists", "list_users p->next std::vector<int> x=foo 3.14 $var\n", identifiers=["list", "users"]),
    code("07spread", "alpha\n", path="beta/gamma.rs", symbol_names=["delta"]),
    code("08cjk", "// 测试文件 の テスト 데이터베이스 连接\n", path="src/测试.rs"),
    code("09long", f"before {'x' * 5000} after\n"),
    code("10large", "filler words\n" * 20_000 + "needleattheend\n"),
    code("11secret", "password hunter2\n", visibility="private", repository_id=3, repository="eve/vault", owner="eve"),
    code("12open", "password of everybody\n", language="Go"),
    *(
        code("13parts", f"shared words, chapter{part}\n", part=part, parts=3, language="C", author="Bob")
        for part in range(3)
    ),
    code("14whole", "shared words\n", language="C", author="Cy"),
    code("15deep", "deep\n", path="d/" * 300 + "x.rs"),
    code("16deeper", "deep\n", path="d/" * 300 + "y.rs"),
    code("17huge", "huge\n", repository_id=HUGE),
    code("18huger", "huge\n", repository_id=HUGE + 1),
    code("19accent", "naïve café ÉCOLE\n", author="Zoë"),
    code("20empty", "", language="", status="empty", size=0),
    code("21binary", "", language="", status="binary", size=10_000, path="img/logo.png"),
    *(code(f"3{number:02}evil", "evil\n", path=value, language="Text") for number, value in enumerate(EVIL)),
    *(
        code(f"4{number:02}plain", "plain common\n", date=1_000 + number % 4, stars=number % 3, size=number)
        for number in range(30)
    ),
)

ISSUES: tuple[Document, ...] = (
    issue("1disk", "Disk full", "The disk is full of logs", labels=["bug", "ops"], number=1),
    issue("2full", "Full disk encryption", "Please encrypt", labels=["feature"], number=2, updated=1_650_000_000),
    issue("3shut", "Crash on start", "It crashes", state="closed", author="bob", number=3, comments="disk was fine"),
    issue("4cjk", "数据库连接失败", "重启后恢复", number=4),
    issue("5hidden", "Disk of the vault", visibility="private", repository_id=3, repository="eve/vault", number=5),
)


def some_filter(chance: random.Random, depth: int) -> Filter:
    """A filter on the documents of `CODE`, nested at most so deep, with constants in it now and then."""
    if depth and chance.random() < 0.6:
        inner = tuple(some_filter(chance, depth - 1) for _ in range(chance.randrange(4)))
        joined: list[Filter] = [And(inner), Or(inner), Not(some_filter(chance, depth - 1))]
        return chance.choice(joined)
    document = chance.choice(CODE)
    name = chance.choice(["path", "language", "author", "repository_id", "stars", "is_test", "file_id", "status"])
    value = document[name]
    assert isinstance(value, str | int)
    number = chance.choice(["stars", "date", "size", "part"])
    low, high = chance.choice([None, 0, 1, 1_001]), chance.choice([None, 2, 1_003, 10**10])
    several = tuple(str(chance.choice(CODE)["author"]) for _ in range(chance.randrange(3)))
    single: list[Filter] = [
        Equals(name, value),
        OneOf("author", several),
        Range(number, low, high),
        Exists(chance.choice(["language", "date"])),
    ]
    return chance.choice(single)
