"""200 mixed queries over the Go standard library: words, definitions, phrases, punctuation, expressions, filters."""

from __future__ import annotations

from itertools import cycle, islice

__all__ = ["PEER", "mixed"]

_WORDS = ("reader", "writer", "buffer", "http server", "wait group", "json decoder", "time format", "mutex lock")
_DEFINITIONS = ("func main", "func ReadString", "type Buffer", "func Marshal", "sym:WaitGroup", "sym:NewReader")
_EXACT = ('"return nil, err"', "ctx.Done()", "func (b *Buffer)", "->", "!= nil", "unsafe.Pointer(&", "#include")
_EXPRESSIONS = ("/Read(String|Bytes)/", r"/func \(\w+ \*Conn\)/", r"/TODO\(\w+\)/", "/^package \\w+$/")
_FILTERS = ("reader lang:go", "buffer path:bufio", "-is:test flush writer", "file:scan.go token", "path:*.s TEXT")
_NOTHING = ("quetzalcoatl", '"no such text anywhere"', "sym:NoSuchThing")

PEER = ("bufio flush writer", "func main", "ReadString", "http server", "WaitGroup", "sym:Buffer")
"""Queries that Zoekt understands as we do."""


def mixed(number: int = 200) -> list[str]:
    """So many, the kinds in turn."""
    kinds = (_WORDS, _DEFINITIONS, _EXACT, _EXPRESSIONS, _FILTERS, _NOTHING, PEER)
    turns = zip(*(cycle(kind) for kind in kinds), strict=False)
    return list(islice((query for turn in turns for query in turn), number))
