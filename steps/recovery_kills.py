"""Kills of everything that takes a set, at random moments; afterwards the next set must be whole without a hand.

    python -m steps.recovery_kills --trials 200 --seed 7

prints a line for each trial and ends with 1 when one of them showed a loss, 2 when a kill could not be landed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import secrets
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil
import psycopg

from reports.verdict import Finding, Verdict
from stack.errors import EngineRoomError, NeedMissingError
from stack.forge.errors import ForgeError
from stack.recovery.errors import RecoveryError
from stack.recovery.manifests import read_refs
from stack.recovery.postgresql.archive import Archive
from stack.recovery.rules import RULES
from stack.recovery.run import run_backup
from stack.recovery.sets import check_sets, list_sets
from stack.settings import load
from steps.recovery_sets_site import STORE, SetSite

__all__ = ["VICTIMS", "Kills", "Trial"]

VICTIMS = ("the backup", "the backup and all that it began", "restic", "Barman", "the object store")
_PROGRAMS = {"restic": "restic", "Barman": "barman-cloud-backup"}
_ATTEMPTS = 8
_LONGEST = 60.0  # seconds that one set may take
_POLL = 0.005
_AWAY = 1.0  # seconds that the store is not there
_AT_ONCE = 1e-6  # hours: any base backup is older


@dataclass(frozen=True)
class Trial:
    """One kill and what came of it.

    Attributes:
        seed: which made it.
        victim: who was killed.
        after: seconds into the set.
        attempts: how often it was tried until the kill landed inside the run.
        ended: how the set ended that it was done to.
        wrong: what was not as it must be afterwards.
    """

    seed: int
    victim: str
    after: float
    attempts: int
    ended: str
    wrong: tuple[str, ...]

    def __str__(self) -> str:
        """One line."""
        verdict = "lost" if self.wrong else "whole"
        told = f"; {'; '.join(self.wrong)}" if self.wrong else ""
        return (
            f"seed {self.seed:>6}: {self.victim} killed after {self.after:5.2f} s (attempt {self.attempts}), that set"
            f" {self.ended}, the next one {verdict}{told}"
        )


class Kills:
    """Trials on one site.

    Args:
        site: the forge and its archive.
    """

    def __init__(self, site: SetSite) -> None:
        """Find out how long a set takes."""
        self.site = site
        begun = time.monotonic()
        site.take()
        self._usual = time.monotonic() - begun

    def trial(self, seed: int) -> Trial:
        """Kill one thing while a set is taken and people push, and look at what is left.

        Raises:
            NeedMissingError: the kill never landed inside the run.
        """
        chance = random.Random(seed)  # noqa: S311 - it must give the same each time
        victim = VICTIMS[seed % len(VICTIMS)]
        for attempt in range(1, _ATTEMPTS + 1):
            with self._pushes() as pushed:
                landed = self._strike(victim, chance)
            if landed is not None:
                after, ended = landed
                return Trial(seed, victim, after, attempt, ended, tuple(self._wrong(pushed)))
        raise NeedMissingError("kill", f"{victim} could not be killed inside its run", on=f"seed {seed}")

    def _strike(self, victim: str, chance: random.Random) -> tuple[float, str] | None:
        """Seconds after which it was struck, and how the set ended; None when it was over before."""
        # Barman works in those sets alone that need a base backup of their own.
        process = multiprocessing.get_context("fork").Process(target=_take, args=(self.site, victim == "Barman"))
        begun = time.monotonic()
        process.start()
        assert process.pid is not None
        backup = psutil.Process(process.pid)
        moment = begun + chance.uniform(0.02, 0.95) * self._usual
        grace = chance.uniform(0.0, 0.25)
        struck = None
        while struck is None and process.is_alive() and time.monotonic() - begun < _LONGEST:
            if time.monotonic() >= moment and self._kill(victim, backup, grace):
                struck = time.monotonic() - begun
            time.sleep(_POLL)
        if victim == "the object store":
            time.sleep(_AWAY)
            self.site.stack.forgive()
            # An archiver that failed waits for a minute before it tries again, unless something wakes it.
            with psycopg.connect(self.site.place.server.admin.conninfo(), autocommit=True) as db:
                db.execute("SELECT pg_reload_conf()")
        process.join(_LONGEST)
        if process.is_alive():
            process.kill()
            process.join(10)
        if struck is None:
            return None
        return struck, {0: "was taken all the same"}.get(process.exitcode or 0, f"ended with {process.exitcode}")

    def _kill(self, victim: str, backup: psutil.Process, grace: float) -> bool:
        """Whether somebody was there to be killed, and was."""
        with suppress(psutil.NoSuchProcess):
            if victim == "the object store":
                self.site.stack.kill(STORE)
                return backup.is_running()
            if victim == "the backup":
                backup.kill()
                return True
            children = backup.children(recursive=True)
            if victim == "the backup and all that it began":
                for each in (backup, *children):
                    with suppress(psutil.NoSuchProcess):
                        each.kill()
                return True
            for each in children:
                if _PROGRAMS[victim] in " ".join(each.cmdline()[:4]):
                    time.sleep(grace)
                    if not each.is_running():
                        return False
                    each.kill()
                    return True
        return False

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


def _fails(findings: list[Finding]) -> Iterator[str]:
    for each in findings:
        if RULES[each.rule].verdict is Verdict.FAIL:
            yield f"{each.rule}: {each.message}"


def _take(site: SetSite, with_base: bool) -> None:
    of = site.archive
    settings = of.settings.model_copy(update={"base_every": _AT_ONCE if with_base else of.settings.base_every})
    archive = Archive(settings, of.bucket, of.key, ground=of.ground, programs=of.programs, folder=of.folder)
    try:
        run_backup(archive, site.source, site.signer)
    except EngineRoomError:
        sys.exit(3)


def main(arguments: list[str] | None = None) -> int:
    """Carry out trials on a site of their own."""
    parser = argparse.ArgumentParser(description="Kill what takes a set at random moments.")
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    lost, missed = 0, 0
    with SetSite(load()) as site:
        kills = Kills(site)
        for number in range(given.trials):
            try:
                trial = kills.trial(given.seed + number)
            except NeedMissingError as error:
                missed += 1
                sys.stdout.write(f"seed {given.seed + number:>6}: {error.what}\n")
                continue
            lost += bool(trial.wrong)
            sys.stdout.write(f"{trial}\n")
            sys.stdout.flush()
    sys.stdout.write(f"{given.trials} trials, {lost} with a loss, {missed} whose kill did not land\n")
    return 1 if lost else 2 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
