"""The controller behind the lifecycle steps: a second stack, in this process or by a command."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from redis.cluster import ClusterNode, RedisCluster

from stack.runtimes import reap, running, start
from stack.runtimes.base import Stack
from stack.settings import Settings
from steps.components import until

__all__ = ["OtherStack"]

_MARK = "ENGINEROOM_RUN"
_START_SECONDS = 90


@dataclass
class OtherStack:
    """A stack beside the one that the run uses."""

    settings: Settings
    stack: Stack | None = None
    command: subprocess.Popen[bytes] | None = None
    name: str = ""
    folder: Path = field(default_factory=Path)
    ports: list[int] = field(default_factory=list)

    def start(self, component: str, seconds: float) -> None:
        """Start one in this process."""
        begun = time.monotonic()
        self.stack = start(self.settings, components=[component])
        assert time.monotonic() - begun <= seconds * self.settings.slow
        self._remember(self.stack)

    def start_by_command(self, component: str) -> None:
        """Start one by the `engineroom` command in a process of its own."""
        known = {stack.name for stack in running(self.settings)}
        arguments = [sys.executable, "-m", "stack", "up", "--components", component]
        self.command = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: bool(self._new(known)), _START_SECONDS * self.settings.slow, lambda: "no new stack")
        self._remember(self._new(known)[0])

    def _new(self, known: set[str]) -> list[Stack]:
        return [stack for stack in running(self.settings) if stack.name not in known]

    def _remember(self, stack: Stack) -> None:
        self.name, self.folder = stack.name, stack.folder
        cache = stack.addresses.cache
        assert cache is not None, "the second stack has no cache"
        self.ports = [node.port for node in cache.nodes]
        assert len(self.processes()) >= len(self.ports), "its processes cannot be told from others"

    def end_command(self, number: signal.Signals) -> None:
        """Send the command a signal."""
        assert self.command is not None, "no command was started"
        self.command.send_signal(number)

    def processes(self) -> list[psutil.Process]:
        """Every process that carries the run's mark, but for this one and the command itself."""
        own = {os.getpid(), self.command.pid if self.command else 0}
        return [process for process in psutil.process_iter() if process.pid not in own and self._is_marked(process)]

    def _is_marked(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get(_MARK) == self.name
        except psutil.Error:
            return False

    def expect_no_process(self, seconds: float) -> None:
        """Wait until none is left."""
        until(lambda: not self.processes(), seconds * self.settings.slow, self.processes)

    def answering(self) -> list[int]:
        """Its ports that still accept a connection."""
        found = []
        for port in self.ports:
            with socket.socket() as probe:
                probe.settimeout(2)
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    found.append(port)
        return found

    def clean(self) -> None:
        """Do what the next start does first."""
        reap(self.settings)

    def put(self, stack: Stack, key: str) -> None:
        """Write a key to one stack's cache."""
        with self._cache(stack) as client:
            client.set(key, "here")

    def has(self, stack: Stack, key: str) -> bool:
        """Whether a stack's cache has a key."""
        with self._cache(stack) as client:
            return client.get(key) is not None

    @staticmethod
    def _cache(stack: Stack) -> RedisCluster:
        address = stack.addresses.cache
        assert address is not None, "this stack has no cache"
        return RedisCluster(
            startup_nodes=[
                ClusterNode(node.host, node.port)  # type: ignore[no-untyped-call] # untyped in redis
                for node in address.nodes
            ],
            password=address.password.get_secret_value(),
        )

    def let_die(self, component: str) -> None:
        """Kill a component behind the stack's back."""
        assert self.stack is not None, "no second stack was started"
        pid = next(state.pid for state in self.stack.status() if state.name == component)
        assert pid is not None, f"{component} has no process"
        os.kill(pid, signal.SIGKILL)

    def end(self) -> None:
        """Leave nothing."""
        if self.command is not None and self.command.poll() is None:
            self.command.send_signal(signal.SIGINT)
            self.command.wait(60)
        if self.stack is not None and self.folder.exists():
            self.stack.stop()
