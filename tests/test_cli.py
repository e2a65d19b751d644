"""The command: exit codes and messages."""

from __future__ import annotations

import json
import signal
import sys
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from stack import cli
from stack.addresses import Addresses
from stack.process import run
from stack.runtimes.base import ComponentStatus
from stack.search.engines.base import EngineUnavailableError
from stack.search.indexer import Report
from stack.search.results import CodeHit, Line, Results
from stack.search.show import show_results


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main(list(arguments))
    code = ended.value.code
    assert isinstance(code, int)
    return code


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGINEROOM_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.delenv("ENGINEROOM_RUNTIME", raising=False)


def test_an_unknown_verb_is_a_usage_error() -> None:
    """64, as the documentation says."""
    assert call("frobnicate") == 64


def test_a_wrong_setting_is_a_usage_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The key is named and nothing is touched."""
    monkeypatch.setenv("ENGINEROOM_SLOW", "-1")
    assert call("status") == 64
    assert "slow" in capsys.readouterr().err


def test_status_without_a_stack_is_not_a_success(capsys: pytest.CaptureFixture[str]) -> None:
    """2: there is nothing to be sure of."""
    assert call("status") == 2
    assert "engineroom up" in capsys.readouterr().out


@pytest.mark.parametrize("verb", [("down",), ("logs", "redis-1"), ("search", "x"), ("index",)])
def test_a_verb_that_needs_a_stack_says_so(verb: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """The message says what to do."""
    assert call(*verb) == 2
    assert "engineroom up" in capsys.readouterr().err


def test_a_command_that_a_script_starts_in_the_background_can_be_interrupted() -> None:
    """Such a command begins with SIGINT ignored; both signals that end a command end this one."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for number in before:
            signal.signal(number, signal.SIG_IGN)
        call("clean")
        for number in before:
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(number)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_closed_terminal_ends_a_command_as_ctrl_c_does() -> None:
    """So that it cleans up; a command that nohup told to go on goes on."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        call("clean")
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGHUP)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        call("clean")
        signal.raise_signal(signal.SIGHUP)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_nothing_to_clean_up_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """And is a success."""
    assert call("clean") == 0
    assert "nothing was left" in capsys.readouterr().out


def test_an_unknown_component_is_named_before_anything_starts(capsys: pytest.CaptureFixture[str]) -> None:
    """64, with the names there are."""
    assert call("up", "--components", "postgres") == 64
    assert "postgresql" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["nobody-of-that-name", "\udcff", "a\nb"])
def test_an_unknown_user_is_not_taken_for_a_visitor(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """64, naming them, whatever bytes the name has; the search is not asked."""

    class Forge:
        def find_user(self, username: str) -> None:
            username.encode()

    class Unasked(TwoEngines):
        forge = Forge()

    monkeypatch.setattr(cli, "running", lambda _settings: [RunningStack()])
    monkeypatch.setattr("stack.reference.Reference", lambda *_, **__: nullcontext(Unasked()))
    assert call("search", "x", "--as", name) == 64
    err = capsys.readouterr().err
    assert "no such user" in err
    assert name.encode("utf-8", "backslashreplace").decode() in err


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["->"], "->"),
        (["-is:test foo"], "-is:test foo"),
        (["-lang:go", "-n", "3"], "-lang:go"),
        (["--json", "-path:src x", "--as=ada"], "-path:src x"),
        (["-n3", "-x"], "-x"),
        (["--", "--force"], "--force"),
        (["-"], "-"),
        (["-e", "--page", "2"], "-e"),
    ],
)
def test_a_query_may_begin_with_a_dash(monkeypatch: pytest.MonkeyPatch, words: list[str], asked: str) -> None:
    """It need not be told from an option, unless it looks like a long one."""
    found: list[str] = []
    monkeypatch.setattr(cli.search, "callback", lambda query, **_: found.append(query))
    assert call("search", *words) == 0
    assert found == [asked]


def test_a_misspelt_option_of_a_search_is_no_query(capsys: pytest.CaptureFixture[str]) -> None:
    """64, with the one that was probably meant."""
    assert call("search", "x", "--jsn") == 64
    assert "--json" in capsys.readouterr().err


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three lines of a component of the stack that runs."""
    path = tmp_path / "redis-1.log"
    path.write_text("one\ntwo\nthree\n")
    monkeypatch.setattr(RunningStack, "log", lambda _self, _component: path, raising=False)
    monkeypatch.setattr(cli, "running", lambda _settings: [RunningStack()])
    return path


