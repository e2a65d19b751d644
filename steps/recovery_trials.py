"""Harm done at random moments to all that takes a set; afterwards the next set must be whole without a hand.

    python -m steps.recovery_trials --trials 200 --seed 7

prints a line for each trial and ends with 1 when one of them showed a loss, 2 when one could not be carried out.
"""

from __future__ import annotations

import argparse
import json
import random
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass

import psutil
import psycopg

from reports.verdict import ExitCode, Finding, Verdict
from stack.errors import EngineRoomError, NeedMissingError
from stack.forge.errors import ForgeError
from stack.recovery.errors import RecoveryError
from stack.recovery.manifests import read_refs
from stack.recovery.postgresql.receiver import STATE
from stack.recovery.rules import RULES
from stack.recovery.sets import check_sets, list_sets
from stack.settings import load
from steps.recovery_desk import Desk
from steps.recovery_harms import HARMS, Harm, Services, Strike, runs
from steps.recovery_sets_site import SetSite
from steps.wal import wake_archiver

__all__ = ["Trial", "Trials"]

_ATTEMPTS = 8
_LONGEST = 60.0  # seconds that one set may take
_CATCH_UP = 30.0  # seconds for the receiver to have everything in the bucket
_POLL = 0.005
_AT_ONCE = 1e-6  # hours: any base backup is older
_BROKE = "broke"
_SET = "set"  # the log of the set that harm is done to
_TRACEBACK = "Traceback (most recent call last)"


@dataclass(frozen=True)
class Trial:
    """One harm and what came of it.

    Attributes:
        seed: which made it.
        harm: what was done.
        after: seconds into the set.
        attempts: how often it was tried until it landed inside the run.
        ended: how the set ended that it was done to.
        wrong: what was not as it must be afterwards.
    """

    seed: int
    harm: str
    after: float
    attempts: int
    ended: str
    wrong: tuple[str, ...]

    def __str__(self) -> str:
        """One line."""
        verdict = "lost" if self.wrong else "whole"
        told = f"; {'; '.join(self.wrong)}" if self.wrong else ""
        return (
            f"seed {self.seed:>6}: {self.harm} after {self.after:5.2f} s (attempt {self.attempts}), that set"
            f" {self.ended}, the next one {verdict}{told}"
        )


