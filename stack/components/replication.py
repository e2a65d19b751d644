"""How far a replica is behind its primary, from the two addresses alone."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

from stack.addresses import PostgresAddress
from stack.components.waits import Condition, Seen, wait

__all__ = ["CaughtUp", "StreamsFrom", "replication_lag", "wait_caught_up", "write_position"]

_TIMEOUT = "-c statement_timeout=5000"


def _one(address: PostgresAddress, query: str, *parameters: object) -> tuple[object, ...]:
    with psycopg.connect(address.conninfo(connect_timeout=2), options=_TIMEOUT) as connection:
        row = connection.execute(query, parameters).fetchone()
    return tuple(row or ())


def write_position(primary: PostgresAddress) -> str:
    """Where the primary's WAL stands now (an LSN such as `0/3000148`): the goal for a replica."""
    return str(_one(primary, "SELECT pg_current_wal_insert_lsn()::text")[0])


def replication_lag(primary: PostgresAddress, replica: PostgresAddress) -> int:
    """Bytes of WAL that the replica has not replayed yet, of what the primary had written when asked.

    Raises:
        psycopg.Error: one of them does not answer.
    """
    goal = write_position(primary)
    (lag,) = _one(replica, "SELECT greatest(0, pg_wal_lsn_diff(%s::pg_lsn, pg_last_wal_replay_lsn()))::bigint", goal)
    return int(str(lag))


@dataclass(frozen=True)
class CaughtUp:
    """True when the replica has replayed everything up to a position in the primary's WAL."""

    replica: PostgresAddress
    position: str

    def __call__(self) -> Seen:
        """Compare positions on the replica."""
        try:
            behind, replayed = _one(
                self.replica,
                "SELECT pg_wal_lsn_diff(%s::pg_lsn, pg_last_wal_replay_lsn())::bigint, pg_last_wal_replay_lsn()::text",
                self.position,
            )
        except psycopg.Error as error:
            return Seen(ok=False, what=f"the replica: {str(error).strip()}")
        seen = f"the replica replayed up to {replayed}, wanted {self.position}"
        return Seen(ok=behind is not None and int(str(behind)) <= 0, what=seen)


def wait_caught_up(primary: PostgresAddress, replica: PostgresAddress, *, within: float) -> float:
    """Wait until the replica has replayed what the primary had written at the time of the call.

    Args:
        primary: where the position is taken.
        replica: who must reach it.
        within: seconds, already multiplied by the machine's slowness.

    Returns:
        The seconds it took.

    Raises:
        WaitGaveUpError: it did not, with the positions last seen.
    """
    caught_up: Condition = CaughtUp(replica, write_position(primary))
    return wait(caught_up, within=within, poll=0.05)


@dataclass(frozen=True)
class StreamsFrom:
    """True when a replica's WAL receiver is streaming."""

    replica: PostgresAddress

    def __call__(self) -> Seen:
        """Ask the replica itself."""
        try:
            row = _one(self.replica, "SELECT coalesce((SELECT status FROM pg_stat_wal_receiver), 'absent')")
        except psycopg.Error as error:
            return Seen(ok=False, what=f"the replica: {str(error).strip()}")
        return Seen(ok=row == ("streaming",), what=f"the WAL receiver is {row[0] if row else 'unknown'}")
