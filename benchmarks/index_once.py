"""One index run in a process of its own, so that its memory can be told: prints one JSON line.

Run by `benchmarks.search` with a file of addresses; not for people.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from stack.addresses import Addresses
from stack.reference import Reference

_KIB = 1024


def main() -> None:
    """Index everything with one engine."""
    addresses, folder, ctags, kind = sys.argv[1:5]
    begun = time.monotonic()
    with Reference(
        Addresses.model_validate_json(Path(addresses).read_bytes()), folder=Path(folder), ctags=Path(ctags)
    ) as reference:
        report = reference.index(kind)  # type: ignore[arg-type] # the caller's choice is checked there
    print(
        json.dumps(
            {
                "seconds": time.monotonic() - begun,
                "run_seconds": report.seconds,
                "writes": report.writes,
                "documents": report.documents,
                "text": report.text_bytes,
                "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB,
                "counts": report.counts,
            }
        )
    )


main()
