"""Whether a file is a test, somebody else's code, or made by a program: all three rank lower than written code."""

from __future__ import annotations

import re

__all__ = ["is_generated", "is_test", "is_vendored"]

_GENERATED_CHARS = 2048  # a notice stands in the first lines
_LONG_LINE = 1000  # a style sheet or script whose first line is longer was minified

_TEST = re.compile(
    r"(?:^|/)(?:tests?|__tests?__|specs?|testing|testdata|test_data|test-data|test-fixtures|e2e|integration[-_]tests?"
    r"|unit[-_]tests?|__mocks__|__snapshots__|androidtest|src/test)/"
    r"|(?:^|/)(?:test_[^/]*\.py|conftest\.py|test[-_.][^/]*\.[a-z]+|tests?\.[a-z]+)$"
    r"|[-_.](?:test|tests|spec|specs|unittest|e2e|stories)\.[a-z0-9]+$",
    re.IGNORECASE,
)
_TEST_CAMEL = re.compile(r"[a-z0-9](?:Tests?|TestCase|Spec|IT)\.(?:java|kt|kts|scala|groovy|cs|swift|php|m|mm|hs)$")
_VENDORED = re.compile(
    r"(?:^|/)(?:vendor|vendors|vendored|node_modules|bower_components|third[-_]?party|3rd[-_]?party|godeps|_vendor"
    r"|\.yarn/releases|\.yarn/plugins|\.bundle|carthage/checkouts|pods|site-packages|external[-_]deps|extern)/"
    r"|(?:^|/)(?:jquery|bootstrap|angular|react|react-dom|vue|d3|underscore|lodash|moment|modernizr|prototype|mootools)"
    r"(?:[-.]?v?\d[\d.]*)?(?:[-.](?:min|slim|core|all|dev|prod|global|bundle|ui))*\.(?:js|css)$"
    r"|(?:^|/)(?:gradlew|gradlew\.bat|mvnw|mvnw\.cmd|configure|config\.guess|config\.sub|ltmain\.sh|aclocal\.m4|libtool\.m4"
    r"|install-sh|missing|depcomp)$"
    r"|[-.]min\.(?:js|css)$",
    re.IGNORECASE,
)
_GENERATED_NAME = re.compile(
    r"(?:\.pb\.(?:go|cc|h|swift|rs)|\.pb\.gw\.go|_pb2(?:_grpc)?\.pyi?|_pb\.(?:js|d\.ts|rb)|_string\.go|\.g\.(?:dart|cs|i\.cs)"
    r"|\.freezed\.dart|\.designer\.(?:cs|vb)|\.generated\.\w+|_generated\.\w+|\.gen\.\w+|_gen\.go|[-.]min\.(?:js|css)"
    r"|\.(?:js|css|mjs)\.map|\.snap)$"
    r"|(?:^|/)(?:zz_generated[^/]*|package-lock\.json|npm-shrinkwrap\.json|yarn\.lock|pnpm-lock\.yaml|cargo\.lock|go\.sum"
    r"|poetry\.lock|uv\.lock|pipfile\.lock|gemfile\.lock|composer\.lock|mix\.lock|flake\.lock|podfile\.lock|bun\.lock)$",
    re.IGNORECASE,
)
_NOTICE = re.compile(
    r"@generated\b|code generated [^\n]{0,200}do not edit|auto[- ]?(?:matically )?generated|generated automatically"
    r"|(?:machine|file|code|is|was) generated (?:by|from|with|using)\b|^\W{0,10}generated (?:by|from|with|using)\b",
    re.IGNORECASE | re.MULTILINE,
)
_HANDS_OFF = re.compile(
    r"@generated\b|do not (?:edit|modify|change)|don't (?:edit|modify|change)|should not be (?:edited|modified|changed)"
    r"|(?:changes|edits|modifications) (?:to this file )?(?:will|may) be (?:lost|overwritten)",
    re.IGNORECASE,
)


def is_test(path: str) -> bool:
    """Whether the path is one of a test, by the conventions of the common languages."""
    return _TEST.search(path) is not None or _TEST_CAMEL.search(path) is not None


def is_vendored(path: str) -> bool:
    """Whether the path is one of code copied from elsewhere."""
    return _VENDORED.search(path) is not None


def is_generated(path: str, head: str) -> bool:
    """Whether a program wrote the file: by its name, or by a notice in its first 2,048 characters.

    A notice needs two things, that it was generated and that one should keep one's hands off, because texts that only
    talk about generated code are common.

    Args:
        path: path within the repository.
        head: the first characters of the text.
    """
    if _GENERATED_NAME.search(path):
        return True
    if path.lower().endswith((".js", ".css", ".mjs")) and "\n" not in head[:_LONG_LINE] and len(head) > _LONG_LINE:
        return True
    beginning = head[:_GENERATED_CHARS]
    return _NOTICE.search(beginning) is not None and _HANDS_OFF.search(beginning) is not None
