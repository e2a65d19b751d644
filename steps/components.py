"""The controller behind the steps about components: clients on addresses, and faults through the stack."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psycopg
import redis
from psycopg.sql import SQL, Identifier
from redis.cluster import ClusterNode, RedisCluster
from redis.exceptions import RedisError

from stack.addresses import PostgresAddress, RedisClusterAddress
from stack.errors import NeedMissingError
from stack.runtimes.base import Stack

__all__ = ["Components", "until"]

_POLL = 0.1
_SHAPE_SECONDS = 15


def until(condition: Callable[[], bool], seconds: float, what: Callable[[], object]) -> None:
    """Wait for a condition; when time is up, fail with what was last seen."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s; last seen: {what()}"
        time.sleep(_POLL)


@dataclass
class Components:
    """One scenario's hold on the stack."""

    stack: Stack
    slow: float
    last: str = ""
    _table: Identifier = field(default_factory=lambda: Identifier(f"check_{secrets.token_hex(4)}"))

    def require_ready(self, *names: str) -> None:
        """Whatever is not ready cannot be verified."""
        states = {state.name: state for state in self.stack.status()}
        for name in names:
            state = states.get(name)
            if state is None or state.health != "ready":
                raise NeedMissingError(name, f"{name} is not ready", got=str(state))
            self.last = name

    def require_cluster(self, *, primaries: int, replicas: int) -> None:
        """The cache must have its full shape before anything is said about it."""
        self.require_ready(*(f"redis-{number}" for number in range(1, primaries + replicas + 1)))
        deadline = time.monotonic() + _SHAPE_SECONDS * self.slow
        # A node tells clients of a replica only once that one has received something.
        while (found := self._shape()) != (primaries, replicas):
            if time.monotonic() > deadline:
                raise NeedMissingError("redis", "The cluster has another shape", got=f"{found} primaries, replicas")
            time.sleep(_POLL)

    def _shape(self) -> tuple[int, int]:
        with self._cache() as client:
            return len(client.get_primaries()), len(client.get_replicas())

    def restart(self, name: str, seconds: float) -> None:
        """Start a component again."""
        begun = time.monotonic()
        self.stack.restart(name)
        assert time.monotonic() - begun <= seconds * self.slow

    def expect_health(self, test: Callable[[str], bool], seconds: float) -> None:
        """Wait for the health of the component that was spoken of last."""
        until(lambda: test(self._health()), seconds * self.slow, self._health)

    def _health(self) -> str:
        return next(state.health for state in self.stack.status() if state.name == self.last)

    def write_rows(self, number: int) -> None:
        """Write rows into a table of this scenario's own."""
        with psycopg.connect(self._database().conninfo(), autocommit=True) as db:
            db.execute(SQL("CREATE TABLE {} (n integer)").format(self._table))
            db.execute(SQL("INSERT INTO {} SELECT generate_series(1, {})").format(self._table, number))

    def expect_rows(self, number: int, seconds: float) -> None:
        """Wait until the replica shows them all."""
        until(lambda: self._replica_rows() == number, seconds * self.slow, self._replica_rows)
        with psycopg.connect(self._database().conninfo(), autocommit=True) as db:
            db.execute(SQL("DROP TABLE {}").format(self._table))

    def _replica_rows(self) -> int | str:
        try:
            with psycopg.connect(self._replica().conninfo(), autocommit=True) as db:
                row = db.execute(SQL("SELECT count(*) FROM {}").format(self._table)).fetchone()
                return int(row[0]) if row else 0
        except psycopg.Error as error:
            return str(error)

    def replica_write_error(self) -> str:
        """The name of the error that a write on the replica meets; empty when it meets none."""
        try:
            with psycopg.connect(self._replica().conninfo(), autocommit=True) as db:
                db.execute(SQL("CREATE TABLE {} (n integer)").format(self._table))
        except psycopg.errors.ReadOnlySqlTransaction:
            return "read_only_sql_transaction"
        return ""

    def database_setting(self, name: str) -> str:
        """What the primary is set to."""
        with psycopg.connect(self._database().conninfo()) as db:
            row = db.execute("SELECT current_setting(%s)", (name,)).fetchone()
        return str(row[0]) if row else ""

    def write_keys(self, number: int) -> None:
        """Write `key-0` ... and wait until every replica has them, so that a failover may lose none."""
        with self._cache() as client:
            for index in range(number):
                client.set(f"key-{index}", f"value-{index}")
            for node in client.get_primaries():
                client.execute_command("WAIT", 1, 5000, target_nodes=node)

    def kill_owner(self, key: str) -> None:
        """Kill the primary that holds a key."""
        with self._cache() as client:
            node = client.get_node_from_key(key)
            port = node.port
        name = next(state.name for state in self.stack.status() if state.address.endswith(f":{port}"))
        self.stack.kill(name)

    def expect_keys(self, number: int, seconds: float) -> None:
        """Wait until every key reads what was written."""
        until(lambda: self._read(number) == number, seconds * self.slow, lambda: f"{self._read(number)} readable")

    def _read(self, number: int) -> int:
        try:
            with self._cache() as client:
                return sum(client.get(f"key-{index}") == f"value-{index}" for index in range(number))
        except RedisError:
            return -1

    def expect_writable(self, seconds: float) -> None:
        """Wait until keys in all parts of the key space can be written."""
        until(self._writes, seconds * self.slow, lambda: "some slots refuse writes")

    def _writes(self) -> bool:
        try:
            with self._cache() as client:
                return all(client.set(f"slot-{index}", "x") for index in range(64))
        except RedisError:
            return False

    def cache_error_without_password(self) -> str:
        """What a client without the password is told."""
        node = self._cache_address().nodes[0]
        try:
            redis.Redis(node.host, node.port, socket_timeout=5).get("key-1")
        except RedisError as error:
            return f"{type(error).__name__}: {error}"
        return "it was answered"

    def _cache(self) -> RedisCluster:
        address = self._cache_address()
        return RedisCluster(
            startup_nodes=[
                ClusterNode(node.host, node.port)  # type: ignore[no-untyped-call] # untyped in redis
                for node in address.nodes
            ],
            password=address.password.get_secret_value(),
            decode_responses=True,
            socket_timeout=5,
        )

    def _cache_address(self) -> RedisClusterAddress:
        if self.stack.addresses.cache is None:
            raise NeedMissingError("redis", "This stack has no cache")
        return self.stack.addresses.cache

    def _database(self) -> PostgresAddress:
        if self.stack.addresses.database is None:
            raise NeedMissingError("postgresql", "This stack has no database")
        return self.stack.addresses.database

    def _replica(self) -> PostgresAddress:
        if self.stack.addresses.replica is None:
            raise NeedMissingError("postgresql", "This stack has no replica")
        return self.stack.addresses.replica
