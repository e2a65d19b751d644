"""The page: complete, self-contained, and safe with whatever a scenario prints."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from reports.context import RunContext
from reports.evidence import Evidence, Measurement, NotTested
from reports.page import page_text, pictures_of
from reports.verdict import Finding, Severity, StepResult, Verdict
from tests.reports.kit import evidence, result

HOSTILE = '<script>alert("1")</script><img src=x onerror=alert(1)>"\'&amp;$x^{$ ${7*7} {{ 7*7 }} ]]> 测'

# Elements that end by themselves (HTML's void elements).
VOID = {"meta", "br", "img", "input", "link", "hr"}


class Reader(HTMLParser):
    """Notes elements, attributes and text, and that elements are closed in order."""

    def __init__(self) -> None:
        """Start with nothing seen."""
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element without content."""
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """An element ends."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Text, but for the style sheet."""
        if "style" not in self.open:
            self.words.append(data)


def read(whole: Evidence) -> Reader:
    """The page of some evidence, read as HTML."""
    reader = Reader()
    reader.feed(page_text(whole))
    reader.close()
    assert reader.open == []
    return reader


def words(whole: Evidence) -> str:
    """The text a reader of the page sees, with single blanks."""
    return " ".join(" ".join(read(whole).words).split())


@pytest.fixture(scope="module")
def full() -> Evidence:
    """A run with one of everything, and hostile text wherever text can be."""
    finding = Finding(
        stage=HOSTILE, rule=HOSTILE, severity=Severity.ERROR, message=HOSTILE, fix=HOSTILE, evidence=HOSTILE
    )
    steps = tuple(
        StepResult(keyword="Then", text=HOSTILE, verdict=verdict, duration=duration)
        for verdict in Verdict
        for duration in (None, 0.25)
    )
    results = [
        result(
            f"{verdict.value} {HOSTILE}", verdict, findings=(finding,), steps=steps, tags=(HOSTILE,), needs=(HOSTILE,)
        )
        for verdict in Verdict
    ]
    return evidence(
        results,
        verdict=Verdict.FAIL,
        not_tested=[
            NotTested(id=HOSTILE, verdict=Verdict.SIMULATED, why=HOSTILE),
            NotTested(id="x", verdict=None, why="y"),
        ],
        measurements=[
            Measurement(name=HOSTILE, unit=HOSTILE, values=(1.0, 2.0), labels=(HOSTILE, "b"), scenario=HOSTILE),
            Measurement(name="latency", unit="ms", values=tuple(float(n % 7) for n in range(60))),
            Measurement(name="start to all ready", unit="s", values=(12.5,)),
        ],
        selection=[HOSTILE],
    )


def test_hostile_text_stays_text(full: Evidence) -> None:
    """Markup, template and formula syntax from a scenario are shown, never run."""
    reader = read(full)
    assert not {"script", "img", "iframe", "object", "link"} & {tag for tag, _ in reader.seen}
    assert not [attributes for _, attributes in reader.seen if any(name.startswith("on") for name in attributes)]
    assert sum(HOSTILE in text for text in reader.words) > len(Verdict)


def test_nothing_is_fetched(full: Evidence) -> None:
    """No address but the names of XML's own vocabularies, no import, and a policy that forbids the rest."""
    page = page_text(full)
    addresses = set(re.findall(r"https?://[^\s\"'<)]+", page))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert "@import" not in page
    assert "url(" not in re.sub(r"url\(#", "", page)
    assert "default-src 'none'" in page
    sources = [attributes for _, attributes in read(full).seen if {"src", "href", "data", "action"} & set(attributes)]
    assert sources == []


def test_ids_are_unique(full: Evidence) -> None:
    """Several plots on one page do not share an id."""
    ids = [attributes["id"] for _, attributes in read(full).seen if "id" in attributes]
    assert len(ids) == len(set(ids))
    references = set(re.findall(r'(?:href="#|url\(#)([^")]+)', page_text(full)))
    assert references <= set(ids)


