"""What the services of the forge have in common: built from this checkout, configured by variables, asked over HTTP."""

from __future__ import annotations

import abc
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from stack.addresses import Addresses, HttpAddress, PostgresAddress
from stack.components.base import Component, Launch, Plan, Runner, StartError
from stack.components.postgresql import owner_address
from stack.components.waits import Condition, HttpAnswers
from stack.errors import EngineRoomError

__all__ = ["COLLECTOR", "SERVICES", "PythonService", "Service", "base_url", "bring_schema"]

SERVICES = Path(__file__).resolve().parents[1] / "services"
COLLECTOR = "collector"
_OTLP_PORT = "otlp_http"
_MORE_GRACE = 5.0

Field = Literal["git_http", "api", "search", "indexer", "runner", "web"]


class Service(Component):
    """One service. It runs as whoever starts the stack: it writes where they write.

    Attributes:
        service: what it is called in telemetry.
        prefix: what its own variables begin with.
        code: a file, below `stack/services`, that is there once the service is written.
        field: where its address goes.
        needs_database: whether it is told the database, whose schema is then brought up to date before it starts.
        umask: see `Launch`.
        grace: seconds for requests under way when it is told to end.
    """

    own_user = True
    start_within = 60.0
    service: str
    prefix: str
    code: str = ""
    field: Field
    needs_database: bool = True
    umask: int = 0o077
    grace: float = 10.0

    @property
    def is_written(self) -> bool:
        """Whether this checkout has its code."""
        return (SERVICES / self.code).is_file()

    @abc.abstractmethod
    def arguments(self, plan: Plan) -> Sequence[str | Path]:
        """Program and arguments."""

    def variables(self, plan: Plan) -> Mapping[str, str]:  # noqa: ARG002 - for those that have some
        """Variables of its own, without secrets."""
        return {}

    def secrets(self, plan: Plan) -> Mapping[str, str]:  # noqa: ARG002 - for those that have some
        """Secrets by the name of their variable; each is given in a file that `<name>_FILE` names."""
        return {}

    def files(self, plan: Plan) -> Mapping[str, str]:
        """One file for each secret."""
        return {_file(name): value for name, value in self._secrets(plan)}

    def prepare(self, plan: Plan, run: Runner) -> None:  # noqa: ARG002 - nothing is run
        """Bring the schema up to date, for a service that reads or writes the database.

        Raises:
            StartError: the database refused.
        """
        if self.needs_database:
            bring_schema(owner_address(plan))

    def launch(self, plan: Plan) -> Launch:
        """One process."""
        site = plan.site(self.name)
        env = {
            f"{self.prefix}_HOST": site.host,
            f"{self.prefix}_PORT": str(site.ports["server"]),
            f"{self.prefix}_GRACE_SECONDS": f"{self.grace:g}",
            **{f"{name}_FILE": str(site.config / _file(name)) for name, _ in self._secrets(plan)},
            **self._telemetry(plan),
            **self.variables(plan),
        }
        return Launch(self.arguments(plan), cwd=site.scratch, env=env, grace=self.grace + _MORE_GRACE, umask=self.umask)

    def answers(self, plan: Plan) -> Condition:
        """It lives."""
        return HttpAnswers(f"{base_url(plan, self.name)}/healthz")

    def ready(self, plan: Plan) -> Condition:
        """It and all that it needs can serve."""
        return HttpAnswers(f"{base_url(plan, self.name)}/readyz", timeout=5.0)

    def address(self, plan: Plan, known: Addresses) -> Addresses:
        """Fill its field of `services`."""
        return known.model_copy(
            update={"services": known.services.model_copy(update={self.field: self.service_address(plan)})}
        )

    def service_address(self, plan: Plan) -> HttpAddress:
        """Where it answers."""
        return HttpAddress(url=base_url(plan, self.name))

    def _secrets(self, plan: Plan) -> Iterator[tuple[str, str]]:
        if self.needs_database:
            yield "DATABASE_URL", owner_address(plan).conninfo()
        yield from self.secrets(plan).items()

    def _telemetry(self, plan: Plan) -> dict[str, str]:
        site = plan.sites.get(COLLECTOR)
        if site is None:
            return {}
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{site.host}:{site.ports[_OTLP_PORT]}",
            "OTEL_SERVICE_NAME": self.service,
            "OTEL_RESOURCE_ATTRIBUTES": (
                f"deployment.environment.name=engineroom,service.namespace=smsly-code,service.instance.id={self.name}"
            ),
            "OTEL_TRACES_SAMPLER": "parentbased_always_on",
            # 5 s by default: nobody wants to wait that long for a trace of what they just did.
            "OTEL_BSP_SCHEDULE_DELAY": "1000",
        }


class PythonService(Service):
    """A service of this environment's own Python.

    Attributes:
        module: what `python -m` runs.
    """

    module: str

    @property
    def is_written(self) -> bool:
        """Whether this environment has its module."""
        path = SERVICES.parents[1].joinpath(*self.module.split("."))
        return path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()

    def arguments(self, plan: Plan) -> Sequence[str | Path]:  # noqa: ARG002 - nothing of the toolchain
        """The interpreter that we are run by."""
        return [sys.executable, "-m", self.module]

    def launch(self, plan: Plan) -> Launch:
        """With the checkout's own code, which need not be installed."""
        launch = super().launch(plan)
        return replace(launch, env={**launch.env, "PYTHONPATH": str(SERVICES.parents[1]), "PYTHONUNBUFFERED": "1"})


def base_url(plan: Plan, name: str) -> str:
    """Where a component of the plan answers over HTTP, on its first port."""
    site = plan.site(name)
    return f"http://{site.host}:{site.ports['server']}"


def bring_schema(database: PostgresAddress) -> None:
    """Bring the forge's and the search's schema up to date; several services may do it at once.

    Raises:
        StartError: the database cannot be reached, refuses, or is newer than this checkout.
    """
    from stack.forge.migrate import migrate  # noqa: PLC0415 - most components need none of it
    from stack.search.state import MIGRATIONS  # noqa: PLC0415

    try:
        migrate(database.conninfo())
        migrate(database.conninfo(), MIGRATIONS, table="search_migration")
    except EngineRoomError as error:
        raise StartError(
            f"The database's schema is not what the services need: {error.what}",
            on=error.on or f"{database.host}:{database.port}",
            got=error.got,
            fix=error.fix,
        ) from error


def _file(name: str) -> str:
    return name.lower().replace("_", "-")
