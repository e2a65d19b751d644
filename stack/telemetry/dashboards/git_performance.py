"""Git performance: clones, fetches and pushes, from the request to the event that tells of a push."""

from __future__ import annotations

from stack.telemetry.board import Dashboard, Links, Panel, Row, Threshold, Variable, t
from stack.telemetry.promql import QUIET, quantile, rate, ratio

__all__ = ["DASHBOARD"]

_GIT = ("git",)
_OF = 'job="git",instance=~"$instance"'
_CLONES = f'{_OF},service="upload-pack"'
_PUSHES = f'{_OF},service="receive-pack"'
_SECONDS = "git_service_duration_seconds"
_HTTP = f"{_OF},{QUIET}"
_ENDS = f"git_service_ends_total{{{_OF}}}"


def _duration(title: str, selector: str, stimulus: str, what: str) -> Panel:
    return Panel(
        title,
        "s",
        stimulus,
        _GIT,
        tuple(t(quantile(level, _SECONDS, selector=selector), f"p{level * 100:.0f}") for level in (0.5, 0.95)),
        f"Life of the git processes that serve {what}: the client's own speed is part of it.",
    )


def _bytes(title: str, direction: str, stimulus: str) -> Panel:
    return Panel(
        title,
        "binBps",
        stimulus,
        _GIT,
        (t(rate(f'git_transferred_bytes_total{{{_OF},direction="{direction}"}}', "service"), "{{service}}"),),
        "Bytes of git's own bodies, as they travel (compressed where the client compressed them).",
    )


_TRAFFIC = Row(
    "Clones and pushes",
    (
        Panel(
            "Clones and fetches",
            "ops",
            "git-clone",
            _GIT,
            (t(rate(f"{_SECONDS}_count{{{_CLONES}}}"), "upload-pack"),),
            "Git processes per second that served a clone or a fetch. Protocol 2 asks twice: refs, then pack.",
        ),
        Panel(
            "Pushes",
            "ops",
            "git-push",
            _GIT,
            (t(rate(f"{_SECONDS}_count{{{_PUSHES}}}"), "receive-pack"),),
            "Git processes per second that took a push.",
        ),
        Panel(
            "Git processes",
            "short",
            "held-clones",
            _GIT,
            (t(f"git_processes{{{_OF}}}", "processes {{instance}}"),),
            "Clones, fetches and pushes in progress, each with a git process. GIT_MAX_PROCESSES is the limit; who "
            "comes then waits, and is refused as busy after GIT_QUEUE_SECONDS.",
        ),
        _duration("Duration of clones and fetches", _CLONES, "git-clone", "clones and fetches"),
        _duration("Duration of pushes", _PUSHES, "git-push", "pushes"),
        Panel(
            "Open connections",
            "short",
            "held-clones",
            _GIT,
            (t(f"http_server_open_connections{{{_OF}}}", "connections {{instance}}"),),
            "Connections of the api to the git service, idle ones included.",
        ),
        _bytes("Bytes to clients", "out", "git-clone"),
        _bytes("Bytes from clients", "in", "git-push"),
        Panel(
            "Requests by route",
            "reqps",
            "git-clone",
            _GIT,
            (
                t(
                    rate(f"http_server_request_duration_seconds_count{{{_HTTP}}}", "http_request_method, http_route"),
                    "{{http_request_method}} {{http_route}}",
                ),
            ),
            "Git's own protocol and the internal interface that api and indexer use.",
        ),
    ),
)

_ENDINGS = Row(
    "How it ends",
    (
        Panel(
            "Ends by outcome",
            "ops",
            "git-clone",
            _GIT,
            (t(rate(_ENDS, "service, outcome"), "{{service}} {{outcome}}"),),
            "`client_gone` and `client_slow` are the client's doing; `failed` and `too_long` are ours.",
            links=Links("git", words="outcome:*"),
        ),
        Panel(
            "Share that failed",
            "percentunit",
            "broken-clone",
            _GIT,
            (
                t(
                    ratio(
                        rate(f'git_service_ends_total{{{_OF},outcome=~"failed|too_long"}}', "service"),
                        rate(_ENDS, "service"),
                    ),
                    "{{service}}",
                ),
            ),
            "Git processes that ended badly through no fault of the client. The log says what git said.",
            thresholds=(Threshold(0.001, "orange"), Threshold(0.01, "red")),
            links=Links("git", tags="error=true", words="outcome:failed"),
        ),
        Panel(
            "Refused",
            "ops",
            "refused-git",
            _GIT,
            (t(rate(f"git_refused_total{{{_OF}}}", "reason"), "{{reason}}"),),
            "Requests not let in: `token` (nobody but the api should come) or `busy` (no free process in time).",
            thresholds=(Threshold(0.01, "orange"),),
        ),
        Panel(
            "Latency by route",
            "s",
            "git-clone",
            _GIT,
            (
                t(
                    quantile(0.95, "http_server_request_duration_seconds", "http_route", selector=_HTTP),
                    "p95 {{http_route}}",
                ),
            ),
            "To the end of the answer. Packs take as long as they are big: judge the internal interface by this.",
        ),
    ),
)

_EVENTS = Row(
    "From a push to its event",
    (
        Panel(
            "Announcements",
            "ops",
            "git-push",
            _GIT,
            (t(rate(f"git_announcements_total{{{_OF}}}", "result"), "{{result}}"),),
            "Tries to write a push's event. `failed` is tried again until it succeeds; `nothing`: no ref moved.",
        ),
        Panel(
            "Time to announce a push",
            "s",
            "git-push",
            _GIT,
            tuple(
                t(quantile(level, "git_announce_duration_seconds", selector=_OF), f"p{level * 100:.0f}")
                for level in (0.5, 0.95)
            ),
            "Part of the push's own time, and never more than GIT_ANNOUNCE_SECONDS of it.",
            links=Links("git", tags="db.system.name=postgresql"),
        ),
        Panel(
            "Spool",
            "short",
            "unannounced-push",
            _GIT,
            (t(f"git_spool_entries{{{_OF}}}", "entries {{instance}}"),),
            "Pushes that are accepted and not announced: search does not know of them yet. Above 0 for long means that "
            "the database can't be reached or refuses; none is lost.",
            thresholds=(Threshold(1, "orange"), Threshold(100, "red")),
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="git-performance",
    title="Git performance",
    description="Clones, fetches and pushes: how many, how long, how they end, and when their events are out.",
    rows=(_TRAFFIC, _ENDINGS, _EVENTS),
    variables=(Variable("instance", "Instance", 'label_values(git_processes{job="git"}, instance)'),),
    links=Links("git"),
)
