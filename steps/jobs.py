"""Steps about jobs: what a person runs, and what became of it."""

from __future__ import annotations

import pytest
from pytest_bdd import parsers, then, when

from stack.runtimes.base import Stack
from stack.settings import Settings
from steps.git_people import GitPeople
from steps.job import JobControl
from steps.people import People

__all__: list[str] = []


@pytest.fixture
def job(people: People, stack: Stack, settings: Settings) -> JobControl:
    """The job that a scenario is about."""
    return JobControl(people, stack, settings.slow)


@when(parsers.parse('"{name}" runs a job with the step "{step}" in "{repository}"'))
def runs(job: JobControl, git_people: GitPeople, name: str, step: str, repository: str) -> None:
    job.start(name, repository, [step], commit=git_people.pushed[repository])


@when(parsers.parse('"{name}" tries to run a job with the step "{step}" in "{repository}"'))
def tries(job: JobControl, name: str, step: str, repository: str) -> None:
    job.ask(name, repository, [step])


@when(parsers.parse('"{name}" runs a job with the steps "{one}", "{two}" and "{three}" in "{repository}"'))
def runs_three(
    job: JobControl, git_people: GitPeople, name: str, one: str, two: str, three: str, repository: str
) -> None:
    job.start(name, repository, [one, two, three], commit=git_people.pushed[repository])


@when(parsers.parse('"{name}" runs a job with the step "{step}" that may take {limit:d} seconds in "{repository}"'))
def runs_limited(job: JobControl, git_people: GitPeople, name: str, step: str, limit: int, repository: str) -> None:
    job.start(name, repository, [step], commit=git_people.pushed[repository], limit=limit)


@when("the runner is killed once the job runs, and started again")
def killed(job: JobControl, stack: Stack) -> None:
    job.expect_state("running", 30)
    stack.kill("runner")
    stack.restart("runner")


@when(parsers.parse('"{name}" cancels the job once it runs'))
def cancels(job: JobControl, name: str) -> None:
    job.expect_state("running", 30)
    job.cancel(name)


@then(parsers.parse('the job has "{state}" within {seconds:d} seconds'))
def has_ended(job: JobControl, state: str, seconds: int) -> None:
    job.expect_state(state, seconds)


@then(parsers.parse('its log contains "{text}"'))
def log_contains(job: JobControl, text: str) -> None:
    assert text in job.log(), job.log()


@then(parsers.parse('its log does not contain "{text}"'))
def log_lacks(job: JobControl, text: str) -> None:
    assert text not in job.log(), job.log()


@then("its log contains no secret of the stack")
def no_secret(job: JobControl) -> None:
    assert job.log(), "the log is empty"
    assert job.secrets_told() == 0, "a secret of the stack is in the log"


@then(parsers.parse('the commit\'s status is "{state}"'))
def commit_status(job: JobControl, state: str) -> None:
    assert job.statuses()[-1] == state


@then(parsers.parse('the commit has one status "{state}" of it'))
def one_status(job: JobControl, state: str) -> None:
    assert job.statuses().count(state) == 1, job.statuses()


@then(parsers.parse("it took {number:d} attempts"))
def attempts(job: JobControl, number: int) -> None:
    assert job.attempts() == number


@then("no process of the job is left")
def no_process(job: JobControl) -> None:
    job.expect_no_process()
