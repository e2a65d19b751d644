"""What a search answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from urllib.parse import quote

__all__ = ["CodeHit", "Line", "RecordHit", "Results"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file: 1-based number, text without its end; `hit` when it is what was looked for."""

    number: int
    text: str
    hit: bool


@dataclass(frozen=True, slots=True)
class CodeHit:
    """One file.

    Args:
        repository: `owner/name`.
        path: for people.
        blob: object id the lines were read from.
        commit: commit the index stands at, for a permalink.
        language: display name, `""` when unknown.
        status: what became of the file in the index.
        line: 1-based number of the best line; 0 when only the name matched.
        text: that line.
        lines: the best line with those around it, and other matching lines, in the order of the file.
        symbol: name of the definition on the best line, if there is one.
        kind: its kind.
        author: who changed the file last.
        date: when, seconds since 1970.
        score: comparable within one answer.
        reasons: what the score is made of.
    """

    repository: str
    path: str
    blob: str
    commit: str
    language: str
    status: str
    line: int
    text: str
    lines: tuple[Line, ...]
    symbol: str
    kind: str
    author: str
    date: int
    score: float
    reasons: tuple[tuple[str, float], ...] = ()

    @property
    def url(self) -> str:
        """Path of the permalink on the forge, percent-encoded."""
        anchor = f"#L{self.line}" if self.line else ""
        return f"/{quote(self.repository)}/blob/{self.commit}/{quote(self.path)}{anchor}"


@dataclass(frozen=True, slots=True)
class RecordHit:
    """One issue, pull request, wiki page, user, organisation or repository."""

    kind: str
    title: str
    repository: str
    number: int
    state: str
    author: str
    updated: int
    url: str
    score: float


@dataclass(frozen=True, slots=True)
class Results:
    """One page of an answer.

    Args:
        query: as it was understood, in canonical form.
        total: files or records that match; at least so many where `exact` is false.
        exact: whether the total is the whole truth.
        hits: best first.
        facets: field -> value -> files, over everything that matches.
        page: from 1.
        per_page: hits on a page.
        engine: which engine answered.
        milliseconds: how long it took.
        hints: remarks on the query, such as a filter that was probably misspelt.
    """

    query: str
    total: int
    exact: bool
    hits: tuple[CodeHit | RecordHit, ...]
    facets: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    page: int = 1
    per_page: int = 20
    engine: str = ""
    milliseconds: float = 0.0
    hints: tuple[str, ...] = ()

    def to_json(self) -> str:
        """One JSON document; a permalink with each file."""
        whole = asdict(self)
        for shown, hit in zip(whole["hits"], self.hits, strict=True):
            shown["url"] = hit.url
        return json.dumps(whole, ensure_ascii=False, sort_keys=True)
