"""Ranks files by what they define, then by how they are called, then by what they say.

The classes of matches and their weights are Zoekt's (index/contentprovider.go and index/score.go of its repository): a
match that is a whole symbol counts 7,000, at the edge of one 5,500, inside one 4,000; the same for the file's base
name; a whole word 500, a part of one 50; the symbol's kind adds up to 1,000 and the share of the query that was found
up to 400. Added here: a query that reads like a definition (`fn main`, `class Foo`) looks for that definition.

Everything is a pure function of its arguments, and `rank_key` orders any two files the same way every time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType

from stack.search.extract.symbol import Symbol
from stack.search.query.nodes import Case, Regex, TextAtom, Word
from stack.search.query.regex import is_case_sensitive

__all__ = ["Features", "Score", "rank_key", "score"]

_EXACT, _EDGE, _PART = 7000.0, 5500.0, 4000.0
_WORD, _PART_OF_WORD = 500.0, 50.0
_KIND = 1000.0
_SHARE = 400.0
_DEFINES = 30_000.0  # above the sum of everything else that a file can get
_DEFINES_APART = 8000.0  # the keyword stands on the definition's line, but not before the name: `type Foo struct`
_TOGETHER, _MAX_TOGETHER = 1000.0, 3000.0  # per further part of the query that the same definition speaks of
_ALSO_IN_NAME, _MAX_ALSO_IN_NAME = 3000.0, 6000.0  # per further word in one name: `bufio flush` is bufioFlushWriter
_OTHER_ORDER = 0.5
_PHRASE = 1000.0
_MAX_LINE = 2500.0
_SAME_CASE = 25.0
_SECOND = 0.1  # of the weaker one of symbol and base name
_IN_PROSE = 0.25  # headings and keys are symbols too, but nobody looks for them as for definitions
_IN_COMMENT = 0.5
_ENGINE = 100.0
_DEMOTIONS = (("is_test", "test", -800.0), ("is_vendored", "vendored", -1000.0), ("is_generated", "generated", -1000.0))
_PROSE_DEMOTION = -400.0

# Zoekt's order of kinds, tenths of `_KIND`; kinds it does not have are next to those they resemble.
_KINDS = MappingProxyType(
    {
        "class": 10.0, "struct": 9.5, "enum": 9.0, "interface": 8.0, "trait": 8.0, "protocol": 8.0, "type": 8.0,
        "union": 8.0, "record": 9.5, "function": 7.0, "method": 7.0, "constructor": 7.0, "macro": 7.0, "module": 6.0,
        "namespace": 6.0, "package": 6.0, "field": 5.5, "property": 5.5, "constant": 5.0, "enumerator": 5.0,
        "variable": 4.0, "implementation": 3.0,
    }
)  # fmt: skip
_KIND_UNKNOWN = 3.5
# `int main` and `@Override void close` define; a field or variable of some type is too common to count.
_DEFINED_WITHOUT_KEYWORD = frozenset(
    ("class", "constructor", "enum", "function", "interface", "macro", "method", "record", "struct", "trait", "type")
)
_PROSE = frozenset(
    ("AsciiDoc", "BibTeX", "CSV", "Go Checksums", "HTML", "INI", "JSON", "Java Properties", "Markdown", "Org", "SVG",
     "TeX", "Text", "TOML", "XML", "YAML", "reStructuredText")
)  # fmt: skip
# Keywords that define something. The first ones are hardly ever part of what somebody looks for.
_ONLY_KEYWORDS = frozenset(
    ("class", "const", "def", "defmacro", "defmodule", "defp", "defun", "enum", "fn", "fun", "func", "function", "impl",
     "interface", "let", "mod", "namespace", "proc", "struct", "trait", "typedef", "var")
)  # fmt: skip
_KEYWORDS = _ONLY_KEYWORDS | frozenset(
    ("actor", "data", "extension", "macro", "message", "module", "object", "package", "procedure", "protocol", "record",
     "rpc", "service", "static", "sub", "template", "type", "union", "val")
)  # fmt: skip
_QUOTES_CHARACTERS = frozenset(
    ("C", "C++", "C#", "Go", "Java", "Kotlin", "Objective-C", "Rust", "Scala", "Swift", "Zig")
)
_HASH = frozenset(
    ("CMake", "Dockerfile", "Elixir", "Julia", "Makefile", "Nim", "Nix", "Perl", "PowerShell", "Python", "R", "Ruby",
     "Shell", "TOML", "YAML")
)  # fmt: skip
_DASHES = frozenset(("Ada", "Elm", "Haskell", "Lua", "SQL", "PLSQL", "PLpgSQL", "TSQL", "VHDL"))

_TOKEN = re.compile(r"\w+")
_AROUND = re.compile(r"^\W+|\W+$")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|`[^`]*`')
_SINGLE = re.compile(r"'(?:[^'\\]|\\.)*'")
_CHARACTER = re.compile(r"'(?:[^'\\]|\\.)'")
_BLOCK_COMMENT = re.compile(r"/\*.*?(?:\*/|$)|<!--.*?(?:-->|$)")
_INSIDE_COMMENT = re.compile(r"\s*(?:\*|\"\"\"|''')")


@dataclass(frozen=True, slots=True)
class Features:
    """What is known of a file.

    Args:
        repository: `owner/name`.
        path: within the repository.
        language: display name, `""` when unknown.
        symbols: its definitions; `text` is the definition's line.
        is_test: by its path.
        is_vendored: by its path.
        is_generated: by its path or first lines.
        stars: of the repository.
        date: of the last change, seconds since 1970.
        engine_rank: 0-based place in the engine's own order.
        lines: matching lines where they are known, as (1-based number, text).
    """

    repository: str
    path: str
    language: str = ""
    symbols: tuple[Symbol, ...] = field(default=(), repr=False)
    is_test: bool = False
    is_vendored: bool = False
    is_generated: bool = False
    stars: int = 0
    date: int = 0
    engine_rank: int = 0
    lines: tuple[tuple[int, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Score:
    """Points, what they are for (their sum is the value), and the line to show (1-based; 0: none is known)."""

    value: float
    reasons: tuple[tuple[str, float], ...]
    line: int


@dataclass(frozen=True, slots=True)
class _Term:
    """One word of the query; `sensitive` when its case counts."""

    text: str
    folded: str
    sensitive: bool

    def fits(self, text: str, folded: str) -> bool:
        """Whether it occurs in a text, given also in lower case."""
        return self.folded in folded and (not self.sensitive or self.text in text)


@dataclass(frozen=True, slots=True)
class _Terms:
    """A query as the ranking sees it.

    Args:
        all: its words in order.
        names: those that can be names.
        tokens: all in lower case.
        has_keyword: one that is not the last defines something in some language.
        phrase: finds the query as it stands in a line in lower case, but for the punctuation around it.
    """

    all: tuple[_Term, ...]
    names: tuple[_Term, ...]
    tokens: tuple[str, ...]
    has_keyword: bool
    phrase: re.Pattern[str]

    def on(self, text: str) -> int:
        """How many of its words occur in a text."""
        folded = text.casefold()
        return sum(term.fits(text, folded) for term in self.all)


@dataclass(slots=True)
class _Best:
    """The best evidence of one sort."""

    value: float = 0.0
    line: int = 0
    reasons: list[tuple[str, float]] = field(default_factory=list)

    def offer(self, line: int, reasons: list[tuple[str, float]]) -> None:
        """Keep it if it is better; the earlier one of equals stays."""
        value = sum(points for _, points in reasons)
        if value > self.value:
            self.value, self.line, self.reasons = value, line, reasons


def score(features: Features, atoms: tuple[TextAtom, ...]) -> Score:
    """Score one file.

    Args:
        features: what is known of it; that it matches is taken for granted.
        atoms: the wanted words, literals and expressions of the query, in its order.
    """
    terms = _terms(atoms)
    is_prose = features.language in _PROSE
    symbol, name, line = (
        _symbols(features, terms, is_prose=is_prose),
        _basename(features, terms),
        _lines(features, terms),
    )
    first, second = (symbol, name) if symbol.value >= name.value else (name, symbol)
    reasons = first.reasons + [(f"also {reason}", points * _SECOND) for reason, points in second.reasons]
    reasons += line.reasons
    share = _share(features, terms)
    if share:
        reasons.append(("share of the query", share * _SHARE))
    if not first.value:
        # Nothing tells more about the text than the engine's own order; elsewhere stars and dates break ties.
        reasons.append(("place in the engine's order", _ENGINE / (1 + features.engine_rank / 10)))
    reasons += [(label, points) for flag, label, points in _DEMOTIONS if getattr(features, flag)]
    if is_prose:
        reasons.append(("prose or data", _PROSE_DEMOTION))
    return Score(sum(points for _, points in reasons), tuple(reasons), _shown_line(features, terms, symbol, line))


def _shown_line(features: Features, terms: _Terms, symbol: _Best, line: _Best) -> int:
    """The definition, unless a matching line holds more of the query than the definition's line does."""
    if not symbol.line or not line.line:
        return symbol.line or line.line
    defined = max(terms.on(f"{each.scope} {each.text}") for each in features.symbols if each.line == symbol.line)
    matching = max(terms.on(text) for number, text in features.lines if number == line.line)
    return line.line if matching > defined else symbol.line


