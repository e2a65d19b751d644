"""Exact search: trigrams say which documents can match, the text itself says which do.

check = TextCheck(query)
for candidate in index.candidates(plan(query), repositories):
    text = ...  # of candidate.blob
    if check.accepts(text): check.find(text)
"""

from __future__ import annotations

from stack.search.exact.errors import CorruptSegmentError, ExactIndexError, IndexBusyError
from stack.search.exact.grams import EVERYTHING, NOTHING, AllGrams, AnyGrams, Gram, TrigramQuery, literal_query
from stack.search.exact.index import ExactIndex, digest_of
from stack.search.exact.regex_grams import regex_query
from stack.search.exact.snapshot import AllowedRepos, Candidate
from stack.search.exact.verify import Match, Matcher
from stack.search.exact.writer import Writer

__all__ = [
    "EVERYTHING",
    "NOTHING",
    "AllGrams",
    "AllowedRepos",
    "AnyGrams",
    "Candidate",
    "CorruptSegmentError",
    "ExactIndex",
    "ExactIndexError",
    "Gram",
    "IndexBusyError",
    "Match",
    "Matcher",
    "TrigramQuery",
    "Writer",
    "digest_of",
    "literal_query",
    "regex_query",
]
