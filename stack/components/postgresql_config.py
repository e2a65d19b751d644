"""PostgreSQL's configuration files, rendered; used by whatever runs the server."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

__all__ = [
    "ARCHIVE",
    "BACKUP",
    "CONF",
    "DATABASE",
    "HBA",
    "MONITOR",
    "OWNER",
    "PASSFILE",
    "REPLICATOR",
    "SLOT",
    "SUPERUSER",
    "host_based_access",
    "passfile",
    "quoted",
    "server_settings",
]

CONF = "postgresql.conf"
# Laid beside it by whoever archives WAL (stack.recovery); without it nothing is archived.
ARCHIVE = "archive.conf"
HBA = "pg_hba.conf"
PASSFILE = "replication.pgpass"
SUPERUSER = "postgres"
REPLICATOR = "replicator"
# Made by whoever takes backups (stack.recovery); its receiver streams WAL.
BACKUP = "backup"
OWNER = "forge"
MONITOR = "monitor"
DATABASE = "forge"
SLOT = "replica_1"


def quoted(value: str | Path) -> str:
    """A value as postgresql.conf takes it; a quote is doubled, a backslash too."""
    text = str(value).replace("\\", "\\\\").replace("'", "''")
    return f"'{text}'"


def server_settings(
    *,
    port: int,
    listen: str,
    sockets: Path | None,
    primary: tuple[str, int, Path] | None = None,
) -> str:
    """postgresql.conf for one server; both roles get the same settings, so that either can become primary.

    Args:
        port: TCP port.
        listen: address to listen on.
        sockets: folder for the Unix socket, or `None` for none.
        primary: for a replica: host, port and passfile of the server it follows.
    """
    settings: dict[str, str] = {
        "listen_addresses": quoted(listen),
        "port": str(port),
        "unix_socket_directories": quoted(sockets or ""),
        "unix_socket_permissions": "0700",
        "password_encryption": "'scram-sha-256'",
        "max_connections": "100",
        "shared_buffers": "'64MB'",
        "wal_level": "replica",
        # pg_rewind needs hint bits in the WAL where a cluster has no checksums; harmless where it has.
        "wal_log_hints": "on",
        "max_wal_senders": "10",
        "max_replication_slots": "10",
        # A replica that stays away must not fill the primary's disk.
        "max_slot_wal_keep_size": "'1GB'",
        "max_wal_size": "'512MB'",
        "hot_standby": "on",
        # Cleaning up on the primary must not cancel a replica's query.
        "hot_standby_feedback": "on",
        # 5 s by default: a replica should be back soon after its primary is.
        "wal_retrieve_retry_interval": "'500ms'",
        "wal_receiver_status_interval": "'1s'",
        "track_commit_timestamp": "on",
        # On, since it cannot be switched on without a restart. An empty command would keep every segment until the disk
        # is full; this one lets them go, until a file with another says where they are archived.
        "archive_mode": "on",
        "archive_command": "'true'",
        "log_destination": "'stderr'",
        "logging_collector": "off",
        "log_line_prefix": "'%m [%p] %q%u@%d '",
        "log_checkpoints": "off",
        "timezone": "'UTC'",
        "log_timezone": "'UTC'",
    }
    if primary is not None:
        host, primary_port, password_file = primary
        conninfo = (
            f"host={host} port={primary_port} user={REPLICATOR} passfile={_conninfo_quoted(password_file)} "
            "application_name=replica_1 connect_timeout=5"
        )
        settings["primary_conninfo"] = quoted(conninfo)
        settings["primary_slot_name"] = quoted(SLOT)
    # Relative to this file, and last: what is in it comes over what is above.
    settings["include_if_exists"] = quoted(ARCHIVE)
    return "".join(f"{name} = {value}\n" for name, value in settings.items())


def _conninfo_quoted(path: Path) -> str:
    text = str(path).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{text}'"


def host_based_access(networks: tuple[str, ...] = ("127.0.0.1/32",)) -> str:
    """pg_hba.conf: a password for everybody, replication for its own role, nobody from anywhere else.

    Args:
        networks: CIDR ranges that may connect.
    """
    lines = ["local all all scram-sha-256"]
    for network in networks:
        lines.append(f"host replication {REPLICATOR},{BACKUP} {network} scram-sha-256")
        lines.append(f"host all all {network} scram-sha-256")
    return "\n".join(lines) + "\n"


def passfile(host: str, port: int, password: SecretStr) -> str:
    """A libpq password file for the replication role (colons and backslashes escaped, as libpq reads it)."""
    secret = password.get_secret_value().replace("\\", "\\\\").replace(":", "\\:")
    return f"{host}:{port}:*:{REPLICATOR}:{secret}\n"
