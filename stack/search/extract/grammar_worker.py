"""A program: finds definitions with tree-sitter, asked over its standard input as universal-ctags is.

It runs as a child process because a grammar is native code that may loop, leak or crash; its parent kills it then. It
stands alone: nothing of this project is imported, so that it starts quickly wherever Python finds the grammars.

In a query, `@name` is a definition's name (several are joined by dots: the labels of a HCL block), a capture named for
a kind is the whole of it, `@kind` is a node whose text is the kind, `@outer` serves predicates. A definition's scope is
the innermost named definition around it.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from tree_sitter import Language, Node, Parser, Query, QueryCursor

_HELPERS = {"name", "kind", "outer"}
_QUERIES = Path(__file__).parent / "queries"

Tag = dict[str, str | int]


class Grammar:
    """One language: its parser and the query for its definitions."""

    def __init__(self, name: str) -> None:
        """Load the grammar's wheel and our query of the same name."""
        language = Language(importlib.import_module(f"tree_sitter_{name}").language())
        self._parser = Parser(language)
        self._query = Query(language, (_QUERIES / f"{name}.scm").read_text("utf-8"))

    def tags(self, text: bytes) -> Iterator[Tag]:
        """The definitions in source order; where several patterns match a name, the first in the query counts."""
        tree = self._parser.parse(text)
        found: dict[int, tuple[int, Node, str, str]] = {}
        for pattern, captures in QueryCursor(self._query).matches(tree.root_node):
            definition = next(((kind, nodes[0]) for kind, nodes in captures.items() if kind not in _HELPERS), None)
            names = sorted(captures.get("name", ()), key=_start)
            if definition is None or not names:
                continue
            kind, node = definition
            if "kind" in captures:
                kind = _text(captures["kind"][0])
            start = _start(names[0])
            if start not in found or pattern < found[start][0]:
                found[start] = pattern, node, kind, ".".join(map(_text, names))
        yield from _scoped((start, *found[start][1:]) for start in sorted(found))


def _scoped(found: Iterable[tuple[int, Node, str, str]]) -> Iterator[Tag]:
    """Adds the name of the innermost definition around each."""
    around: list[tuple[int, str]] = []  # end byte and name
    for start, node, kind, name in found:
        while around and around[-1][0] <= start:
            around.pop()
        line = node.start_point.row + node.text[: start - node.start_byte].count(b"\n") if node.text else 0
        tag: Tag = {"_type": "tag", "name": name, "line": line + 1, "kind": kind}
        if around:
            tag["scope"] = around[-1][1]
        yield tag
        around.append((node.end_byte, name))


def _start(node: Node) -> int:
    return node.start_byte


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer until the input ends; a file's extension names the grammar."""
    grammars: dict[str, Grammar] = {}

    def say(message: Tag) -> None:
        answers.write(json.dumps(message).encode() + b"\n")

    say({"_type": "program", "name": "tree-sitter"})
    answers.flush()
    while header := requests.readline():
        request = json.loads(header)
        text = requests.read(request["size"])
        name = request["filename"].rpartition(".")[2]
        if name not in grammars:
            grammars[name] = Grammar(name)
        for tag in grammars[name].tags(text):
            say(tag)
        say({"_type": "completed", "command": "generate-tags"})
        answers.flush()


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