@pytest.mark.parametrize(("number", "shown"), [("0", ""), ("2", "two\nthree\n"), ("9", "one\ntwo\nthree\n")])
@pytest.mark.usefixtures("log")
def test_the_last_lines_of_a_log(number: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As many as were asked for; none when none were."""
    assert call("logs", "redis-1", "-F", "-n", number) == 0
    assert capsys.readouterr().out == shown


def test_fewer_lines_than_none_are_a_usage_error() -> None:
    """64."""
    assert call("logs", "redis-1", "-n", "-1") == 64


@pytest.mark.parametrize("given", ["", " , "])
def test_no_component_at_all_is_not_everything(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A variable that a script forgot to set starts nothing."""
    assert call("up", "--components", given) == 64
    assert "--components" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("verb", "how"), [(("down",), "engineroom down RUN"), (("index",), "--run RUN"), (("search", "x"), "--run RUN")]
)
def test_of_several_stacks_one_must_be_named(
    verb: tuple[str, ...], how: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said which there are and how to name one."""
    monkeypatch.setattr(cli, "running", lambda _settings: [RunningStack("r1"), RunningStack("r2")])
    assert call(*verb) == 64
    err = capsys.readouterr().err
    assert "r1, r2" in err
    assert how in err


def test_whoever_reads_may_stop_reading(tmp_path: Path) -> None:
    """As `head` does: not a failure of the command, no traceback, and the code that a shell gives such a program."""
    command = f"{sys.executable} -m stack doctor 2>{tmp_path}/err | true; echo ${{PIPESTATUS[0]}}"
    assert run(["bash", "-c", command], timeout=60).text.strip() == "141"
    assert (tmp_path / "err").read_text() == ""


def test_a_page_that_no_engine_gives_is_a_usage_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """64, and which one is the last."""
    monkeypatch.setattr(cli, "running", lambda _settings: [RunningStack()])
    assert call("search", "x", "--page", "99999") == 64
    assert "page 1000 is the last one" in capsys.readouterr().err
    assert call("search", "x", "--page", "101", "-n", "100") == 64
    assert "page 100 is the last one" in capsys.readouterr().err


@pytest.mark.parametrize("path", ["nope", "features/nope", "features/search/nope.feature", "tests", "."])
def test_a_path_without_features_is_a_usage_error(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    """64 before anything is started, with the path and what can be named; not a run without a verdict."""
    assert call("verify", path) == 64
    err = capsys.readouterr().err
    assert str(Path(path).absolute()) in err
    assert "features" in err


@pytest.mark.parametrize(("given", "code"), [(0, 0), (1, 1), (2, 2), (3, 2), (4, 64), (5, 2), (64, 64), (130, 130)])
def test_pytest_s_own_codes_get_their_meaning(monkeypatch: pytest.MonkeyPatch, given: int, code: int) -> None:
    """Where no plugin of ours was there to give them one; 2 is our own could_not_verify by then."""
    monkeypatch.setattr(pytest, "main", lambda _arguments: given)
    assert call("verify", "features/search/code.feature") == code


def test_a_path_that_pytest_is_given_ends_with_64_too() -> None:
    """Bare pytest says what the command says."""
    done = run([sys.executable, "-m", "pytest", "features/nope"], timeout=60, drop=("PYTEST_",), ok=(64,))
    assert b"features/nope" in done.stdout + done.stderr


@dataclass
class EndedStack:
    """A stack that somebody ends while a command works on it."""

    name: str = "r1"
    folder: Path = Path("/nowhere")
    addresses: Addresses = field(default_factory=Addresses)
    missing: dict[str, str] = field(default_factory=dict)


@pytest.mark.parametrize("verb", [("index",), ("search", "x")])
def test_a_stack_that_is_ended_meanwhile_is_told_as_such(
    verb: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever was met first because of it: 2, and no traceback."""
    looks = iter([[EndedStack()]])
    monkeypatch.setattr(cli, "running", lambda _settings: next(looks, []))

    def vanished(*_: object, **__: object) -> None:
        raise FileNotFoundError(2, "No such file or directory", "/nowhere/reference/exact")

    monkeypatch.setattr("stack.reference.Reference.__init__", vanished)
    assert call(*verb) == 2
    err = capsys.readouterr().err
    assert "was ended while this command worked on it" in err
    assert "r1" in err
    assert "/nowhere/reference/exact" in err


class TwoEngines:
    """The first of which is dead."""

    kinds = ("opensearch", "meilisearch")

    def index(self, kind: str, **_: object) -> Report:
        if kind == "opensearch":
            raise EngineUnavailableError("OpenSearch cannot be reached", on="127.0.0.1:9", fix="is it running?")
        return Report(kind, counts={"indexed": 5})

    def fill(self, *_: object, **__: object) -> None:
        pass

    def put_objects(self, *_: object, **__: object) -> int:
        return 0


@dataclass
class RunningStack(EndedStack):
    """A stack with both of them."""

    stopped: bool = False

    def status(self) -> list[ComponentStatus]:
        return []

    def stop(self) -> None:
        self.stopped = True


@pytest.mark.parametrize("verb", [("index",), ("up", "--detach")])
def test_an_engine_that_is_away_does_not_keep_the_other_from_being_indexed(
    verb: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both are reported, and the exit code says that not all was done; what runs goes on running."""
    stack = RunningStack()
    monkeypatch.setattr(cli, "running", lambda _settings: [stack])
    monkeypatch.setattr(cli, "start", lambda _settings, **_: stack)
    monkeypatch.setattr("stack.reference.Reference", lambda *_, **__: nullcontext(TwoEngines()))
    assert call(*verb) == 2
    told = capsys.readouterr()
    assert "opensearch was not indexed" in told.err
    assert "cannot be reached" in told.err
    assert "meilisearch: 0 repositories" in told.out
    assert "5 indexed" in told.out
    assert not stack.stopped


_HIT = CodeHit(
    repository="ada/one",
    path="src/[bold]main.rs",
    blob="0" * 40,
    commit="1" * 40,
    language="Rust",
    status="indexed",
    line=7,
    text="fn main() {",
    lines=(Line(7, "fn main() { [red]not markup[/red]", hit=True),),
    symbol="main",
    kind="function",
    author="Ada",
    date=0,
    score=1.0,
)


def test_what_a_file_says_is_never_taken_for_markup(capsys: pytest.CaptureFixture[str]) -> None:
    """Brackets in names and lines are shown as they are."""
    show_results(cli.Console(width=200), Results(query="fn main", total=1, exact=True, hits=(_HIT,)))
    out = capsys.readouterr().out
    assert "ada/one/src/[bold]main.rs:7" in out
    assert "[red]not markup[/red]" in out


def test_lines_are_shown_in_the_order_of_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    """The best one is always among them, with what stands nearest to it."""
    lines = tuple(Line(number, f"line {number}", hit=number != 6) for number in (1, 2, 6, 7, 8))
    hit = replace(_HIT, lines=lines)
    show_results(cli.Console(width=200), Results(query="x", total=1, exact=True, hits=(hit,)))
    shown = [line.split()[-1] for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    assert shown == ["6", "7", "8"]


def test_an_uncertain_total_says_at_least(capsys: pytest.CaptureFixture[str]) -> None:
    """A number that may be too small is not told as the truth."""
    show_results(cli.Console(width=200), Results(query="x", total=5, exact=False, hits=()))
    assert "at least 5" in capsys.readouterr().out


def test_json_has_a_permalink_for_each_hit() -> None:
    """To the line, at the commit that is indexed, whatever the path is made of."""
    told = json.loads(Results(query="x", total=1, exact=True, hits=(_HIT,)).to_json())
    assert told["hits"][0]["url"] == f"/ada/one/blob/{'1' * 40}/src/%5Bbold%5Dmain.rs#L7"
