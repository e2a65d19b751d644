"""Choosing what a local stack is made of: what was asked for, what that needs, and what cannot be had."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from stack.components.base import Component, ToolSource
from stack.components.catalogue import catalogue, left_out, select
from stack.components.meilisearch import MEILISEARCH
from stack.components.opensearch import OPENSEARCH
from stack.errors import NeedMissingError
from stack.runtimes.ports import LOOPBACK, free_ports
from stack.runtimes.registry import ComponentRecord
from stack.settings import Settings

__all__ = ["choose", "with_ports"]


def choose(
    settings: Settings,
    tools: ToolSource,
    store: str,
    components: Iterable[str] | None,
    *,
    without: Iterable[str] = (),
    there: Iterable[str] = (),
) -> tuple[list[str], dict[str, str]]:
    """What to start, and what is left out with the reason.

    Asked for everything, an optional component whose program cannot be had is left out; asked for by name, it must be
    there.

    Args:
        settings: which engines.
        tools: where programs are.
        store: the object store.
        components: names or groups; `None`: everything.
        without: components that everything is not to include.
        there: components that run already.

    Raises:
        NeedMissingError: a program is missing, named.
        UsageError: there is no such component.
    """
    known = catalogue(store)
    missing: dict[str, str] = {}
    if components is None:
        unwanted = {OPENSEARCH, MEILISEARCH} - set(settings.engines) | left_out(known, without)
        missing = _missing([name for name in known if name not in unwanted], known, tools)
        names = [name for name in known if name not in unwanted and name not in missing]
    else:
        names = select(known, components)
        names = select(known, [*names, *_choices(settings, tools, names, known, {*names, *there})])
    for name in names:
        for tool in known[name].tools:
            tools.require(tool)
    return names, missing


def _missing(wanted: list[str], known: Mapping[str, Component], tools: ToolSource) -> dict[str, str]:
    """What of everything cannot be had: without its program, or without what it cannot do without."""
    missing: dict[str, str] = {}
    for name in wanted:
        absent = [tool for tool in known[name].tools if known[name].optional and tools.find(tool) is None]
        if absent:
            missing[name] = f"{', '.join(absent)} is not installed"
    while True:
        had = [name for name in wanted if name not in missing]
        reasons = {name: reason for name in had if (reason := _lacks(known[name], had))}
        if not reasons:
            return missing
        missing |= reasons


def _lacks(component: Component, had: list[str]) -> str:
    absent = [name for name in component.requires if name not in had]
    if absent:
        return f"{', '.join(absent)} is not in this stack"
    if component.one_of and not any(name in had for name in component.one_of):
        return f"this stack has none of {', '.join(component.one_of)}"
    return ""


def _choices(
    settings: Settings, tools: ToolSource, names: list[str], known: Mapping[str, Component], there: set[str]
) -> list[str]:
    """One of those of which a component needs one, where none is there: the user's first that can be had."""
    chosen: list[str] = []
    for name in names:
        candidates = known[name].one_of
        if not candidates or there.intersection(candidates) or set(chosen).intersection(candidates):
            continue
        preferred: list[str] = [one for one in settings.engines if one in candidates] or [*candidates]
        able = [one for one in preferred if all(tools.find(tool) is not None for tool in known[one].tools)]
        if not able:
            raise NeedMissingError(
                preferred[0],
                f"{name} needs one of {', '.join(candidates)}, and none is installed",
                fix="`engineroom doctor` says how to get one",
            )
        chosen.append(able[0])
    return chosen


def with_ports(component: Component) -> ComponentRecord:
    """The record of a component that is about to be started, with ports that are free now."""
    ports = dict(zip(component.ports, free_ports(len(component.ports)), strict=True))
    return ComponentRecord(name=component.name, host=LOOPBACK, ports=ports)
