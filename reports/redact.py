"""Keeping secrets out of everything a run leaves behind."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

__all__ = ["MASK", "Redactor", "printable"]

MASK = "[redacted]"

# Below this length a secret is looked for as a whole word only: masking every `a` of a report would hide nothing more.
_SHORT = 6

_VALUE = rf"""(?:"[^"\n]*"|'[^'\n]*'|(?:{re.escape(MASK)}|[^\s"',;&)\]}}])+)"""
_CONFIDENTIAL = (
    r"(?:[\w-]*(?:password|passwd|secrets?|token|credentials?|(?:api|master|access|private|encryption|signing)[_-]?key)"
    r"(?:[_-]?(?:access[_-]?)?(?:key|id|hash|value))?|pwd)"
)
# Each pattern keeps its first group and masks the rest, so that a reader sees what was there.
_PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (
        # The body of a key, even where the end of the block was cut off.
        r"(-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----).*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\Z)",
        # user:password@host in an address.
        r"(\b[a-z][a-z0-9+.-]*://[^\s/:@\"']*:)[^\s/@\"']+(?=@)",
        # The whole value of headers that authenticate, in a raw request or in a printed mapping.
        r"(\b(?:proxy-)?authorization[\"']?\s*[:=]\s*(?:b?[\"'])?)[^\r\n\"']+",
        r"(\b(?:set-)?cookie[\"']?\s*:\s*(?:b?[\"'])?)[^\r\n\"']+",
        r"(\bx-[\w-]*(?:token|key|signature|secret)[\"']?\s*[:=]\s*(?:b?[\"'])?)[^\s&\"']+",
        r"(\bbearer\s+)[\w.~+/=-]{8,}",
        # AWS access key ids: four letters that say the kind, sixteen that say whose (IAM identifiers).
        r"(\b(?:AKIA|ASIA|AIDA|AROA))[A-Z0-9]{16}\b",
        r"(\b(?:gh[pousr]|glpat|xox[abprs])[_-])[\w-]{10,}",
        # key=value (connection strings, environment listings, query strings), and quoted mappings. A bare colon is
        # left alone but for passwords: `forge/token: Title` is the name of a scenario.
        rf"((?<![\w/-]){_CONFIDENTIAL}\s*=\s*){_VALUE}",
        rf"""([\"'](?:{_CONFIDENTIAL})[\"']\s*:\s*){_VALUE}""",
        rf"((?<![\w/-])(?:password|passwd|pwd)\s*:\s*){_VALUE}",
    )
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]")
# Colours and cursor movements of a terminal (ECMA-48 control sequences).
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")


def printable(text: str) -> str:
    """The text without terminal colours; what JSON, XML or HTML cannot carry is written out in hexadecimal."""
    plain = _ESCAPES.sub("", text.replace("\r\n", "\n"))
    plain = plain.encode("utf-8", "backslashreplace").decode("utf-8")
    return _CONTROL.sub(lambda match: rf"\x{ord(match[0]):02x}", plain)


class Redactor:
    """Masks known secret values, in the forms they are usually printed in, and what looks like a secret."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Take the secret values of this run; empty ones are ignored."""
        forms = {form for secret in secrets if secret for form in _forms(secret)}
        ordered = sorted(forms, key=lambda form: (-len(form), form))
        words = [rf"(?<!\w){re.escape(f)}(?!\w)" if len(f) < _SHORT else re.escape(f) for f in ordered]
        self._known = re.compile("|".join(words)) if words else None

    def __call__(self, text: str) -> str:
        """The text without secrets, and printable."""
        text = printable(text)
        if self._known is not None:
            text = self._known.sub(MASK, text)
        for pattern in _PATTERNS:
            text = pattern.sub(lambda match: match[1] + MASK, text)
        return text


def _forms(secret: str) -> set[str]:
    raw = secret.encode("utf-8", "surrogatepass")
    encoded = {base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()}
    return {
        secret,
        printable(secret),
        quote(raw, safe=""),
        quote_plus(raw),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        *encoded,
        *(form.rstrip("=") for form in encoded),
    }
