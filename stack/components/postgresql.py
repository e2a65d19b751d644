"""PostgreSQL: a primary with checksums and a replica that streams from it through a replication slot."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from pathlib import Path

import psycopg
from psycopg import sql
from pydantic import SecretStr

from stack.addresses import Addresses, PostgresAddress
from stack.components.base import Component, Launch, Plan, Runner, Site, StartError
from stack.components.postgresql_config import (
    CONF,
    DATABASE,
    HBA,
    MONITOR,
    OWNER,
    PASSFILE,
    REPLICATOR,
    SLOT,
    SUPERUSER,
    host_based_access,
    passfile,
    server_settings,
)
from stack.components.replication import StreamsFrom
from stack.components.waits import AllOf, Condition, Seen

__all__ = ["PRIMARY", "REPLICA", "Primary", "Replica", "SqlAnswers", "administrator", "owner_address"]

PRIMARY = "postgresql-primary"
REPLICA = "postgresql-replica"
_PWFILE = "superuser.password"


class SqlAnswers:
    """True when a server answers SELECT and is (or is not) in recovery, as asked."""

    def __init__(self, address: PostgresAddress, *, in_recovery: bool, timeout: int = 2) -> None:
        """Ask at `address`; `timeout` in seconds."""
        self._address = address
        self._in_recovery = in_recovery
        self._timeout = timeout

    def __call__(self) -> Seen:
        """Connect and ask."""
        where = f"PostgreSQL on {self._address.host}:{self._address.port}"
        try:
            with psycopg.connect(
                self._address.conninfo(connect_timeout=self._timeout), options="-c statement_timeout=2000"
            ) as connection:
                row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
        except psycopg.Error as error:
            return Seen(ok=False, what=f"{where}: {str(error).strip()}")
        if row != (self._in_recovery,):
            return Seen(ok=False, what=f"{where} is {'not ' if self._in_recovery else ''}in recovery")
        return Seen(ok=True, what=f"{where} answers")


def _address(site: Site, user: str, password: SecretStr, database: str) -> PostgresAddress:
    return PostgresAddress(host=site.host, port=site.ports["server"], user=user, password=password, database=database)


def administrator(plan: Plan, name: str = PRIMARY) -> PostgresAddress:
    """The superuser's address on one server; for setting up, not for services."""
    return _address(plan.site(name), SUPERUSER, plan.secrets.postgres_superuser, "postgres")


def owner_address(plan: Plan, name: str = PRIMARY) -> PostgresAddress:
    """The forge's database on one server, as its owner: what services are given."""
    return _address(plan.site(name), OWNER, plan.secrets.postgres_forge, DATABASE)


class _Server(Component):
    tools = ("postgresql",)

    def launch(self, plan: Plan) -> Launch:
        site = plan.site(self.name)
        tool = plan.tools.require("postgresql")
        arguments: list[str | Path] = [
            tool.program("postgres"),
            "-D",
            site.data,
            "-c",
            f"config_file={site.config / CONF}",
            "-c",
            f"hba_file={site.config / HBA}",
        ]
        # SIGINT is the "fast" shutdown: sessions are ended, everything is written.
        return Launch(arguments, cwd=site.scratch, env=tool.env, stop=signal.SIGINT, grace=20.0)


