"""What a run saw of an engine that this machine may not have, and whether that still stands."""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from reports.evidence import canonical_json, load_evidence, write_atomically
from stack.errors import UsageError

__all__ = ["Attestation", "attest", "attested", "describe", "searched_digest", "stands"]

_ROOT = Path(__file__).parent.parent
_FOLDER = _ROOT / "attestations"
_COVERED = ("stack/search", "stack/forge", "features/search", "steps")
"""What the verdicts depend on; a change in it makes an attestation stale."""


class Attestation(BaseModel):
    """One run of the search features against a real program.

    Attributes:
        engine: its name.
        version: as the program tells it.
        sha256: of the program.
        commit: of the checkout that ran.
        digest: of everything in `_COVERED` at that time.
        at: when.
        verdicts: number of scenarios by verdict.
        scenarios: verdict by scenario.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: str
    version: str
    sha256: str
    commit: str
    digest: str
    at: AwareDatetime
    verdicts: dict[str, int]
    scenarios: dict[str, str]


def searched_digest(root: Path = _ROOT) -> str:
    """Sha256 over names and contents of the files that an attestation stands for."""
    total = hashlib.sha256()
    for folder in _COVERED:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                total.update(f"{path.relative_to(root).as_posix()}\0".encode())
                total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def attest(engine: str, *, version: str, sha256: str, evidence: Path) -> Path:
    """Write what a run came to.

    Args:
        engine: the engine it ran against.
        version: the program's.
        sha256: the program's.
        evidence: the run's JSON.

    Returns:
        The file that was written.
    """
    run = load_evidence(evidence)
    of_engine = [result for result in run.results if result.variant == engine and result.area == "search"]
    results = {result.id: result.verdict.value for result in of_engine}
    attestation = Attestation(
        engine=engine,
        version=version,
        sha256=sha256,
        commit=f"{run.run.project.commit}{' with changes' if run.run.project.dirty else ''}",
        digest=searched_digest(),
        at=datetime.now(UTC).replace(microsecond=0),
        verdicts=dict(Counter(results.values())),
        scenarios=results,
    )
    _FOLDER.mkdir(exist_ok=True)
    path = _FOLDER / f"{engine}.json"
    write_atomically(path, canonical_json(attestation.model_dump(mode="json")))
    return path


def attested(engine: str, folder: Path = _FOLDER) -> Attestation | None:
    """What is committed about an engine.

    Raises:
        UsageError: the file is no attestation.
    """
    path = folder / f"{engine}.json"
    try:
        return Attestation.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise UsageError(
            "This is no attestation", on=str(path), got=str(error), fix=f"write it anew: `make attest-{engine}`"
        ) from error


def stands(engine: str) -> bool:
    """Whether an engine was attested with the very code that is here."""
    known = attested(engine)
    return known is not None and known.digest == searched_digest()


def describe(engine: str) -> str:
    """One sentence: when the engine was last seen to pass, and whether that still stands for this code."""
    known = attested(engine)
    if known is None:
        return f"never attested: run `make attest-{engine}` where the program is"
    verdicts = ", ".join(f"{number} {verdict}" for verdict, number in sorted(known.verdicts.items()))
    told = f"{engine} {known.version} gave {verdicts} on {known.at:%Y-%m-%d} at commit {known.commit[:12]}"
    if known.digest != searched_digest():
        return f"{told}, but the search has changed since: STALE, run `make attest-{engine}`"
    return f"{told}, and the search has not changed since"