def rank_key(features: Features, score: Score) -> tuple[float, int, int, str, str]:
    """Sorts best first: by value, then stars, then the newer change, then repository and path; never two alike."""
    return (-round(score.value, 3), -features.stars, -features.date, features.repository, features.path)


@lru_cache(maxsize=64)
def _terms(atoms: tuple[TextAtom, ...]) -> _Terms:
    terms: list[_Term] = []
    for atom in atoms:
        if isinstance(atom, Regex):
            continue
        sensitive = not isinstance(atom, Word) and is_case_sensitive(atom, Case.AUTO)
        terms += [_Term(token, token.casefold(), sensitive) for token in _TOKEN.findall(atom.text)]
    last = len(terms) - 1
    names = tuple(term for at, term in enumerate(terms) if at == last or term.folded not in _ONLY_KEYWORDS)
    tokens = tuple(term.folded for term in terms)
    has_keyword = not _KEYWORDS.isdisjoint(tokens[:-1])
    typed = " ".join(atom.text for atom in atoms if not isinstance(atom, Regex)).casefold()
    pieces = r"\s+".join(map(re.escape, _AROUND.sub("", typed).split()))
    return _Terms(tuple(terms), names, tokens, has_keyword, re.compile(rf"\b{pieces}\b"))


def _overlap(term: _Term, folded: str, what: str) -> tuple[str, float]:
    """How a term lies in a name that has it."""
    if folded == term.folded:
        return f"{what} exactly", _EXACT
    if folded.startswith(term.folded) or folded.endswith(term.folded):
        return f"{what} at its edge", _EDGE
    return f"{what} in part", _PART


