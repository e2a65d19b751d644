"""What the components of telemetry have in common."""

from __future__ import annotations

from stack.addresses import Addresses, TelemetryAddresses
from stack.components.base import Plan, StartError
from stack.components.waits import Condition, WaitGaveUpError, wait

__all__ = ["await_first", "url_of", "with_telemetry"]


def url_of(plan: Plan, name: str, port: str = "server") -> str:
    """Base URL of a component of the plan."""
    site = plan.site(name)
    return f"http://{site.host}:{site.ports[port]}"


def with_telemetry(known: Addresses, **update: object) -> Addresses:
    """The addresses with some of `telemetry` filled in."""
    telemetry = known.telemetry or TelemetryAddresses()
    return known.model_copy(update={"telemetry": telemetry.model_copy(update=update)})


def await_first(plan: Plan, name: str, until: Condition, within: float, *, fix: str) -> None:
    """Wait, while a component is started, for what it owes to others; `within` in seconds.

    Raises:
        StartError: it did not come true.
    """
    try:
        wait(until, within=within, called_off=plan.called_off)
    except WaitGaveUpError as error:
        site = plan.site(name)
        raise StartError(
            f"{name} answers, but not with what it is for", on=f"{site.host}", got=str(error), fix=fix
        ) from error
