"""What every stimulus works with: the stack, people and git, and actions that are repeated until they are no longer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import requests
from redis.cluster import ClusterNode, RedisCluster
from redis.exceptions import RedisError

from stack.addresses import HttpAddress, PostgresAddress, RedisClusterAddress, ServiceAddresses, TelemetryAddresses
from stack.errors import EngineRoomError, NeedMissingError
from stack.runtimes.base import Stack
from stack.settings import Settings
from steps.git_people import GitPeople
from steps.people import Answer, People

__all__ = ["OTHER", "OWNER", "Bench", "Carried", "Stimulus", "StimulusError", "calm", "nothing"]

OWNER = "moira"
OTHER = "noel"
_JOIN_SECONDS = 60.0
_READY_SECONDS = 30.0
# What a client meets whose server is away.
_TROUBLE = (EngineRoomError, OSError, psycopg.Error, RedisError, AssertionError)


class StimulusError(EngineRoomError):
    """A stimulus could not be carried out as it is meant; what it should have moved proves nothing."""


@dataclass
class Bench:
    """What stimuli and faults work with.

    Args:
        stack: the running stack.
        people: who ask the api.
        git: who clone and push.
        folder: a folder that goes away with the scenario.
        slow: factor of every deadline.
        tolerant: whatever is answered is fine: under a fault it is the fault that decides.
        damaged: full name of the repository that is damaged at the moment.
        settings: of the run, for what starts a stack of its own.
        plenty: how many times as often as usual something is done before it ends by itself.
    """

    stack: Stack
    people: People
    git: GitPeople
    folder: Path
    slow: float = 1.0
    tolerant: bool = False
    damaged: str = ""
    plenty: int = 1
    settings: Settings | None = None
    _made: dict[str, str] = field(default_factory=dict)

    # -- what the stack has ------------------------------------------------------------------------------------------

    def require(self, *components: str) -> None:
        """Whatever is not ready cannot be verified."""
        deadline = time.monotonic() + _READY_SECONDS * self.slow
        while True:
            states = {state.name: state for state in self.stack.status()}
            away = {name: states.get(name) for name in components if _health(states.get(name)) != "ready"}
            if not away:
                return
            name, state = next(iter(away.items()))
            if state is None or time.monotonic() > deadline:
                raise NeedMissingError(name, f"{name} is not ready", got=str(state or self.stack.missing.get(name, "")))
            time.sleep(0.2)

    def has(self, component: str) -> bool:
        """Whether the stack has a component, ready or not."""
        return any(state.name == component for state in self.stack.status())

    @property
    def services(self) -> ServiceAddresses:
        """Where the services answer."""
        return self.stack.addresses.services

    def service(self, name: str) -> HttpAddress:
        """Where one service answers."""
        found = getattr(self.services, name.replace("-", "_"), None)
        if not isinstance(found, HttpAddress):
            raise NeedMissingError(name, f"This stack has no {name}")
        return found

    @property
    def telemetry(self) -> TelemetryAddresses:
        """Where telemetry answers."""
        found = self.stack.addresses.telemetry
        if found is None:
            raise NeedMissingError("prometheus", "This stack has no telemetry")
        return found

    @property
    def engine(self) -> str:
        """The search engine that the services use: OpenSearch where the stack has both."""
        engines = self.stack.addresses.engines
        if not engines:
            raise NeedMissingError("opensearch", "This stack has no search engine")
        kinds = [engine.kind for engine in engines]
        return "opensearch" if "opensearch" in kinds else kinds[0]

    # -- clients -----------------------------------------------------------------------------------------------------

    def ask(self, method: str, path: str, *, name: str = OWNER, json: object = None) -> Answer:
        """Ask the api as a user."""
        return self.people.ask(name, method, path, json=json)

    def expect(self, answer: Answer, *statuses: int) -> Answer:
        """An answer with one of these statuses; anything else is not the stimulus that was meant."""
        if answer.status not in statuses and not self.tolerant:
            wanted = " or ".join(map(str, statuses))
            raise StimulusError(f"An answer should have been {wanted}", got=f"{answer.status}: {answer.text[:300]}")
        return answer

    def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> int:
        """The status of a GET to whatever address, without signing in."""
        with requests.get(url, headers=headers, timeout=10 * self.slow, allow_redirects=False) as answer:
            return answer.status_code

    def database(self, *, replica: bool = False, autocommit: bool = True) -> psycopg.Connection:
        """A session on the primary, or on the replica."""
        address = self.stack.addresses.replica if replica else self.stack.addresses.database
        if not isinstance(address, PostgresAddress):
            raise NeedMissingError("postgresql", f"This stack has no {'replica' if replica else 'database'}")
        return psycopg.connect(address.conninfo(), autocommit=autocommit)

    @property
    def cache(self) -> RedisClusterAddress:
        """The nodes of the cache."""
        if self.stack.addresses.cache is None:
            raise NeedMissingError("redis", "This stack has no cache")
        return self.stack.addresses.cache

    @contextmanager
    def redis(self) -> Iterator[RedisCluster]:
        """A client of the whole cache."""
        client = RedisCluster(
            startup_nodes=[
                ClusterNode(node.host, node.port)  # type: ignore[no-untyped-call] # untyped in redis
                for node in self.cache.nodes
            ],
            password=self.cache.password.get_secret_value(),
            decode_responses=True,
            socket_timeout=5,
        )
        try:
            yield client
        finally:
            client.close()

    @contextmanager
    def still(self) -> Iterator[None]:
        """A block in which nothing is done."""
        yield

    # -- doing something again and again ------------------------------------------------------------------------------

    @contextmanager
    def repeated(self, action: Callable[[int], object], *, every: float, most: int, workers: int = 1) -> Iterator[None]:
        """Do something again and again in the background, until the block ends or it was done often enough.

        Args:
            action: is given how often it was done before.
            every: seconds between two beginnings, for each worker.
            most: how often at the most, all workers together.
            workers: how many do it at once.

        Raises:
            StimulusError: it failed, and this bench is not tolerant; told when the block ends, unless that has an error
                of its own.
        """
        stop = threading.Event()
        numbers = iter(range(most * self.plenty))
        lock = threading.Lock()

        def work() -> None:
            while not stop.is_set():
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                begun = time.monotonic()
                self._act(action, number)
                stop.wait(max(0.0, every - (time.monotonic() - begun)))

        with ThreadPoolExecutor(max_workers=workers) as pool:
            doing = [pool.submit(work) for _ in range(workers)]
            try:
                yield
            finally:
                stop.set()
        for each in doing:
            error = each.exception(timeout=_JOIN_SECONDS)
            if isinstance(error, NeedMissingError):
                raise error
            if error is not None:
                raise StimulusError("A stimulus was not carried out to its end", got=f"{type(error).__name__}: {error}")

    def _act(self, action: Callable[[int], object], number: int) -> None:
        try:
            action(number)
        except _TROUBLE:
            if not self.tolerant:
                raise

    # -- what there is on the forge ----------------------------------------------------------------------------------

    def repository(self, name: str, *, files: int = 1, kilobytes: int = 1) -> str:
        """A repository with made-up files; made once for each bench."""
        full_name = f"{OWNER}/{name}"
        if name not in self._made:
            self.people.repository(full_name)
            self.push(full_name, files=files, kilobytes=kilobytes)
            self._made[name] = full_name
        return full_name

    def push(self, full_name: str, *, files: int = 1, kilobytes: int = 1) -> None:
        """Push made-up files, which must be accepted."""
        self.git.push_files(OWNER, full_name, files, kilobytes)
        if not self.git.last.ok:
            raise StimulusError("A push was refused", on=full_name, got=self.git.last.text)

    def git_folder(self, full_name: str) -> Path:
        """Where a repository lies, for whoever damages it on purpose."""
        address = self.stack.addresses.git
        if address is None or address.form != "local":
            raise NeedMissingError("local", "The repositories of this stack are in no folder of this machine")
        return Path(address.location) / f"{full_name}.git"


Carried = AbstractContextManager[object]


def nothing(bench: Bench) -> None:
    """Nothing has to be there before."""


@contextmanager
def calm(bench: Bench) -> Iterator[None]:  # noqa: ARG001 - the signature of what others do
    """Nothing is disturbed."""
    yield


@dataclass(frozen=True)
class Stimulus:
    """One stimulus.

    Attributes:
        traffic: begins what people do; it goes on in the block and is ended and undone with it.
        disturb: begins what is wrong meanwhile, before the traffic; undone with its block.
        prepare: makes what both need, before anybody watches.
        needs: components that must be ready.
        within: seconds until a panel must have moved.
    """

    traffic: Callable[[Bench], Carried]
    disturb: Callable[[Bench], Carried] = calm
    prepare: Callable[[Bench], None] = nothing
    needs: tuple[str, ...] = ("api",)
    within: float = 25.0

    @contextmanager
    def run(self, bench: Bench) -> Iterator[None]:
        """Both at once."""
        with self.disturb(bench), self.traffic(bench):
            yield


def _health(state: object) -> str:
    return str(getattr(state, "health", "absent"))
