"""Finds the definitions in a file, with a bound on time and memory for each."""

from __future__ import annotations

import json
import queue
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from stack.search.extract import ctags as ctags_program
from stack.search.extract import grammars
from stack.search.extract.symbol import Symbol, Symbols, SymbolStatus
from stack.search.extract.worker import Worker, WorkerBrokenError, WorkerTimedOutError

__all__ = ["MAX_SYMBOLS", "MAX_SYMBOL_TEXT", "SymbolExtractor"]

MAX_SYMBOLS = 10_000
"""Definitions kept per file."""
MAX_SYMBOL_TEXT = 200
"""Characters kept of a definition's line."""

_MAX_NAME = 250
_NAMELESS = frozenset({"", "_"})
_MADE_UP = ("AnonymousFunction", "__anon")  # names that ctags gives to what has none
_MAX_BYTES = 4 * 1024 * 1024
_RENEW_AFTER = 5_000  # questions, so that a leaking parser stays small
_LONG_LINE = 10_000
_BEFORE_NAME = 60  # characters kept before the name where a line is longer than what is kept
_TRIES = 2  # a child that died of an earlier file must not cost this one

KindOf = Callable[[str, str], str | None]
"""Our name for a parser's kind of a definition within a definition of another kind; `None` when it is none."""

_NO_SYMBOLS = Symbols((), SymbolStatus.UNSUPPORTED)


class SymbolExtractor:
    """Long-lived parser processes: universal-ctags, and tree-sitter for what it lacks; safe to share by threads."""

    def __init__(
        self,
        ctags: Path,
        *,
        workers: int = 1,
        time_cap: float = 5.0,
        memory_cap: int = 512 * 1024 * 1024,
        max_symbols: int = MAX_SYMBOLS,
    ) -> None:
        """Nothing is started before the first question of each kind.

        Args:
            ctags: a universal-ctags 5.9 or newer with its sandboxed interactive mode.
            workers: processes of each kind, as many as threads ask at the same time.
            time_cap: seconds of processor time per file (and four times as many by the clock).
            memory_cap: bytes of address space per process.
            max_symbols: definitions kept per file.

        Raises:
            CtagsUnusableError: the program does not start or lacks that mode.
        """
        ctags_program.check(ctags, memory_cap=memory_cap)
        self._time_cap = time_cap
        self._max_symbols = max_symbols
        self._pools = (
            _Pool(lambda: Worker(ctags_program.arguments(ctags), memory_cap=memory_cap), workers),
            _Pool(lambda: Worker(grammars.arguments(), memory_cap=memory_cap), workers),
        )

    def __enter__(self) -> Self:
        """The extractor itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End every process."""
        self.close()

    def close(self) -> None:
        """End every process."""
        for pool in self._pools:
            pool.close()

    def symbols(self, path: str, language: str | None, text: str) -> Symbols:
        r"""The definitions in a text.

        Args:
            path: for error messages only: parsers are told the language.
            language: display name.
            text: the whole file; lines end at `\n`.

        Returns:
            Definitions in line order. On `TIMED_OUT` and `FAILED` there are none and `detail` says why.
        """
        for pool, parser in zip(self._pools, (ctags_program, grammars), strict=True):
            name = parser.file_name(language)
            if name is not None:
                return self._ask(pool, path, name, text, partial(parser.kind, language))
        return _NO_SYMBOLS

    def _ask(self, pool: _Pool, path: str, name: str, text: str, kind: KindOf) -> Symbols:
        body = text.encode("utf-8", "replace")
        if len(body) > _MAX_BYTES:
            return Symbols((), SymbolStatus.FAILED, detail=f"{path}: larger than {_MAX_BYTES} bytes")
        for attempt in range(_TRIES):
            kept = _Kept(self._max_symbols)
            try:
                pool.ask(name, body, seconds=self._time_cap, tag=kept.add)
            except WorkerTimedOutError:
                return Symbols((), SymbolStatus.TIMED_OUT, detail=f"{path}: longer than {self._time_cap} s")
            except WorkerBrokenError as error:
                if attempt + 1 == _TRIES:
                    return Symbols((), SymbolStatus.FAILED, detail=f"{path}: {error.got}")
            else:
                return kept.symbols(text, kind)
        raise AssertionError(path)


class _Kept:
    """The first tags of an answer, undecoded."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._tags: list[bytes] = []
        self._cut = False

    def add(self, line: bytes) -> None:
        if len(self._tags) < self._most:
            self._tags.append(line)
        else:
            self._cut = True

    def symbols(self, text: str, kind: KindOf) -> Symbols:
        lines = text.split("\n") if self._tags else []
        found = (_symbol(tag, lines, kind) for tag in self._tags)
        ordered = sorted(filter(None, found), key=lambda symbol: symbol.line)
        return Symbols(tuple(ordered), SymbolStatus.OK, cut=self._cut)


def _symbol(tag: bytes, lines: list[str], kind_of: KindOf) -> Symbol | None:
    """One tag; `None` when it names nothing, or a line that the text does not have."""
    fields = json.loads(tag.decode("utf-8", "replace"))
    name, line, scope = str(fields.get("name", "")), fields.get("line"), str(fields.get("scope", ""))
    kind = kind_of(str(fields.get("kind", "")), str(fields.get("scopeKind", "")))
    if kind is None or not isinstance(line, int) or not 1 <= line <= len(lines):
        return None
    if name in _NAMELESS or name.startswith(_MADE_UP) or len(name) > _MAX_NAME:
        return None
    return Symbol(
        name=name,
        kind=kind,
        line=line,
        scope="" if scope.startswith(_MADE_UP) else scope[:_MAX_NAME],
        text=_definition(lines[line - 1], name),
    )


def _definition(line: str, name: str) -> str:
    """A line, stripped; of a long one the surroundings of the name."""
    if len(line) <= _LONG_LINE:
        line = line.strip()
        at = line.find(name) if len(line) > MAX_SYMBOL_TEXT else 0
        line = line[max(0, at - _BEFORE_NAME) :] if at + len(name) > MAX_SYMBOL_TEXT else line
    return line[:MAX_SYMBOL_TEXT].strip()


class _Pool:
    """As many children as may be asked at the same time, each started when it is first needed."""

    def __init__(self, start: Callable[[], Worker], size: int) -> None:
        self._start = start
        self._idle: queue.LifoQueue[Worker | None] = queue.LifoQueue()
        self._size = size
        for _ in range(size):
            self._idle.put(None)

    def ask(self, name: str, body: bytes, *, seconds: float, tag: Callable[[bytes], None]) -> None:
        """Ask an idle child; one that fails is not used again, one that has answered often is renewed."""
        worker = self._idle.get()
        kept: Worker | None = None
        try:
            if worker is None:
                worker = self._start()
            worker.ask(name, body, seconds=seconds, tag=tag)
            kept = worker
            if worker.asked >= _RENEW_AFTER:
                worker.close()
                kept = None
        except BaseException:
            if worker is not None:
                worker.close()  # interrupted in the middle of an answer
            raise
        finally:
            self._idle.put(kept)

    def close(self) -> None:
        """End the idle children; one that is being asked ends with its question's caller."""
        for _ in range(self._size):
            try:
                worker = self._idle.get_nowait()
            except queue.Empty:
                return
            if worker is not None:
                worker.close()
            self._idle.put(None)
