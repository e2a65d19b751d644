"""Every rule that recovery checks: its name, what it means, what to do, and the verdict when it is broken."""

from __future__ import annotations

from dataclasses import dataclass

from reports.verdict import Finding, Severity, Verdict, merge

__all__ = ["RULES", "Rule", "broken", "verdict"]


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        stage: where in a drill it is asked.
        meaning: what is not as it must be, when it is broken.
        fix: what to do.
        verdict: fail; could_not_verify for what could not be asked; pass for what is only worth telling.
    """

    stage: str
    meaning: str
    fix: str
    verdict: Verdict = Verdict.FAIL


_UNKNOWN = Verdict.COULD_NOT_VERIFY

RULES = {
    "STORE_UNREACHABLE": Rule("inspect", "the bucket does not answer", "see whether its endpoint is up", _UNKNOWN),
    "STORE_FOREIGN": Rule("inspect", "the bucket, or the folder in it, is somebody else's", "name another bucket"),
    "STORE_EMPTY": Rule(
        "inspect", "there is nothing of this server in the bucket", "check the bucket's name and prefix"
    ),
    "KEY_WRONG": Rule("inspect", "an object was sealed with another key", "give the key that it was sealed with"),
    "BASE_NONE": Rule("inspect", "no base backup is complete", "take one: engineroom backup run"),
    "BASE_INCOMPLETE": Rule("inspect", "an object of a base backup is missing or has another size", "use another one"),
    "BASE_DAMAGED": Rule(
        "inspect", "an object of a base backup is damaged", "use another one; replace the store's disk"
    ),
    "BACKUP_WAITING": Rule(
        "inspect", "a base backup waits for WAL that is not archived yet", "wait, and look at the archiver", _UNKNOWN
    ),
    "WAL_MISSING": Rule(
        "inspect", "a WAL segment in the middle is missing", "points after it are out of reach: take a base backup"
    ),
    "WAL_DAMAGED": Rule("inspect", "a WAL segment is damaged", "points after it are out of reach: take a base backup"),
    "WAL_FOREIGN": Rule("inspect", "a WAL segment is of another server", "find who else archives into this folder"),
    "WAL_CONFLICT": Rule(
        "archive", "a segment is archived already, with other content", "find who else archives into this folder"
    ),
    "ARCHIVE_FAILING": Rule("archive", "PostgreSQL cannot archive its WAL", "look at its log"),
    "ARCHIVE_STALE": Rule("archive", "the newest WAL in the bucket is too old", "look at the archiver and the bucket"),
    "BACKUP_RUNNING": Rule("backup", "another backup is running", "wait until it is over", _UNKNOWN),
    "BACKUP_FAILED": Rule("backup", "a base backup could not be taken", "read what the tool said"),
    "TARGET_NOT_EMPTY": Rule("restore", "the folder is not empty", "name an empty folder, or one that is not there"),
    "TARGET_LIVE": Rule("restore", "a database server runs on this folder", "name another folder"),
    "TARGET_OUTSIDE": Rule("restore", "the archive does not reach that point", "name a point that `backup list` shows"),
    "VERSION_MISMATCH": Rule(
        "restore", "the programs are of another major version than the backup", "use the programs of its version"
    ),
    "RESTORE_FAILED": Rule("restore", "the base backup could not be restored", "read what the tool said"),
    "RECOVERY_FAILED": Rule("recover", "the restored server did not reach the point", "read its log"),
    "CANARY_MISSING": Rule("canary", "a row from before the point is missing", "do not use this restore"),
    "CANARY_SURPLUS": Rule("canary", "a row from after the point is there", "do not use this restore"),
    "INDEX_DAMAGED": Rule("integrity", "an index does not agree with its table", "REINDEX, and find out why"),
    "CHECKSUMS_OFF": Rule(
        "integrity", "data pages have no checksums, so damage can go unseen", "run pg_checksums --enable", Verdict.PASS
    ),
    "SEQUENCE_BEHIND": Rule("integrity", "a sequence is behind the ids that it gave", "setval it above max(id)"),
    "COLLATION_CHANGED": Rule(
        "integrity", "texts sort otherwise here than where indexes were made", "REINDEX, then REFRESH COLLATION VERSION"
    ),
    "INTEGRITY_UNKNOWN": Rule("integrity", "the restored database could not be asked", "see what it said", _UNKNOWN),
}

_SEVERITIES = {Verdict.FAIL: Severity.ERROR, Verdict.COULD_NOT_VERIFY: Severity.WARNING, Verdict.PASS: Severity.INFO}


def broken(name: str, message: str, *, evidence: str = "") -> Finding:
    """A finding that a rule is broken; `message` says on what."""
    rule = RULES[name]
    return Finding(
        stage=rule.stage,
        rule=name,
        severity=_SEVERITIES[rule.verdict],
        message=message,
        fix=rule.fix,
        evidence=evidence,
    )


def verdict(findings: list[Finding]) -> Verdict:
    """What findings mean together: nothing found is a pass, since whoever asks has asked."""
    return merge([Verdict.PASS, *(RULES[finding.rule].verdict for finding in findings)])