def _symbols(features: Features, terms: _Terms, *, is_prose: bool) -> _Best:
    best = _Best()
    folders = {folder.casefold() for folder in features.path.split("/")[:-1]}
    for symbol in features.symbols:
        folded = symbol.name.casefold()
        found = [(_overlap(term, folded, "symbol"), term) for term in terms.names if term.fits(symbol.name, folded)]
        if not found:
            continue
        (label, points), term = max(found, key=lambda item: item[0][1])
        reasons = [(label, points), (f"a {symbol.kind}", _KINDS.get(symbol.kind, _KIND_UNKNOWN) / 10 * _KIND)]
        if term.text == symbol.name:
            reasons.append(("same case", _SAME_CASE))
        if len(terms.tokens) > 1:
            inside = tuple(dict.fromkeys(term.folded for _, term in found))
            reasons += _more(len(inside) - 1, "more of the query in its name", *_name_share(folded, inside))
            reasons += _around(symbol, terms, features.language, inside, folders) if not is_prose else []
        if is_prose:
            reasons = [(reason, points * _IN_PROSE) for reason, points in reasons]
        best.offer(symbol.line, reasons)
    return best


def _more(count: int, label: str, each: float, most: float) -> list[tuple[str, float]]:
    return [(label, min(count * each, most))] if count > 0 else []


