"""Steps about sets: one moment of the whole forge, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from pytest_bdd import given, parsers, then, when

from reports.context import RunContext, run_context
from reports.verdict import Finding
from stack.recovery.rules import verdict
from stack.settings import Settings
from steps.evidence import tell_of_stack
from steps.recovery_harms import Services
from steps.recovery_sets_control import Sets
from steps.recovery_sets_site import SetSite
from steps.recovery_trials import Trial, Trials

__all__: list[str] = []


@pytest.fixture(scope="session")
def set_site(pytestconfig: pytest.Config, settings: Settings) -> Iterator[SetSite]:
    """One small forge for all scenarios about sets."""
    with SetSite(settings) as site:
        tell_of_stack(run_context(pytestconfig), settings, site.stack, site.archive.key.text().strip())
        yield site


@pytest.fixture
def sets(set_site: SetSite) -> Iterator[Sets]:
    """The controller of these steps."""
    control = Sets(set_site)
    yield control
    control.tidy()


@pytest.fixture(scope="session")
def trials(set_site: SetSite) -> Trials:
    """Harm at random moments; it knows how long a set usually takes."""
    return Trials(set_site)


@pytest.fixture
def set_services(set_site: SetSite) -> Iterator[Services]:
    """The receiver and the shipper beside that forge."""
    with closing(Services(set_site.desk)) as services:
        yield services


def _rules(findings: list[Finding]) -> set[str]:
    return {finding.rule for finding in findings}


@given("a forge of which a set was taken")
def forge_with_set(sets: Sets) -> None:
    assert sets.newest.snapshots


@given("a small push")
def small_push(sets: Sets) -> None:
    sets.push()


@given("a text that is in a commit, an object, a secret and a row")
def planted_everywhere(sets: Sets) -> None:
    sets.plant()


@given("a repository whose newest objects are lost")
def lost_objects(sets: Sets) -> None:
    sets.lose_objects()


@given("half of the repositories are gone")
def halved(sets: Sets) -> None:
    sets.lose_repositories()


@given("a copy of the sets")
def copy_of_sets(sets: Sets) -> None:
    sets.make_copy()


@given("a copy of the sets with another one that is younger")
def copy_with_younger(sets: Sets) -> None:
    sets.take_younger()
    sets.make_copy()


@given("a store on which writer and pruner are two")
def two_accounts(sets: Sets) -> None:
    sets.split()


@when("the set's git repositories, objects and secrets are restored from bucket and keys")
def restored_set(sets: Sets) -> None:
    sets.restore()


@given("people push all the time")
def storm(sets: Sets) -> None:
    sets.push_steadily()


@when("another set is taken")
def another(sets: Sets) -> None:
    sets.take()


@then("it breaks no rule, and every ref that it names comes back with all that it reaches")
def storm_is_whole(sets: Sets) -> None:
    during = len(sets.pushes)
    sets.end_pushes()
    assert during >= 10, "too few pushes for a storm"
    assert sets.made is not None
    assert sets.made.findings == []
    sets.restore()
    assert sets.wrong_refs(live=False) == []


@then("a database that is recovered to its point has exactly the rows and refs that it tells of")
def storm_rows(sets: Sets) -> None:
    assert sets.wrong_rows() == []


@then("the slowest push meanwhile is told")
def slowest(sets: Sets, pytestconfig: pytest.Config) -> None:
    context: RunContext = run_context(pytestconfig)
    context.attach_measurement("push while a set is taken, slowest", "ms", [1000 * max(sets.pushes)])
    assert sets.made is not None
    context.attach_measurement("writers held by the barrier", "ms", [1000 * sets.made.seconds["barrier"]])


@when("another set is begun while one is being taken")
def begun_twice(sets: Sets) -> None:
    sets.take_two()


@when("a backup is killed with SIGKILL while it saves git")
def killed_set(sets: Sets) -> None:
    sets.kill()


@when("a set of what is left is tried")
def tried(sets: Sets) -> None:
    sets.try_take()


@when("a person says that this is meant")
def accepted(sets: Sets) -> None:
    sets.take(accept=True)


@when(parsers.parse("a byte of {what} is flipped in the copy"))
def flipped(sets: Sets, what: str) -> None:
    sets.flip(what)


@when("the newest catalogue is not there yet in the copy")
def no_catalogue(sets: Sets) -> None:
    sets.damaged = sets.without_catalogue()


@when("no set is taken for longer than the limit", target_fixture="late")
def held_back(sets: Sets) -> list[Finding]:
    assert "SET_STALE" not in _rules(sets.check_late(25))
    return sets.check_late(27)


@when("the copy is pruned so that one set stays")
def pruned_copy(sets: Sets) -> None:
    sets.prune()


@when("the sets are copied to a second bucket")
def copied_out(sets: Sets) -> None:
    sets.make_copy()
    sets.copy_out()


@when("a set is deleted from the first bucket's copy and it is copied again")
def deleted_and_copied(sets: Sets) -> None:
    sets.delete_set()
    sets.copy_out()


@then("every ref of every repository and wiki names what the forge had at the point")
def refs_are_there(sets: Sets) -> None:
    assert sets.wrong_refs() == []


@then("every object and secret has its content")
def contents_are_there(sets: Sets) -> None:
    assert sets.wrong_contents() == []


@then("the check with the public key alone finds nothing")
def public_check(sets: Sets) -> None:
    assert sets.check(key=False) == []


@then("the check with the seal key that reads everything finds nothing")
def deep_check(sets: Sets) -> None:
    assert sets.check(deep=True) == []


@then("the bucket grew by less than 1 % of what the first set took")
def hardly_grew(sets: Sets, pytestconfig: pytest.Config) -> None:
    grew = sets.site.size() - sets.size_before
    context: RunContext = run_context(pytestconfig)
    context.attach_measurement(
        "second set after one small push, of the first", "%", [100 * grew / sets.site.first_bytes]
    )
    assert 0 < grew < 0.01 * sets.site.first_bytes, f"{grew} of {sets.site.first_bytes} bytes"


@then("the new set names the pushed commit and the older one does not")
def names_commit(sets: Sets) -> None:
    assert sets.commit in sets.tips(sets.newest)
    assert sets.commit not in sets.tips(sets.site.first.catalogue)


@then("no object of the bucket holds that text")
def unreadable(sets: Sets) -> None:
    assert sets.readable() == []


@then("the one that was first is whole")
def first_is_whole(sets: Sets) -> None:
    assert sets.made is not None
    assert sets.added() == [sets.made.catalogue.id]
    assert sets.check_newest() == []


@then(parsers.parse('the other one is refused as "{rule}", naming who is at work'))
def second_refused(sets: Sets, rule: str) -> None:
    assert sets.error is not None
    assert sets.error.rule == rule
    assert "engineroom backup since" in str(sets.error)


@then("no set was added, and those that were there are whole")
def none_added(sets: Sets) -> None:
    assert sets.added() == []
    assert sets.check() == []


@then("git gc is not held any more")
def not_held(sets: Sets) -> None:
    assert sets.held() == []


@then("a whole set was added")
def whole_added(sets: Sets) -> None:
    assert len(sets.added()) == 1
    assert sets.check_newest() == []


@then(parsers.parse('the backup names that repository as "{rule}"'))
def names_repository(sets: Sets, rule: str) -> None:
    assert sets.made is not None
    (finding,) = sets.made.findings
    assert finding.rule == rule
    assert sets.damaged in finding.message
    assert f"git/{sets.damaged}" in sets.made.catalogue.left_out


@then("all other repositories come back from that set")
def others_back(sets: Sets) -> None:
    sets.restore()
    assert sets.wrong_refs(but=sets.damaged) == []


@then(parsers.parse('it is no set, because of "{rule}"'))
def refused_set(sets: Sets, rule: str) -> None:
    assert sets.error is not None
    assert sets.error.rule == rule
    assert sets.added() == []


@then(parsers.parse('the check that reads everything says "{rule}", and the copied sets are no pass'))
def says_rule(sets: Sets, rule: str) -> None:
    findings = sets.check(sets.the_copy, deep=True)
    assert _rules(findings) == {rule}
    assert verdict(findings) != "pass"


@then("the set before it is the newest one of the copy")
def before_is_newest(sets: Sets) -> None:
    findings = sets.check(sets.the_copy)
    assert findings == []
    assert sets.newest_of(sets.the_copy).id == sets.damaged


@then(parsers.parse('the check says "{rule}"'))
def late_says(late: list[Finding], rule: str) -> None:
    assert rule in _rules(late)


@then("the set that stays is whole, whoever reads all of it")
def stays_whole(sets: Sets) -> None:
    assert sets.check(sets.the_copy, deep=True) == []


@then("the older sets and what only they held are gone from the copy")
def older_gone(sets: Sets) -> None:
    assert sets.wasted() == []
    assert sets.newest_of(sets.the_copy).id == sets.newest.id


@then("the second bucket's sets break no rule")
def second_whole(sets: Sets) -> None:
    assert sets.check_second() == []


@then("the second bucket still has that set")
def second_keeps(sets: Sets) -> None:
    assert sets.damaged in sets.second_sets()
    assert sets.check_second() == []


@then("a bucket that locks objects is proven to keep them")
def lock_proven(sets: Sets) -> None:
    assert sets.lock_proof(locks=True) == (True, [])


@then("for a bucket without locks nothing is claimed")
def lock_unproven(sets: Sets) -> None:
    proven, findings = sets.lock_proof(locks=False)
    assert not proven
    assert _rules(findings) == {"LOCK_UNPROVEN"}


@when("a snapshot is taken out of the copy")
def snapshot_out(sets: Sets) -> None:
    sets.take_out_snapshot()


@then("of every kind of object that the newest set needs one refuses to be deleted")
def locked_stay(sets: Sets) -> None:
    assert sets.newest.locked_until is not None
    assert sets.deletable() == []
    assert sets.check_newest() == []


@then(parsers.parse('the check of the copy says "{rule}", naming that snapshot'))
def lock_broken(sets: Sets, rule: str) -> None:
    named = [finding.message for finding in sets.check(sets.the_copy) if finding.rule == rule]
    assert named
    assert all(sets.damaged in message for message in named)


@then(parsers.parse('the store\'s own account is named as "{rule}"'))
def own_account(sets: Sets, rule: str) -> None:
    (finding,) = sets.own_rights()
    assert finding.rule == rule
    assert sets.site.store.access_key in finding.message


@then("the writer can take a snapshot but can delete neither it nor any other object")
def writer_rights(sets: Sets) -> None:
    sets.writer_snapshot()


@then("the pruner can delete it")
def pruner_rights(sets: Sets) -> None:
    assert sets.pruner_deletes() == []


@when(
    parsers.parse("the harm of the seed {seed:d} is done while a set is taken and people push"), target_fixture="trial"
)
def harm_of_seed(trials: Trials, set_services: Services, seed: int) -> Trial:
    return trials.trial(seed, set_services)


@then("the next set is whole, without a hand")
def next_is_whole(trial: Trial) -> None:
    assert trial.wrong == (), str(trial)


@then("the harm is told in one line")
def told_in_a_line(trial: Trial, request: pytest.FixtureRequest) -> None:
    assert "\n" not in str(trial)
    run_context(request.config).attach_measurement(f"{trial.harm}, seed {trial.seed}", "s", [trial.after])