def test_the_same_evidence_gives_the_same_bytes(full: Evidence) -> None:
    """Plots included."""
    assert page_text(full) == page_text(full)


def test_what_was_not_tested_has_its_section() -> None:
    """Each reason with its verdict in words and the scenarios it covers; what was not selected too."""
    text = words(
        evidence(
            [result()],
            not_tested=[
                NotTested(id="search/code: a [meilisearch]", verdict=Verdict.NOT_CONFIGURED, why="no binary"),
                NotTested(id="search/code: b [meilisearch]", verdict=Verdict.NOT_CONFIGURED, why="no binary"),
                NotTested(id="stack/x: c", verdict=None, why="outside the selected paths"),
            ],
        )
    )
    section = text.partition("What was not tested")[2].partition("Scenarios")[0]
    assert section.count("no binary") == 1
    for expected in ("not configured", "[meilisearch]", "search/code: b", "not selected", "stack/x: c"):
        assert expected in section


def test_a_run_that_left_nothing_out_says_so() -> None:
    """The section is there even if it is empty."""
    assert "Nothing was left out" in words(evidence([result()]))


@pytest.mark.parametrize("verdict", [Verdict.PASS, Verdict.FAIL, Verdict.COULD_NOT_VERIFY])
def test_the_verdict_is_the_heading(verdict: Verdict) -> None:
    """The verdict in words is the page's first heading and its title."""
    page = page_text(evidence([result(verdict=verdict)], verdict=verdict))
    heading = re.search(r"<h1>.*?</span>([^<]+)</h1>", page)
    assert heading is not None
    assert heading[1] == verdict.label.capitalize()
    assert f"<title>{verdict.label} " in page


def test_counts_are_shown_for_every_verdict() -> None:
    """Numbers and words, zero included."""
    text = words(evidence([result(), result("b"), result("c", Verdict.FAIL, message="false")]))
    for expected in ("2 ✓ passed", "1 ✕ failed", "0 ? could not verify", "0 ○ not configured", "0 ≈ simulated"):
        assert expected in text


def test_a_failed_scenario_shows_rule_evidence_and_next_step() -> None:
    """Everything a reader needs stands under what went wrong."""
    finding = Finding(
        stage="then", rule="then-is-false", severity=Severity.ERROR, message="3 hits", fix="look", evidence="E assert 3"
    )
    text = words(evidence([result("it leaks", Verdict.FAIL, findings=(finding,))], verdict=Verdict.FAIL))
    section = text.partition("What went wrong")[2].partition("Scenarios")[0]
    for expected in ("it leaks", "3 hits", "then-is-false", "look", "E assert 3"):
        assert expected in section


def test_one_problem_of_many_scenarios_is_told_once() -> None:
    """A card for the problem, with every scenario it hit."""
    finding = Finding(stage="given", rule="given-not-met", severity=Severity.ERROR, message="no disk", fix="buy one")
    many = [result(title, Verdict.COULD_NOT_VERIFY, findings=(finding,)) for title in ("one", "two", "three")]
    section = words(evidence(many)).partition("What went wrong")[2].partition("Scenarios")[0]
    assert section.count("no disk") == 1
    assert "and 2 more" in section
    assert all(f"search/code: {title}" in section for title in ("one", "two", "three"))


def test_a_run_without_problems_has_no_section_for_them() -> None:
    """Nothing went wrong is not a heading."""
    assert "What went wrong" not in words(evidence([result()]))


def test_steps_can_be_expanded() -> None:
    """Each step with its verdict in words, unless it passed, and its time; without a script."""
    steps = (
        StepResult(keyword="Given", text="a forge", verdict=Verdict.PASS, duration=0.25),
        StepResult(keyword="When", text="a push", verdict=Verdict.FAIL, duration=61.0),
        StepResult(keyword="Then", text="a hit", verdict=Verdict.COULD_NOT_VERIFY),
    )
    whole = evidence([result(verdict=Verdict.FAIL, steps=steps)])
    assert "details" in [tag for tag, _ in read(whole).seen]
    text = words(whole)
    assert "Given a forge 250 ms" in text
    assert "When a push fail, 1 min 01 s" in text
    assert "Then a hit not reached" in text


