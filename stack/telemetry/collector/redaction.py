"""What never leaves the Collector: secrets, e-mail addresses, query strings, command lines.

Services keep such things out themselves; this is the second line, for the one that forgot.
"""

from __future__ import annotations

import json

__all__ = ["MASK", "SECRET_KEYS", "SECRET_VALUES", "processors"]

MASK = "****"  # what the redaction processor writes

# Names whose value is hidden whatever it is. Between words there may be `.`, `_` or `-`.
SECRET_KEYS = (
    r"(?i)(^|[._-])(authorization|cookie|set[._-]?cookie|passw(or)?d|passphrase|secret|token|credentials?)($|[._-])",
    r"(?i)(^|[._-])(api|access|private|secret|session)[._-]?(key|id|token)($|[._-])",
    r"(?i)(^|[._-])e?-?mail([._-]?address)?($|[._-])",
)

# What is hidden wherever it stands: in a value, in a log line, in the name of a span.
SECRET_VALUES = (
    # The local part and the domain of RFC 5322, as people have them.
    r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}",
    r"(?i)\b(bearer|basic|token)\s+[A-Za-z0-9._~+/=-]{8,}",
    # A JSON Web Token (RFC 7519): each part is base64url, the first begins with `{"`.
    r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*",
    # Our own tokens, and those of GitHub and GitLab, whose people paste them.
    r"\b(er[a-z]_|gh[opsru]_|github_pat_|glpat-)[A-Za-z0-9_-]{16,}",
    r"\bA(KIA|SIA)[0-9A-Z]{16}\b",
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    # The user part of an address: https://name:password@host
    r"://[^/\s:@]*:[^/\s@]+@",
    r"(?i)\b[a-z_-]*(passw(or)?d|passphrase|secret|token|api_?key|access_?key)[\"']?\s*[=:]\s*[\"']?[^\s\"'&,;]{4,}",
    # scram-sha-256 and bcrypt verifiers.
    r"SCRAM-SHA-256\$[^\s\"']+",
    r"\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{53}",
)

# Query strings hold what people search for, and tokens of those who put them there.
_QUERY_KEYS = ("url.query", "http.request.query", "http.target")
_ADDRESS_KEYS = ("url.full", "http.url")
# What SDKs tell of their process: whole command lines, paths, the user's name.
_PROCESS_KEYS = r"^process\.(command|owner|executable\.path|environment|working_directory)"


def processors() -> dict[str, object]:
    """The processors `redaction` and `transform/redaction`, as the Collector's configuration takes them."""
    return {
        "redaction": {
            "allow_all_keys": True,
            "blocked_key_patterns": [*SECRET_KEYS],
            "blocked_values": [*SECRET_VALUES],
            "redact_all_types": True,
            # Otherwise each record gets attributes that say what was hidden.
            "summary": "silent",
        },
        "transform/redaction": {
            # A statement that does not fit a record must not let the record through as it is, nor lose it.
            "error_mode": "ignore",
            "trace_statements": [
                _about_resources(),
                {
                    "context": "span",
                    "statements": [
                        *_about_addresses(),
                        # Nothing here reads it, and clients may put anything in.
                        'set(span.trace_state, "")',
                        *(_hide("span.name", pattern) for pattern in SECRET_VALUES),
                        *(_hide("span.status.message", pattern) for pattern in SECRET_VALUES),
                    ],
                },
                {
                    "context": "spanevent",
                    "statements": [_hide("spanevent.name", pattern) for pattern in SECRET_VALUES],
                },
            ],
            "log_statements": [_about_resources(), {"context": "log", "statements": _about_addresses("log")}],
        },
    }


def _about_resources() -> dict[str, object]:
    pattern = json.dumps(_PROCESS_KEYS)
    return {"context": "resource", "statements": [f"delete_matching_keys(resource.attributes, {pattern})"]}


def _about_addresses(context: str = "span") -> list[str]:
    attributes = f"{context}.attributes"
    deleted = [f"delete_key({attributes}, {json.dumps(key)})" for key in _QUERY_KEYS]
    cut = [
        f'replace_pattern({attributes}[{json.dumps(key)}], "[?].*", "") where {attributes}[{json.dumps(key)}] != nil'
        for key in _ADDRESS_KEYS
    ]
    return deleted + cut


def _hide(path: str, pattern: str) -> str:
    # OTTL reads strings as JSON writes them.
    return f"replace_pattern({path}, {json.dumps(pattern)}, {json.dumps(MASK)})"
