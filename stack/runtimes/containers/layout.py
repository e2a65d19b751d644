"""The same plan seen from two sides: what clients on this machine reach, and what a server in its container sees.

All containers of a run share one network namespace. So a port has one number everywhere, and `127.0.0.1:PORT` means the
same server to a client outside, to the server itself and to its neighbours; only listening is done on every address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from stack.components.base import Plan, Secrets, Site
from stack.errors import NeedMissingError
from stack.runtimes.containers.engine import NEED
from stack.runtimes.ports import LOOPBACK
from stack.runtimes.registry import RunRecord

__all__ = ["ANYWHERE", "HOME", "ImageTool", "ImageTools", "inside", "outside"]

# The images have this folder, with config, data and tmp in it.
HOME = PurePosixPath("/engineroom")
ANYWHERE = "0.0.0.0"  # noqa: S104 - inside a network namespace of its own; only loopback ports are published


@dataclass(frozen=True)
class ImageTool:
    """A server in an image: programs by their names there."""

    name: str
    programs: Mapping[str, str]
    root: Path = Path("/")
    env: Mapping[str, str] = field(default_factory=dict)

    def program(self, name: str) -> Path:
        """The program, found on the image's own PATH."""
        return Path(self.programs[name])


class ImageTools:
    """Where components in containers get their programs from."""

    _TOOLS: Mapping[str, ImageTool] = {
        "postgresql": ImageTool("postgresql", {"postgres": "postgres"}),
        "redis": ImageTool("redis", {"redis-server": "valkey-server"}),
        "seaweedfs": ImageTool("seaweedfs", {"weed": "weed"}),
    }

    def find(self, name: str) -> ImageTool | None:
        """The tool, if there is an image with it."""
        return self._TOOLS.get(name)

    def require(self, name: str) -> ImageTool:
        """The tool.

        Raises:
            NeedMissingError: no image has it.
        """
        found = self.find(name)
        if found is None:
            raise NeedMissingError(NEED, f"There is no image with {name} yet", fix="use the local runtime for it")
        return found


def outside(run: str, folder: Path, record: RunRecord, secrets: Secrets) -> Plan:
    """What clients on this machine reach."""
    sites = {
        name: Site(name=name, folder=folder / "components" / name, host=LOOPBACK, ports=component.ports)
        for name, component in record.components.items()
    }
    return Plan(run=run, sites=sites, secrets=secrets, tools=ImageTools(), git_root=folder / "git")


def inside(plan: Plan, name: str, *, listen: str = ANYWHERE) -> Plan:
    """What one component's server sees: its own folders, its own address to listen on, its neighbours on loopback."""
    sites = {other: replace(site, folder=Path(HOME)) for other, site in plan.sites.items()}
    sites[name] = replace(sites[name], host=listen)
    return replace(plan, sites=sites)