class Primary(_Server):
    """The server that takes writes; holds the database `forge` owned by the role `forge`."""

    name = PRIMARY

    def files(self, plan: Plan) -> Mapping[str, str]:
        """Settings, host-based access, and the superuser's first password."""
        site = plan.site(self.name)
        return {
            CONF: server_settings(port=site.ports["server"], listen=site.host, sockets=site.sockets),
            HBA: host_based_access(),
            _PWFILE: plan.secrets.postgres_superuser.get_secret_value() + "\n",
        }

    def prepare(self, plan: Plan, run: Runner) -> None:
        """Create the cluster once."""
        site = plan.site(self.name)
        if (site.data / "PG_VERSION").exists():
            return
        tool = plan.tools.require("postgresql")
        run(
            [
                tool.program("initdb"),
                f"--pgdata={site.data}",
                f"--username={SUPERUSER}",
                f"--pwfile={site.config / _PWFILE}",
                "--auth=scram-sha-256",
                "--data-checksums",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                # A run's folder is thrown away with it, so initdb need not wait for the disk; the server still does.
                "--no-sync",
            ],
            env=tool.env,
        )

    def answers(self, plan: Plan) -> Condition:
        """The superuser gets an answer."""
        return SqlAnswers(administrator(plan), in_recovery=False)

    def settle(self, plan: Plan) -> None:
        """Create the roles, the slot and the database where they do not exist.

        Raises:
            StartError: the server refused.
        """
        try:
            self._create_what_is_missing(plan)
        except psycopg.Error as error:
            raise StartError(
                "PostgreSQL answers but refused to create roles, slot or database",
                on=self.shown_address(plan),
                got=str(error).strip(),
                fix="look at its log",
            ) from error

    def _create_what_is_missing(self, plan: Plan) -> None:
        with psycopg.connect(administrator(plan).conninfo(), autocommit=True) as connection:
            _ensure_role(connection, REPLICATOR, plan.secrets.postgres_replication, "REPLICATION")
            _ensure_role(connection, OWNER, plan.secrets.postgres_forge, "NOSUPERUSER")
            monitors = [OWNER]
            if plan.secrets.postgres_monitor.get_secret_value():
                _ensure_role(connection, MONITOR, plan.secrets.postgres_monitor, "NOSUPERUSER")
                monitors.append(MONITOR)
            for role in monitors:
                # Lag and slots are shown in full only to members of this role.
                connection.execute(sql.SQL("GRANT pg_monitor TO {}").format(sql.Identifier(role)))
            connection.execute(
                "SELECT pg_create_physical_replication_slot(%s, true) "
                "WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = %s)",
                (SLOT, SLOT),
            )
            if connection.execute("SELECT FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone() is None:
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(OWNER))
                )

    def ready(self, plan: Plan) -> Condition:
        """The owner gets an answer from the forge's database."""
        return SqlAnswers(owner_address(plan, self.name), in_recovery=False)

    def address(self, plan: Plan, known: Addresses) -> Addresses:
        """Fill `database`."""
        return known.model_copy(update={"database": owner_address(plan, self.name)})


class Replica(_Server):
    """A hot standby of the primary: answers reads, follows by streaming."""

    name = REPLICA
    after = (PRIMARY,)
    requires = (PRIMARY,)

    def files(self, plan: Plan) -> Mapping[str, str]:
        """Settings with the primary's address, host-based access, and a passfile instead of a password in them."""
        site = plan.site(self.name)
        primary = plan.site(PRIMARY)
        return {
            CONF: server_settings(
                port=site.ports["server"],
                listen=site.host,
                sockets=site.sockets,
                primary=(primary.host, primary.ports["server"], site.config / PASSFILE),
            ),
            HBA: host_based_access(),
            PASSFILE: passfile(primary.host, primary.ports["server"], plan.secrets.postgres_replication),
        }

    def prepare(self, plan: Plan, run: Runner) -> None:
        """Copy the primary once."""
        site = plan.site(self.name)
        if (site.data / "PG_VERSION").exists():
            return
        primary = plan.site(PRIMARY)
        tool = plan.tools.require("postgresql")
        run(
            [
                tool.program("pg_basebackup"),
                f"--pgdata={site.data}",
                f"--host={primary.host}",
                f"--port={primary.ports['server']}",
                f"--username={REPLICATOR}",
                "--no-password",
                f"--slot={SLOT}",
                "--wal-method=stream",
                # A spread checkpoint may take minutes on an idle server.
                "--checkpoint=fast",
                "--no-sync",
            ],
            env={**tool.env, "PGPASSFILE": str(site.config / PASSFILE)},
        )
        run(["touch", site.data / "standby.signal"])

    def answers(self, plan: Plan) -> Condition:
        """The owner is answered by a server in recovery."""
        return SqlAnswers(owner_address(plan, self.name), in_recovery=True)

    def ready(self, plan: Plan) -> Condition:
        """It answers and streams."""
        return AllOf((self.answers(plan), StreamsFrom(owner_address(plan, self.name))))

    def address(self, plan: Plan, known: Addresses) -> Addresses:
        """Fill `replica`."""
        return known.model_copy(update={"replica": owner_address(plan, self.name)})


def _ensure_role(connection: psycopg.Connection, role: str, password: SecretStr, attribute: str) -> None:
    # The verifier is computed here, so that the password itself cannot end in the server's log.
    verifier = connection.pgconn.encrypt_password(
        password.get_secret_value().encode(), role.encode(), b"scram-sha-256"
    ).decode()
    exists = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,)).fetchone() is not None
    connection.execute(
        sql.SQL("{} ROLE {} LOGIN {} PASSWORD {}").format(
            sql.SQL("ALTER" if exists else "CREATE"), sql.Identifier(role), sql.SQL(attribute), sql.Literal(verifier)
        )
    )