def test_servers_are_listed_with_their_checksums() -> None:
    """Name, version, licence; a server without a checksum is called unlocked."""
    text = words(evidence([result()]))
    assert "PostgreSQL 18.6 PostgreSQL abababababababab…" in text
    assert "Redis 7.0 BSD-3-Clause unlocked" in text


def test_a_partial_run_says_so() -> None:
    """Selected paths stand under the verdict."""
    text = words(evidence([result()], selection=["features/search"]))
    assert "Partial run. Only features/search was selected" in text
    assert "Partial run" not in words(evidence([result()]))


def test_unused_waivers_are_listed() -> None:
    """A waiver that did nothing can be found and taken out."""
    assert "Not used by this run." in words(evidence([result()]))


def test_every_area_is_a_table_with_every_scenario() -> None:
    """Areas are apart, variants are marked."""
    many = [result("a", variant="opensearch"), result("b", area="stack"), result("c", area="")]
    reader = read(evidence(many))
    assert [tag for tag, _ in reader.seen].count("table") == 4
    assert {"a", "b", "c", "opensearch"} <= {word.strip() for word in reader.words}


def test_a_run_of_nothing_is_a_page_too() -> None:
    """No result, no plot, no error."""
    text = words(evidence([], verdict=Verdict.COULD_NOT_VERIFY))
    assert "No scenario was found." in text
    assert "Time and measurements" not in text


def test_a_single_figure_is_no_plot() -> None:
    """One number is told, a series is drawn."""
    figure = Measurement(name="start to all ready", unit="s", values=(12.5,))
    text = page_text(evidence([], measurements=[figure]))
    assert "<svg" not in text
    assert "<b>12.5</b> s" in text


def test_light_and_dark_have_every_colour() -> None:
    """The dark scheme redefines what the light one defines, fonts apart."""
    page = page_text(evidence([result()]))
    light, dark = re.findall(r":root \{(.*?)\}", page, flags=re.DOTALL)
    names = set(re.findall(r"--[\w-]+(?=:)", light)) - {"--sans", "--mono"}
    assert names == set(re.findall(r"--[\w-]+(?=:)", dark))
    used = set(re.findall(r"var\((--[\w-]+)\)", page))
    assert used <= names | {"--sans", "--mono", "--tone"}


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_text_can_be_read() -> None:
    """Text colours stand out from every background by at least 4.5 to 1 (WCAG 2, success criterion 1.4.3)."""
    page = page_text(evidence([result()]))
    for scheme in re.findall(r":root \{(.*?)\}", page, flags=re.DOTALL):
        colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", scheme))
        for text in set(colours) - {"paper", "card", "sunk", "line"}:
            for ground in ("paper", "card", "sunk"):
                pair = sorted((_luminance(colours[text]), _luminance(colours[ground])))
                assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5, (text, ground)


def test_a_picture_is_on_the_page_only_when_it_is_the_one_that_was_taken(tmp_path: Path) -> None:
    """A file that was exchanged afterwards is not shown as what the run saw."""
    context = RunContext(features=tmp_path, scope_file=tmp_path / "scope.toml", evidence_dir=tmp_path)
    picture = context.attach_picture("the search page", b"\x89PNG one")
    run = evidence(results=()).model_copy(update={"pictures": (picture,)})
    folder = tmp_path / context.run_id
    assert "data:image/png;base64," in page_text(run, pictures_of(run, folder))
    (folder / picture.file).write_bytes(b"\x89PNG two")
    page = page_text(run, pictures_of(run, folder))
    assert "data:image/png" not in page
    assert "the search page" in page
    assert "missing" in page