class Trials:
    """Trials on one site.

    Args:
        site: the forge and its archive.
    """

    def __init__(self, site: SetSite) -> None:
        """Find out how long a set takes."""
        self.site = site
        often = site.recovery.model_copy(update={"base_every": _AT_ONCE})
        self._with_base = Desk(site.stack.folder / "desk-with-base", site.settings, often, site.stack)
        begun = time.monotonic()
        said = site.desk.run("backup", "run", within=_LONGEST)
        self._usual = time.monotonic() - begun
        if said.code != 0:
            raise NeedMissingError("set", "No set could be taken", got=said.text)

    def trial(self, seed: int, services: Services) -> Trial:
        """Do one harm while a set is taken and people push, and look at what is left.

        Args:
            seed: chooses harm and moment.
            services: the receiver and the shipper beside the forge.

        Raises:
            NeedMissingError: it never landed inside the run, or cannot be done here.
        """
        chance = random.Random(seed)  # noqa: S311 - it must give the same each time
        harm = HARMS[seed % len(HARMS)]
        for attempt in range(1, _ATTEMPTS + 1):
            with self._pushes() as pushed, harm.ready(self.site, services) as strike:
                struck, ended = self._take(harm, strike, chance)
            if struck is not None:
                # An archiver that failed waits for a minute before it tries again, unless something wakes it.
                wake_archiver(self.site.place.server)
                wrong = (*_broke(ended), *self._wrong(pushed), *(f"{name} ended" for name in services.gone))
                return Trial(seed, harm.name, struck, attempt, ended, wrong)
        raise NeedMissingError("harm", f"{harm.name}: it never landed inside a run", on=f"seed {seed}")

    def _take(self, harm: Harm, strike: Strike, chance: random.Random) -> tuple[float | None, str]:
        """Seconds after which it was struck, None when the set was over before; and how the set ended."""
        desk = self._with_base if harm.with_base else self.site.desk
        log = desk.log(_SET)
        log.unlink(missing_ok=True)
        begun = time.monotonic()
        process = desk.start("backup", "run", log=_SET)
        backup = psutil.Process(process.pid)
        moment = begun + chance.uniform(0.02, 0.95) * self._usual
        while runs(backup) and time.monotonic() < moment:
            time.sleep(_POLL)
        struck = None
        if runs(backup):
            at = time.monotonic() - begun
            struck = at if strike(backup, chance) else None
        try:
            code = process.wait(_LONGEST)
        except subprocess.TimeoutExpired:
            process.kill()
            return struck, f"{_BROKE}: it did not end within {_LONGEST:.0f} s"
        said = log.read_text("utf-8")
        if code == -signal.SIGKILL:
            return struck, "was killed"
        if code not in set(ExitCode) or _TRACEBACK in said:
            return struck, f"{_BROKE} with {code}: {said.strip().rpartition(chr(10))[2]}"
        return struck, "was taken all the same" if code == ExitCode.PASS else f"was refused ({_reason(said)})"

    @contextmanager
    def _pushes(self) -> Iterator[list[tuple[str, str]]]:
        """People push meanwhile; repository and commit of what was accepted."""
        done, pushed = threading.Event(), list[tuple[str, str]]()

        def run() -> None:
            while not done.is_set():
                for name in ("r1", "r2"):
                    with suppress(ForgeError, EngineRoomError, OSError):
                        pushed.append((name, self.site.push(name, {"kill.txt": secrets.token_bytes(500)})))
                time.sleep(0.05)

        thread = threading.Thread(target=run, name="pushes")
        thread.start()
        try:
            yield pushed
        finally:
            done.set()
            thread.join(30)

    # -- what must be so afterwards ----------------------------------------------------------------------------------

    def _wrong(self, pushed: list[tuple[str, str]]) -> Iterator[str]:
        """The next set is whole without a hand, names every accepted push, and no set claims what it has not."""
        site = self.site
        try:
            made = site.take()
        except (RecoveryError, EngineRoomError) as error:
            yield f"the next set was not taken: {error}".replace("\n", " ")
            return
        yield from _fails(made.findings)
        _, findings = check_sets(site.bucket, site.signer.verifier, site.recovery, key=site.archive.key)
        yield from _fails(findings)
        refs = {item.path: item.refs for item in read_refs(site.sealed, made.catalogue)}
        last = dict(pushed)  # of each repository the newest; the others are below it
        for name, commit in last.items():
            if refs.get(f"ada/{name}.git", {}).get("refs/heads/main") != commit:
                yield f"the push {commit[:12]} to {name} was accepted, and the next set does not name it"
        busy = [each.id for each in list_sets(site.bucket, site.signer.verifier) if each.trouble is not None]
        if busy:
            yield f"sets that cannot be trusted: {', '.join(busy)}"
        yield from self._behind()

    def _behind(self) -> Iterator[str]:
        """Rows are on their way again: the receiver has in the bucket what the database had at this moment."""
        with psycopg.connect(self.site.place.server.admin.conninfo(), autocommit=True) as db:
            # Zeros at the end are not counted by the receiver; a record is filled up with at most 7 of them.
            row = db.execute("SELECT pg_logical_emit_message(false, 'trial', 'x', true) - '0/8'").fetchone()
        assert row is not None, "a query without FROM has a row"
        deadline = time.monotonic() + _CATCH_UP * self.site.settings.slow
        position = -1
        while position < int(row[0]):
            with suppress(OSError, ValueError):
                position = int(json.loads((self.site.archive.folder / STATE).read_text("utf-8"))["position"])
            if time.monotonic() > deadline:
                yield f"the receiver stands at {position}, and the database was at {row[0]} long ago"
                return
            time.sleep(_POLL)


def _broke(ended: str) -> Iterator[str]:
    """Whoever takes a set says what is wrong, or was killed."""
    if ended.startswith(_BROKE):
        yield "the backup did not end with an error that says what is wrong"


def _fails(findings: list[Finding]) -> Iterator[str]:
    for each in findings:
        if RULES[each.rule].verdict is Verdict.FAIL:
            yield f"{each.rule}: {each.message}"


def _reason(said: str) -> str:
    """The line that names the rule."""
    return next((line for line in said.splitlines() if line.partition(":")[0] in RULES), "no reason was given")


def main(arguments: list[str] | None = None) -> int:
    """Carry out trials on a site of their own."""
    parser = argparse.ArgumentParser(description="Do harm to what takes a set at random moments.")
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    lost, missed, done = 0, 0, Counter[str]()
    with ExitStack() as kept:
        site = kept.enter_context(SetSite(load()))
        trials = Trials(site)
        services = kept.enter_context(closing(Services(site.desk)))
        for seed in range(given.seed, given.seed + given.trials):
            try:
                trial = trials.trial(seed, services)
            except NeedMissingError as error:
                missed += 1
                sys.stdout.write(f"seed {seed:>6}: {error.what}\n")
                continue
            lost += bool(trial.wrong)
            done[trial.harm] += 1
            sys.stdout.write(f"{trial}\n")
            sys.stdout.flush()
    for harm, count in sorted(done.items()):
        sys.stdout.write(f"{count:>6} x {harm}\n")
    sys.stdout.write(f"{given.trials} trials, {lost} with a loss, {missed} not carried out\n")
    return 1 if lost else 2 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
