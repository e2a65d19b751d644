"""What people write in issues, pull requests, comments and wikis of the reference forge."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from stack.forge.corpus.dice import Dice

__all__ = ["LABELS", "Subject", "comment_text", "issue_text", "pull_text", "wiki_pages"]

# name, colour, description
LABELS = (
    ("bug", "d73a4a", "Something does not work"),
    ("enhancement", "a2eeef", "Something new"),
    ("documentation", "0075ca", "Only words change"),
    ("performance", "fbca04", "It works, but slowly"),
    ("good first issue", "7057ff", "A place to begin"),
    ("question", "d876e3", "Someone asks"),
)

# Titles and bodies name real paths of the repository, and hold what searches trip over: punctuation, numbers, CJK.
_ISSUES = (
    ("bug", "Crash in {stem} when the input is empty", "Calling into `{path}` with an empty buffer fails:\n\n{trace}"),
    ("bug", "{stem} ignores the second argument", "Since {version} the second argument of `{symbol}()` has no effect."),
    ("bug", "{symbol} returns a stale value after vlan {number}", "Steps:\n1. set vlan {number}\n2. read it back\n"),
    (
        "performance",
        "{stem} is quadratic in the number of lines",
        "Profiling shows `{path}` at the top with {number} %.",
    ),
    ("documentation", "The docs of {symbol} contradict {path}", "The text says `a == b`, the code does `a != b`."),
    ("documentation", "Document how to log from {stem}", 'A plain `console.log("hello")` would do as an example.'),
    (
        "question",
        "How is {symbol} meant to be used?",
        "I found `{path}` but no example. Does `fn main()` have to call it?",
    ),
    ("question", "{stem} 支持中文路径吗?", "测试文件在 `{path}`。Paths with spaces and `+ # %` work."),
    (
        "enhancement",
        "Let {symbol} take a timeout",
        "Today it waits for ever, see `{path}`. {number} ms would be a default.",
    ),
    ("enhancement", "Support C++ containers in {stem}", "We pass `std::vector<int>` and `ptr->next` around."),
    ("good first issue", "Rename {symbol} to say what it does", "Nobody guesses from the name what `{path}` is for."),
)
_TRACES = (
    "```\nerror: index {number} out of bounds\n   at {path}:{number}\n```",
    "```\nSegmentation fault (core dumped)\n#0 {symbol} () at {path}:{number}\n```",
    "```\nTypeError: undefined is not a function\n    at {symbol} ({path}:{number}:7)\n```",
)
_PULLS = (
    ("Explain {symbol} in a note", "The questions about `{path}` keep coming. This adds a page for them."),
    ("Note the limits of {stem}", "As discussed: {number} is the most that `{symbol}` can take."),
    ("Write down how {stem} is tested", "No code changes. Refers to `{path}`."),
    ("Describe the release of {version}", "A checklist of what was done for {version}."),
)
_COMMENTS = (
    "I can reproduce this with {version}.",
    "Same here, on a machine with {number} cores.",
    "Could you try without `{symbol}`?",
    "The line in question is in `{path}`.",
    "Thanks for the report! Would you like to open a pull request?",
    "This was fixed on `main`; please check again.",
    "I don't think that `{symbol}` is to blame, look at its caller.",
    "Bisected it to the commit before {version}.",
    "+1, we work around it by retrying {number} times.",
    "谢谢,问题已经解决了。",
)
_NOTE = """
It concerns `{path}` of {repository}, version {version}. When in doubt, ask in the issues.
"""
_WIKI = (
    ("Home.md", "# {repository}\n\n{description}.\n\n- [Building](Building)\n- [Questions](Questions)\n"),
    ("Building.md", "# Building\n\nBuild {repository} {version} from `{path}`; the rest follows from there.\n"),
    ("Questions.md", "# Questions\n\n**Does it have an `fn main`?** Look at `{path}`.\n\n**Is it done?** Never.\n"),
)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is written about: a repository, its latest version and its paths."""

    repository: str
    description: str
    version: str
    paths: tuple[str, ...]

    def filled(self, dice: Dice, *templates: str) -> list[str]:
        """Templates with one path, its stem, a symbol, a version and a number put in."""
        path = dice.choice(self.paths)
        stem = PurePosixPath(path).stem
        values = {
            "path": path,
            "stem": stem,
            "symbol": dice.choice(("parse_{}", "{}_new", "get_{}", "{}_error", "with_{}")).format(
                stem.replace("-", "_")
            ),
            "version": self.version,
            "number": dice.between(2, 999),
            "repository": self.repository,
            "description": self.description,
        }
        trace = dice.choice(_TRACES).format(**values)
        return [template.format(**values, trace=trace) for template in templates]


def issue_text(dice: Dice, subject: Subject) -> tuple[str, str, str]:
    """Label, title (at most 255 characters) and body of an issue."""
    label, title, body = dice.choice(_ISSUES)
    title, body = subject.filled(dice, title, body)
    return label, title[:255], body


def pull_text(dice: Dice, subject: Subject) -> tuple[str, str, str]:
    """Title, body, and the note that the pull request adds."""
    title, body, note = subject.filled(dice, *dice.choice(_PULLS), _NOTE)
    return title[:255], body, f"# {title}\n\n{body}\n{note}"


def comment_text(dice: Dice, subject: Subject) -> str:
    """One comment."""
    (text,) = subject.filled(dice, dice.choice(_COMMENTS))
    return text


def wiki_pages(dice: Dice, subject: Subject) -> list[tuple[str, str]]:
    """Path and text of each page of a wiki."""
    return [(path, subject.filled(dice, text)[0]) for path, text in _WIKI]
