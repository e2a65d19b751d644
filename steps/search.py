"""Steps that search, and say what must be found and what must not."""

from __future__ import annotations

from pytest_bdd import parsers, then, when

from steps.world import World

__all__: list[str] = []


@when(parsers.re(r"(?P<who>a visitor|the user \w+) searches for: (?P<query>.+)"))
def search(world: World, who: str, query: str) -> None:
    world.search(query, viewer=None if who == "a visitor" else who.removeprefix("the user "))


@then(parsers.parse('the first {number:d} hits define "{name}" at the shown line of the shown blob'))
def first_define(world: World, number: int, name: str) -> None:
    for hit in world.code(number):
        assert hit.symbol == name, f"{hit.repository}/{hit.path}:{hit.line} defines {hit.symbol!r}"
        assert hit.text in world.blob(hit).split("\n")[hit.line - 1]


@then(parsers.parse('the shown line of the first {number:d} hits contains "{text}"'))
def first_contain(world: World, number: int, text: str) -> None:
    wrong = [f"{hit.path}:{hit.line}: {hit.text}" for hit in world.code(number) if text not in hit.text]
    assert not wrong, wrong


@then(parsers.parse('the first {number:d} hits are written in "{language}"'))
def first_in(world: World, number: int, language: str) -> None:
    assert {hit.language for hit in world.code(number)} == {language}


@then(parsers.parse('none of the first {number:d} hits is written in "{language}"'))
def none_in(world: World, number: int, language: str) -> None:
    assert language not in {hit.language for hit in world.code(number)}


@then(parsers.parse('the first hit is written in "{language}"'))
def first_hit_in(world: World, language: str) -> None:
    assert world.code(1)[0].language == language


@then(parsers.parse('the shown line of the first hit contains "{text}"'))
def first_hit_contains(world: World, text: str) -> None:
    assert text in world.code(1)[0].text


@then(parsers.parse("there is at least {number:d} hit"))
def at_least(world: World, number: int) -> None:
    assert len(world.answer.hits) >= number


@then(parsers.parse("the shown line of every hit contains the text: {text}"))
def every_contains(world: World, text: str) -> None:
    wrong = [f"{hit.path}:{hit.line}: {hit.text}" for hit in world.code() if text not in hit.text]
    assert not wrong, wrong
    for hit in world.code():
        assert hit.text in world.blob(hit).split("\n")[hit.line - 1]


@then("exactly these files are found:")
def exactly(world: World, datatable: list[list[str]]) -> None:
    assert sorted(hit.path for hit in world.code()) == sorted(path for (path,) in datatable[1:])
    assert world.answer.total == len(datatable) - 1


@then(parsers.parse('searching for "{query}" finds exactly "{path}"'))
def finds_exactly(world: World, query: str, path: str) -> None:
    world.search(query)
    assert [hit.path for hit in world.code()] == [path]
    assert world.answer.total == 1


@then(parsers.parse('searching for "{query}" finds nothing'))
def finds_nothing(world: World, query: str) -> None:
    world.search(query)
    assert (world.answer.total, world.answer.hits) == (0, ())


@then(parsers.parse("the total is {number:d}"))
def total(world: World, number: int) -> None:
    assert (world.answer.total, world.answer.exact) == (number, True)
    assert len(world.answer.hits) == number


@then(parsers.parse('the facet "{name}" counts:'))
def facet(world: World, name: str, datatable: list[list[str]]) -> None:
    assert dict(world.answer.facets[name]) == {value: int(number) for value, number in datatable[1:]}


@then(parsers.parse('the facet "{name}" counts {number:d} for "{value}"'))
def facet_of(world: World, name: str, number: int, value: str) -> None:
    assert world.answer.facets[name].get(value, 0) == number


@then(parsers.parse('the facet "{name}" counts nothing'))
def facet_empty(world: World, name: str) -> None:
    assert dict(world.answer.facets[name]) == {}


@then("choosing any value of any facet gives exactly as many hits as it counted")
def facets_lead(world: World) -> None:
    query, facets = world.answer.query, world.answer.facets
    filters = {"language": "lang", "author": "author", "repository": "repo"}
    for name, values in facets.items():
        for value, number in values.items():
            chosen = f'{filters[name]}:"{value}"' if name in filters else f"after:{value} before:{int(value) + 1}"
            world.search(f"{query} {chosen}")
            assert world.answer.total == number, f"{name}={value}"


@then(parsers.parse('the search is refused, naming "{text}"'))
def refused(world: World, text: str) -> None:
    assert world.refusal is not None, "the query was accepted"
    assert text in str(world.refusal)


@then(parsers.parse('the first hit is titled "{title}"'))
def first_titled(world: World, title: str) -> None:
    assert [hit.title for hit in world.records()][:1] == [title]


@then(parsers.parse('some hit is titled "{title}"'))
def some_titled(world: World, title: str) -> None:
    assert title in [hit.title for hit in world.records()]


@then(parsers.parse('every odd file of "{name}" that has text is found by the word in it'))
def odd_found(world: World, name: str) -> None:
    assert world.odd_words_not_found(name) == []


@then(parsers.parse('no hit is in the repository "{name}"'))
def none_in_repository(world: World, name: str) -> None:
    assert name not in [hit.repository for hit in world.answer.hits]
    assert name not in world.answer.facets["repository"]


@then(parsers.parse('some hit is in the repository "{name}"'))
def some_in_repository(world: World, name: str) -> None:
    assert name in [hit.repository for hit in world.answer.hits]


@then(parsers.parse('"{path}" of "{name}" has the status "{status}"'))
def has_status(world: World, path: str, name: str, status: str) -> None:
    assert world.status_of(name, path) == status


@then("that run wrote nothing")
def wrote_nothing(world: World) -> None:
    assert world.report is not None
    assert (world.report.writes, world.report.outcomes) == (0, [])


@then("that run failed, naming the engine")
def failed_naming(world: World) -> None:
    assert world.failure is not None, "the run was called done"
    assert world.engine in str(world.failure).lower()


@then(parsers.parse('that run reports "{path}" of "{name}"'))
def reports_file(world: World, path: str, name: str) -> None:
    assert world.report is not None
    assert (name, path) in [(problem.repository, problem.path) for problem in world.report.problems]
    assert not world.report.clean


@then(parsers.parse('that run reports the repository "{name}"'))
def reports_repository(world: World, name: str) -> None:
    assert world.report is not None
    assert name in [outcome.repository for outcome in world.report.broken]
