"""Steps about what a person sees and does in the browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_bdd import given, parsers, then, when

from reports.context import run_context
from stack.errors import NeedMissingError
from stack.reference import Reference
from stack.runtimes.base import Stack
from stack.settings import Settings
from stack.toolchain import Toolchain
from steps.browser import BrowserControl
from steps.people import People

__all__: list[str] = []


@pytest.fixture
def browser(stack: Stack, settings: Settings, tmp_path: Path) -> Iterator[BrowserControl]:
    """A browser, once a step opens it."""
    services = stack.addresses.services
    if services is None or services.web is None:
        raise NeedMissingError("web", "This stack has no web")
    chromium = Toolchain(settings).require("chromium")
    with BrowserControl(chromium, services.web.url, tmp_path, settings.slow) as control:
        yield control


@given("the forge holds real code that can be searched")
def searchable(filled: Reference) -> None:
    kind = filled.kinds[0]
    report = filled.index(kind)
    if not report.clean:
        raise NeedMissingError(kind, "The forge could not be indexed", got=str(report))


@given("a browser")
def opened(browser: BrowserControl) -> None:
    browser.start()


@given("a browser without scripts")
def opened_without_scripts(browser: BrowserControl) -> None:
    browser.start(scripts=False)


@when(parsers.parse('"{name}" signs in through the page'))
def signs_in(browser: BrowserControl, people: People, name: str) -> None:
    browser.sign_in(name, people.password)
    browser.expect_signed_in(name)


@when(parsers.parse('somebody signs in through the page as "{name}" with a wrong password'))
def signs_in_wrongly(browser: BrowserControl, name: str) -> None:
    browser.sign_in(name, "not-the-password")


@when(parsers.parse('the page is searched for "{query}"'))
def searched(browser: BrowserControl, query: str) -> None:
    browser.search(query)


@when(parsers.parse('"{text}" is typed into the search box'))
def typed(browser: BrowserControl, text: str) -> None:
    browser.type(text)


@when("the arrow key and Enter are pressed", target_fixture="address_before")
def chosen(browser: BrowserControl) -> str:
    return browser.choose_first_suggestion()


@when(parsers.parse('the facet "{value}" is chosen'))
def facet_chosen(browser: BrowserControl, value: str) -> None:
    browser.choose_facet(value)


@when("the first hit's line is opened", target_fixture="line")
def line_opened(browser: BrowserControl) -> int:
    number, _ = browser.open_first_line()
    return number


@when(parsers.parse('a visitor opens "{path}"'))
def opens(browser: BrowserControl, path: str) -> None:
    browser.open(path)


@then("hits are shown")
def hits_shown(browser: BrowserControl) -> None:
    assert any("main" in hit for hit in browser.hits())


@then(parsers.parse('every shown hit is written in "{language}"'))
def all_in(browser: BrowserControl, language: str) -> None:
    assert browser.languages() == {language}


@then("the page shows the file at that line")
def at_line(browser: BrowserControl, line: int) -> None:
    assert browser.line_shown(line), f"line {line} is not in sight"


@then(parsers.parse("suggestions are shown within {seconds:d} seconds"))
def suggestions_shown(browser: BrowserControl, seconds: int) -> None:
    assert browser.suggestions(seconds) > 0


@then("another page is shown")
def another_page(browser: BrowserControl, address_before: str) -> None:
    browser.page.wait_for_url(lambda url: url != address_before)


@then("the page says that there is no such thing")
def says_nothing_there(browser: BrowserControl) -> None:
    assert browser.says("not found|no such|does not exist|doesn't exist"), browser.page.inner_text("body")[:500]


@then("the page says that the name or the password is wrong")
def says_wrong(browser: BrowserControl) -> None:
    assert browser.says("wrong|incorrect|not right|don't match|do not match"), browser.page.inner_text("body")[:500]


@then("the page says that the forge can't answer now")
def says_away(browser: BrowserControl) -> None:
    assert browser.says("does not answer|can't answer|cannot answer|unavailable|try again")


@then("a picture of the page is in the report")
def pictured(browser: BrowserControl, request: pytest.FixtureRequest) -> None:
    run_context(request.config).attach_picture(browser.title(), browser.picture())
