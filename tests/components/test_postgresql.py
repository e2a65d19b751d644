"""PostgreSQL's configuration."""

from __future__ import annotations

from pathlib import Path

from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from stack.components.base import Plan
from stack.components.postgresql import Primary, Replica, administrator
from stack.components.postgresql_config import host_based_access, passfile, quoted, server_settings


def settings_of(text: str) -> dict[str, str]:
    return dict(line.split(" = ", 1) for line in text.splitlines())


def test_primary_can_feed_a_replica() -> None:
    """It streams, keeps WAL for a slot within a bound, hashes passwords well, and follows nobody."""
    settings = settings_of(server_settings(port=5433, listen="127.0.0.1", sockets=Path("/run/x")))
    assert settings["wal_level"] == "replica"
    assert settings["max_slot_wal_keep_size"] == "'1GB'"
    assert settings["password_encryption"] == "'scram-sha-256'"
    assert settings["port"] == "5433"
    assert settings["unix_socket_directories"] == "'/run/x'"
    assert "primary_conninfo" not in settings


def test_replica_follows_without_a_password_in_its_settings(plan: Plan) -> None:
    """It names its primary and slot, and the password is in a passfile alone."""
    files = Replica().files(plan)
    settings = settings_of(files["postgresql.conf"])
    port = plan.site("postgresql-primary").ports["server"]
    assert f"port={port} user=replicator" in settings["primary_conninfo"]
    assert settings["primary_slot_name"] == "'replica_1'"
    assert "secret-replication" not in files["postgresql.conf"]
    assert files["replication.pgpass"] == f"127.0.0.1:{port}:*:replicator:secret-replication\n"


def test_both_roles_are_configured_alike(plan: Plan) -> None:
    """Beside who it follows and where it listens a replica is set like its primary, so that it can take over."""
    primary = settings_of(Primary().files(plan)["postgresql.conf"])
    replica = settings_of(Replica().files(plan)["postgresql.conf"])
    different = {name for name in primary | replica if primary.get(name) != replica.get(name)}
    assert different == {"port", "primary_conninfo", "primary_slot_name"}


def test_nobody_enters_without_a_password_or_from_afar() -> None:
    """Every line asks for a password, and only the given networks are named."""
    lines = [line.split() for line in host_based_access(("10.1.0.0/16",)).splitlines()]
    assert {line[-1] for line in lines} == {"scram-sha-256"}
    assert {line[3] for line in lines if line[0] == "host"} == {"10.1.0.0/16"}


def test_a_quote_cannot_end_a_setting() -> None:
    """Quotes and backslashes in a path stay inside the value."""
    assert quoted("a'b\\c") == "'a''b\\\\c'"
    settings = server_settings(
        port=1, listen="127.0.0.1", sockets=None, primary=("127.0.0.1", 5432, Path("/it's here/pass"))
    )
    value = settings_of(settings)["primary_conninfo"][1:-1].replace("''", "'").replace("\\\\", "\\")
    assert conninfo_to_dict(value)["passfile"] == "/it's here/pass"


def test_passfile_escapes_its_separators() -> None:
    """A colon or backslash in a password does not end the field."""
    assert passfile("h", 1, SecretStr("a:b\\c")) == "h:1:*:replicator:a\\:b\\\\c\n"


def test_the_administrator_is_not_the_owner(plan: Plan) -> None:
    """Setting up uses the superuser, whose address is never among the stack's."""
    assert administrator(plan).user == "postgres"
    assert administrator(plan).password.get_secret_value() == "secret-superuser"
