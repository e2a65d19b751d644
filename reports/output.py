"""Writing all that a run leaves behind into its folder."""

from __future__ import annotations

from pathlib import Path

from reports.evidence import Evidence, write_atomically
from reports.junit import junit_text

__all__ = ["write_all"]


def write_all(evidence: Evidence, folder: Path) -> Path:
    """Write `evidence.json`, `junit.xml` and `report.html`, the evidence first: the others can be made from it again.

    Returns:
        The page.

    Raises:
        EvidenceError: the file system refused.
    """
    from reports.page import page_text, pictures_of  # noqa: PLC0415 - matplotlib takes a second to load, and not at the start of a run

    write_atomically(folder / "evidence.json", evidence.json_text())
    write_atomically(folder / "junit.xml", junit_text(evidence))
    return write_atomically(folder / "report.html", page_text(evidence, pictures_of(evidence, folder)))
