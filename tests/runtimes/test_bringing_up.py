"""What a start notes down about a component, whatever becomes of it."""

from __future__ import annotations

import socket
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from stack.addresses import Addresses
from stack.components.base import Component, Launch, Plan, Site, StartError
from stack.components.waits import Condition, Seen
from stack.runtimes import secrets
from stack.runtimes.bringing_up import BringUp
from stack.runtimes.files import make_folder
from stack.runtimes.leftovers import erase, sweep
from stack.runtimes.registry import ComponentRecord, create, edit, read
from stack.runtimes.supervisor import Supervisor
from stack.settings import load
from stack.toolchain import Toolchain

FIRST = 1
# Makes a socket by the name of its port as SeaweedFS does, and leaves it behind.
LEAVES_A_SOCKET = """
import socket, sys, time
held = socket.socket(socket.AF_UNIX)
held.bind(sys.argv[2])
held.listen()
if sys.argv[1] == "1":
    sys.exit("bind: address already in use")
print("up", flush=True)
time.sleep(600)
"""


class Unlucky(Component):
    """Somebody else has its first port."""

    name = "objects"
    program = sys.executable
    elsewhere = Path()

    def files(self, plan: Plan) -> Mapping[str, str]:  # noqa: ARG002
        return {}

    def outside(self, plan: Plan) -> tuple[Path, ...]:
        return (self.elsewhere / f"{self._port(plan)}.sock",)

    def launch(self, plan: Plan) -> Launch:
        arguments = [self.program, "-c", LEAVES_A_SOCKET, str(self._port(plan)), *self.outside(plan)]
        return Launch(arguments, cwd=plan.site(self.name).scratch)

    def answers(self, plan: Plan) -> Condition:
        log = plan.site(self.name).folder.parents[1] / "logs" / "objects.log"
        return lambda: Seen(ok=self._port(plan) != FIRST and "up" in log.read_text(), what=log.read_text())

    def address(self, plan: Plan, known: Addresses) -> Addresses:  # noqa: ARG002
        return known

    def _port(self, plan: Plan) -> int:
        return plan.site(self.name).ports["server"]


def begun(state: Path, component: Unlucky) -> tuple[Path, BringUp]:
    folder = create(state, objects="seaweedfs")
    component.elsewhere = state
    secrets.save(secrets.generate(), folder / "secrets")
    for name in ("components", "logs"):
        make_folder(folder / name, 0o700)
    with edit(folder) as record:
        record.components["objects"] = ComponentRecord(name="objects", host="127.0.0.1", ports={"server": FIRST})

    def plan() -> Plan:
        ports = known(folder).ports
        site = Site(name="objects", folder=folder / "components" / "objects", host="127.0.0.1", ports=ports)
        return Plan(
            run=folder.name,
            sites={"objects": site},
            secrets=secrets.load(folder / "secrets"),
            tools=Toolchain(load()),
            git_root=folder / "git",
        )

    supervisor = Supervisor(folder.name, folder, None)
    return folder, BringUp(
        folder=folder, components=[component], plan=plan, supervisor=supervisor, slow=1.0, progress=None
    )


def known(folder: Path) -> ComponentRecord:
    record = read(folder)
    assert record
    return record.components["objects"]


def test_sockets_of_a_start_that_met_a_taken_port_are_removed_too(tmp_path: Path) -> None:
    """A server that got other ports may have left sockets under the names of the first ones."""
    folder, bring_up = begun(tmp_path, Unlucky())
    try:
        bring_up.run()
        sockets = set(tmp_path.glob("*.sock"))
        assert len(sockets) == 2
        assert set(known(folder).outside) == sockets
    finally:
        sweep(folder.name, folder)
        erase(folder)
    assert not any(path.exists() for path in sockets)


def test_sockets_are_noted_down_before_the_server_that_makes_them_starts(tmp_path: Path) -> None:
    """Whoever is killed between the two leaves a record that names them."""
    component = Unlucky()
    component.program = str(tmp_path / "no-such-program")
    folder, bring_up = begun(tmp_path, component)
    with pytest.raises(StartError, match="cannot be executed"):
        bring_up.run()
    assert known(folder).outside == [tmp_path / f"{FIRST}.sock"]
    erase(folder)


def test_a_socket_that_somebody_else_listens_on_is_left_alone(tmp_path: Path) -> None:
    """The port that was taken may be another stack's, and the socket by its name too."""
    folder, _ = begun(tmp_path, Unlucky())
    with edit(folder) as record:
        record.components["objects"].outside = [tmp_path / "other.sock", tmp_path / "left.sock"]

    with socket.socket(socket.AF_UNIX) as other, socket.socket(socket.AF_UNIX) as left:
        other.bind(str(tmp_path / "other.sock"))
        other.listen()
        left.bind(str(tmp_path / "left.sock"))
        left.close()
        erase(folder)
        assert (tmp_path / "other.sock").exists()
        assert not (tmp_path / "left.sock").exists()