def _name_share(name: str, inside: tuple[str, ...]) -> tuple[float, float]:
    """Points for a further word in a name, and their limit: few where the name goes on beyond the query."""
    share = min(1.0, sum(map(len, inside)) / max(1, len(name.replace("_", "")))) ** 2
    places = [name.find(word) for word in inside]
    if places != sorted(places):
        share *= _OTHER_ORDER
    return _ALSO_IN_NAME * share, _MAX_ALSO_IN_NAME * share


def _around(
    symbol: Symbol, terms: _Terms, language: str, inside: tuple[str, ...], folders: set[str]
) -> list[tuple[str, float]]:
    """What the definition's line, without its comments and strings, and its place say of the rest of the query."""
    code = _code(symbol.text, language).casefold()
    line = _TOKEN.findall(code)
    name = tuple(_TOKEN.findall(symbol.name.casefold()))
    reasons: list[tuple[str, float]] = []
    if name and terms.tokens[-len(name) :] == name and len(terms.tokens) > len(name):
        if terms.phrase.search(code) and (terms.has_keyword or symbol.kind in _DEFINED_WITHOUT_KEYWORD):
            reasons.append(("defines it", _DEFINES))
        elif terms.has_keyword and set(terms.tokens) <= set(line):
            reasons.append(("defines it, in other words", _DEFINES_APART))
    around = folders.union(line, _TOKEN.findall(symbol.scope.casefold()))
    together = sum(term.folded in around for term in terms.names if term.folded not in inside)
    return reasons + _more(together, "more of the query beside it", _TOGETHER, _MAX_TOGETHER)


def _basename(features: Features, terms: _Terms) -> _Best:
    best = _Best()
    base = features.path.rpartition("/")[2]
    stem = base.rpartition(".")[0] or base
    for term in terms.names:
        if term.fits(base, base.casefold()):
            overlaps = [_overlap(term, text.casefold(), "file name") for text in (base, stem)]
            best.offer(0, [max(overlaps, key=lambda overlap: overlap[1])])
    return best


def _lines(features: Features, terms: _Terms) -> _Best:
    """The matching line that has most of the words, those in comments and strings for half."""
    best = _Best()
    for number, text in features.lines:
        code = _code(text, features.language)
        reasons = _words(terms.all, code, text)
        if len(terms.tokens) > 1 and terms.phrase.search(code.casefold()):
            reasons.append(("side by side", _PHRASE))
        best.offer(number, _capped(reasons, _MAX_LINE))
    return best


def _capped(reasons: list[tuple[str, float]], most: float) -> list[tuple[str, float]]:
    excess = sum(points for _, points in reasons) - most
    return [*reasons, ("more of the same", -excess)] if excess > 0 else reasons


def _words(terms: Iterable[_Term], code: str, text: str) -> list[tuple[str, float]]:
    reasons: list[tuple[str, float]] = []
    folded, folded_code = text.casefold(), code.casefold()
    for term in terms:
        if not term.fits(text, folded):
            continue
        in_code = term.fits(code, folded_code)
        whole = term.folded in _TOKEN.findall(folded_code if in_code else folded)
        label = ("word" if whole else "part of a word") + ("" if in_code else " in a comment or string")
        reasons.append((label, (_WORD if whole else _PART_OF_WORD) * (1 if in_code else _IN_COMMENT)))
    return reasons


def _share(features: Features, terms: _Terms) -> float:
    """How much of the query stands in names, in the path or on the matching lines, from 0 to 1."""
    if len(terms.all) <= 1:
        return 0.0
    names = (symbol.name for symbol in features.symbols)
    return terms.on("\n".join([features.path, *names, *(text for _, text in features.lines)])) / len(terms.all)


def _code(text: str, language: str) -> str:
    """A line without what its language takes for strings and comments, as far as one line alone can tell."""
    if _INSIDE_COMMENT.match(text):
        return ""
    code = _STRING.sub(" ", text)
    code = (_CHARACTER if language in _QUOTES_CHARACTERS or not language else _SINGLE).sub(" ", code)
    code = _BLOCK_COMMENT.sub(" ", code)
    marker = "#" if language in _HASH else "--" if language in _DASHES else "//"
    return "" if language in _PROSE else code.partition(marker)[0]
