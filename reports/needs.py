"""What becomes of a scenario whose need is missing: not_configured where the scope waives it, else could_not_verify."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from reports.errors import missing_need
from reports.rules import finding
from reports.scope import Scope, Waiver
from reports.verdict import Finding, Severity, Verdict

__all__ = ["Missing", "Needs", "needs_in"]

_PREFIX = "needs-"


def needs_in(tags: Iterable[str]) -> tuple[str, ...]:
    """The needs that tags name: `needs-containers` names `containers`."""
    return tuple(sorted(tag.removeprefix(_PREFIX) for tag in tags if tag.startswith(_PREFIX)))


@dataclass(frozen=True)
class Missing:
    """A missing need, judged."""

    need: str
    verdict: Verdict
    finding: Finding
    waiver: Waiver | None = None


class Needs:
    """Asks whether needs are met, and judges those that are not."""

    def __init__(self, scope: Scope, runtime: str, ask: Callable[[], Callable[[str], str | None] | None]) -> None:
        """Take the scope, the runtime's name and where to find, each time, what tells why a need is missing."""
        self._scope = scope
        self._runtime = runtime
        self._ask = ask

    def missing(self, needs: Iterable[str]) -> list[Missing]:
        """Those of the needs that are missing, judged; whatever the conftest's callable raises comes through."""
        found = []
        for need in needs:
            reason = self._reason(need)
            if reason is not None:
                found.append(self._judge(need, reason, certain=self._ask() is not None))
        return found

    def raised(self, need: str, reason: str, *, evidence: str = "") -> Missing:
        """Judge a need that an exception says is missing.

        A waiver applies only if the need is missing when asked again: a server that was there and is gone is no
        matter of configuration.
        """
        try:
            certain = self._ask() is not None and self._reason(need) is not None
        except Exception:  # noqa: BLE001 - whatever it raises, nobody can tell
            certain = False
        return self._judge(need, reason, certain=certain, evidence=evidence)

    def _reason(self, need: str) -> str | None:
        ask = self._ask()
        if ask is None:
            return "nothing in this run can tell whether it is there"
        try:
            return ask(need)
        except Exception as error:
            if missing_need(error) == need:
                return str(error)
            raise

    def _judge(self, need: str, reason: str, *, certain: bool, evidence: str = "") -> Missing:
        waiver = self._scope.waiver(need, self._runtime) if certain else None
        if waiver is not None:
            message = f"{need} is missing, and the scope file waives it"
            note = finding("needs", "need-waived", message, fix=reason, evidence=evidence, severity=Severity.INFO)
            return Missing(need, Verdict.NOT_CONFIGURED, note, waiver)
        note = finding("needs", "need-missing", f"{need} is missing: {reason}", evidence=evidence)
        return Missing(need, Verdict.COULD_NOT_VERIFY, note)
