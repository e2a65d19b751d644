"""Every rule that recovery checks: its name, what it means, what to do, and the verdict when it is broken."""

from __future__ import annotations

from dataclasses import dataclass

from reports.verdict import Finding, Severity, Verdict, merge
from stack.recovery.errors import RecoveryError

__all__ = ["RULES", "Rule", "broken", "told", "verdict"]


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
    "BACKUP_RUNNING": Rule("backup", "another backup is running", "wait until it is over", _UNKNOWN),
    "BACKUP_FAILED": Rule("backup", "a base backup could not be taken", "read what the tool said"),
    "TARGET_NOT_EMPTY": Rule("restore", "the folder is not empty", "name an empty folder, or one that is not there"),
    "TARGET_LIVE": Rule("restore", "a database server runs on this folder", "name another folder"),
    "TARGET_OUTSIDE": Rule("restore", "the archive does not reach that point", "name a point that `backup list` shows"),
    "VERSION_MISMATCH": Rule(
        "restore", "the programs are of another major version than the backup", "use the programs of its version"
    ),
    "PARTS_MISSING": Rule(
        "restore", "no set holds objects and secrets of that moment", "name a moment after the first set", _UNKNOWN
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
    # -- pushes
    "JOURNAL_GAP": Rule(
        "inspect", "a push that was shipped, or must have been, is not in the journal", "ship it again"
    ),
    "JOURNAL_DAMAGED": Rule("inspect", "a journal entry is damaged", "pushes after it come back from a later set only"),
    "JOURNAL_BEHIND": Rule("archive", "pushes wait too long to be shipped", "look at the shipper and the bucket"),
    "JOURNAL_CLOCK": Rule("inspect", "a journal entry's own time does not fit the store's", "set the clocks right"),
    "JOURNAL_CONFLICT": Rule(
        "archive", "the bucket has another push under this number", "let a restored forge ship to another prefix"
    ),
    "PACK_MISSING": Rule("inspect", "the pack of a journal entry is missing", "that push comes from a later set only"),
    "PACK_DAMAGED": Rule("inspect", "the pack of a journal entry is damaged", "that push comes from a later set only"),
    # -- sets
    "SET_NONE": Rule("inspect", "no set is complete", "take one: engineroom backup run"),
    "SET_STALE": Rule("inspect", "the newest complete set is too old", "see why the last backups did not end"),
    "SET_HALF": Rule(
        "inspect", "parts of a set are there without its catalogue", "it was interrupted: take another", Verdict.PASS
    ),
    "SET_CLOCK": Rule("inspect", "a set's own times do not fit the times of the store", "set the clocks right"),
    "CATALOGUE_UNSIGNED": Rule("inspect", "a catalogue is not signed with this key", "do not use this set"),
    "CATALOGUE_DAMAGED": Rule("inspect", "a catalogue is not what was signed", "use another set"),
    "MANIFEST_MISSING": Rule("inspect", "a list that a catalogue names is missing", "use another set"),
    "MANIFEST_DAMAGED": Rule("inspect", "a list that a catalogue names is damaged", "use another set"),
    "SNAPSHOT_MISSING": Rule("inspect", "a snapshot that a catalogue names is missing", "use another set"),
    "SNAPSHOT_DAMAGED": Rule("inspect", "restic finds its repository damaged", "restic repair; use another set"),
    "BLOB_MISSING": Rule("inspect", "a content of the object store is missing in the bucket", "use another set"),
    "BLOB_DAMAGED": Rule("inspect", "a content of the object store is damaged in the bucket", "use another set"),
    "SECRETS_MISSING": Rule(
        "inspect", "a set has no snapshot of the forge's secrets", "name them in [recovery] secrets"
    ),
    "SECRETS_KEPT_APART": Rule(
        "inspect", "the forge's secrets are kept elsewhere, and are not here", "hand them to the drill", _UNKNOWN
    ),
    "LOCK_LEFT": Rule("backup", "restic is locked by somebody who is not known to be gone", "see who it is", _UNKNOWN),
    "REPOSITORIES_FELL": Rule(
        "backup",
        "there are far fewer repositories or refs than in the set before",
        "see where they went; else --accept",
    ),
    "SOURCE_DAMAGED": Rule("backup", "a repository of the forge itself is damaged", "restore it from an earlier set"),
    "WRITER_DELETES": Rule("store", "who writes backups can delete them", "give the writer no right to delete"),
    "LOCK_UNPROVEN": Rule(
        "store", "the bucket does not refuse to delete what is locked", "immutability is not claimed", Verdict.PASS
    ),
    "LOCK_BROKEN": Rule("store", "an object that was locked is gone or changed", "see who deleted it"),
    "PLAINTEXT_SEEN": Rule("store", "what was written to the forge can be read in the bucket", "find what sent it"),
    # -- the restored forge
    "STRUCTURE_DIFFERS": Rule("structure", "the schema is not the committed one", "restore with the version it names"),
    "VOLUME_DIFFERS": Rule("volume", "a table has another number of rows than the set says", "do not use this restore"),
    "STRUCTURE_UNKNOWN": Rule(
        "structure", "the schema is of a version that this one has no reference of", "drill with that version", _UNKNOWN
    ),
    "ROWS_IMPOSSIBLE": Rule("semantics", "rows say what cannot be", "do not use this restore"),
    "VAULT_MISSING": Rule(
        "reconcile", "there are encrypted columns and no key came back", "name the key file in [recovery] secrets"
    ),
    "RECONCILE_UNKNOWN": Rule("reconcile", "something could not be asked", "see what it said", _UNKNOWN),
    "BOOT_FAILED": Rule("boot", "the restored forge does not come up", "read what its servers said"),
    "BOOT_UNKNOWN": Rule("boot", "the restored forge cannot be started here", "install what is missing", _UNKNOWN),
    "LOSS_UNMEASURED": Rule(
        "loss", "how much a loss would take was not measured", "run the drill where the forge runs", _UNKNOWN
    ),
    "REPOSITORY_MISSING": Rule("reconcile", "a repository's row has no git repository", "take it from another set"),
    "REPOSITORY_ORPHAN": Rule("reconcile", "a git repository has no row", "find out whose it is; it is not deleted"),
    "REPOSITORY_EMPTIED": Rule("reconcile", "a git repository has lost all its refs", "take it from another set"),
    "REPOSITORY_MODE": Rule("reconcile", "owner, mode, HEAD or hooks of a repository are wrong", "restore it again"),
    "COMMIT_MISSING": Rule("reconcile", "a commit that the database names is not in git", "take it from another set"),
    "COMMIT_UNKNOWN": Rule("reconcile", "git has a commit on a ref that the database does not know of", "see the push"),
    "PULL_HEAD_MISSING": Rule("reconcile", "an open pull request has no refs/pull/N/head", "set it to its head commit"),
    "REFS_DIFFER": Rule("reconcile", "refs are not what the database says they were", "restore the repository again"),
    "GIT_DAMAGED": Rule("reconcile", "git finds a repository damaged or not connected", "take it from another set"),
    "OBJECT_MISSING": Rule("reconcile", "a row names an object that is not in the store", "take it from another set"),
    "OBJECT_DIFFERS": Rule(
        "reconcile", "an object has another size or digest than its row", "take it from another set"
    ),
    "OBJECT_ORPHAN": Rule("reconcile", "an object has no row", "it is counted, not deleted", Verdict.PASS),
    "SECRET_UNREADABLE": Rule("reconcile", "an encrypted column does not decrypt", "restore the key that sealed it"),
    "SEARCH_COUNT": Rule("reconcile", "the rebuilt index has another number of documents", "rebuild it again"),
    "POINT_UNASSERTED": Rule(
        "semantics", "nothing shows that the restore ends at the point", "take sets with a canary", _UNKNOWN
    ),
    "SERVE_FAILED": Rule("serve", "the restored forge does not do what a forge does", "read which feature failed"),
    "DRILL_LATE": Rule("drill", "the last drill is too long ago", "run engineroom drill"),
    "RTO_EXCEEDED": Rule("drill", "the forge took longer to come back than allowed", "see which stage took the time"),
    "RPO_EXCEEDED": Rule("drill", "more data time was lost than allowed", "see the lag of WAL and of pushes"),
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


def told(error: RecoveryError) -> Finding:
    """An error as a finding of its rule; its `fix` is the rule's own."""
    return broken(error.rule, f"{error.what}{': ' if error.on else ''}{error.on}", evidence=error.got)


def verdict(findings: list[Finding]) -> Verdict:
    """What findings mean together: nothing found is a pass, since whoever asks has asked."""
    return merge([Verdict.PASS, *(RULES[finding.rule].verdict for finding in findings)])
