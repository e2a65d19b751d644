"""The archive of one server: whose it is, what is laid beside the server, how archiving is switched on."""

from __future__ import annotations

import contextlib
import json
import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from pydantic import SecretStr

from stack.addresses import PostgresAddress
from stack.errors import UsageError
from stack.process import Completed, ProgramFailedError, tail
from stack.recovery import sealing
from stack.recovery.errors import BackupError, RefusedError
from stack.recovery.postgresql import walfile
from stack.recovery.sealing import SealError, SealKey
from stack.recovery.settings import RecoverySettings
from stack.recovery.store import Bucket
from stack.recovery.tools import Ground, Programs, Server

__all__ = ["ROLE", "SLOT", "Archive", "Marker"]

ROLE = "backup"
SLOT = "engineroom_receiver"
_MARKER = "server.json"
_AGENT, _CONFIG, _KEY, _CREDENTIALS, _PASSFILE = "agent.py", "agent.json", "seal.key", "credentials", "backup.pgpass"
# What Barman's documentation asks for its user, and no more: no superuser, and it cannot set what runs a program.
_GRANTS = (
    "GRANT EXECUTE ON FUNCTION pg_backup_start(text, boolean) TO {role}",
    "GRANT EXECUTE ON FUNCTION pg_backup_stop(boolean) TO {role}",
    "GRANT EXECUTE ON FUNCTION pg_switch_wal() TO {role}",
    "GRANT EXECUTE ON FUNCTION pg_create_restore_point(text) TO {role}",
    "GRANT pg_read_all_settings, pg_read_all_stats, pg_monitor, pg_checkpoint TO {role}",
)


@dataclass(frozen=True)
class Marker:
    """Whose archive a folder in a bucket is.

    Attributes:
        system: the cluster's system identifier; a restored cluster keeps it.
        key: fingerprint of the key its objects are sealed with.
        version: PostgreSQL's version number, as in 180006.
    """

    system: int
    key: str
    version: int

    def to_json(self) -> bytes:
        """As it lies in the bucket, in the clear: it holds no secret."""
        told = {"format": 1, "system": str(self.system), "key": self.key, "version": self.version}
        return json.dumps(told, sort_keys=True).encode() + b"\n"


class Archive:
    """One server's folder in a bucket, and what works on it beside the server."""

    def __init__(
        self,
        settings: RecoverySettings,
        bucket: Bucket,
        key: SealKey,
        *,
        ground: Ground,
        programs: Programs,
        folder: Path,
    ) -> None:
        """Hold everything together; nothing is asked or written yet.

        Args:
            settings: the `[recovery]` table.
            bucket: where objects are.
            key: what they are sealed with.
            ground: where programs run.
            programs: Barman's and PostgreSQL's.
            folder: for what the programs read; the server's user alone can enter it.
        """
        self.settings = settings
        self.bucket = bucket
        self.key = key
        self.ground = ground
        self.programs = programs
        self.folder = folder

    # -- names -------------------------------------------------------------------------------------------------------

    @property
    def below(self) -> str:
        """The server's folder in the bucket, with a slash at its end."""
        return f"postgresql/{self.settings.server}/"

    @property
    def where(self) -> str:
        """For messages."""
        return f"{self.bucket}/{self.below}"

    def put(self, name: str, data: bytes) -> None:
        """Seal and write an object of this server."""
        self.bucket.put(self.below + name, self.key.seal(data, name))

    def put_if_absent(self, name: str, data: bytes) -> bool:
        """Seal and write an object where none is."""
        return self.bucket.put_if_absent(self.below + name, self.key.seal(data, name))

    def get(self, name: str) -> bytes | None:
        """Read and open an object of this server; None when there is none.

        Raises:
            SealError: it is damaged or sealed with another key.
        """
        data = self.bucket.get(self.below + name)
        return None if data is None else self.key.unseal(data, name)

    # -- whose it is -------------------------------------------------------------------------------------------------

    def marker(self) -> Marker | None:
        """Whose archive this is; None when nothing was begun.

        Raises:
            RefusedError: the bucket is away, or the folder holds what is not ours.
        """
        self.bucket.require()
        data = self.bucket.get(self.below + _MARKER)
        if data is None:
            stranger = next(self.bucket.list(self.below), None)
            if stranger is not None:
                raise RefusedError(
                    "STORE_FOREIGN",
                    "The folder in the bucket holds something, and does not say whose archive it is",
                    on=self.where,
                    got=f"the first object is {stranger.key}",
                    fix="name another bucket, prefix or server in [recovery]",
                )
            return None
        try:
            told = json.loads(data)
            return Marker(int(told["system"]), str(told["key"]), int(told["version"]))
        except (ValueError, KeyError, TypeError) as error:
            raise RefusedError(
                "STORE_FOREIGN", "The folder's marker is none of ours", on=self.where + _MARKER, got=str(error)
            ) from error

    def require(self) -> Marker:
        """Whose archive this is, for who reads it.

        Raises:
            RefusedError: there is none, it is somebody else's, or it is sealed with another key.
        """
        found = self.marker()
        if found is None:
            raise RefusedError(
                "STORE_EMPTY",
                "There is nothing of this server in the bucket",
                on=self.where,
                fix="check [recovery] bucket, prefix and server; `engineroom backup init` begins an archive",
            )
        if found.key != self.key.fingerprint:
            raise RefusedError(
                "KEY_WRONG",
                "The archive is sealed with another key",
                on=self.where,
                got=f"its key is {found.key}, the given one is {self.key.fingerprint}",
                fix="give the key file of this archive",
            )
        return found

    def require_version(self, wanted: int, of: str) -> str:
        """The version of the programs, which must be of the same major version as the data that they are to read.

        Args:
            wanted: PostgreSQL's version number, as in 180006.
            of: what has it, for the message.

        Raises:
            RefusedError: they are of another one.
        """
        program = self.programs.postgresql["postgres"]
        done = self.ground.run([program, "--version"], within=30, env=self.programs.env)
        match = re.search(r"\) (\d+)\S*", done.text)
        if done.code != 0 or match is None or int(match[1]) != wanted // 10000:
            raise RefusedError(
                "VERSION_MISMATCH",
                "The programs are of another major version than the data",
                on=f"{self.ground.host}: {program}",
                got=f"programs: {done.text.strip()[:100] or done.code}; {of}: {wanted // 10000}",
                fix="use the programs of its version",
            )
        return match[0][2:]

    # -- switching it on ---------------------------------------------------------------------------------------------

    def begin(self, server: Server) -> Marker:
        """Claim the folder for a server, prepare the server, and switch archiving on. Idempotent.

        Raises:
            RefusedError: the folder is another server's or sealed with another key, or the programs do not fit.
            BackupError: the server did not take it.
        """
        found = self.marker()
        try:
            with psycopg.connect(server.admin.conninfo(), autocommit=True) as db:
                mine = self._described(db)
                self._compare(found, mine, server)
                self.require_version(mine.version, f"{server.admin.host}:{server.admin.port}")
                if found is None and not self.bucket.put_if_absent(self.below + _MARKER, mine.to_json()):
                    self._compare(self.marker(), mine, server)
                password = self._password()
                _prepare(db, password)
                self.lay(mine, server.admin, password)
                self.ground.write(server.settings, self._server_settings().encode())
                db.execute("SELECT pg_reload_conf()")
        except psycopg.Error as error:
            raise BackupError(
                "BACKUP_FAILED",
                "The server could not be prepared for archiving",
                on=f"{server.admin.host}:{server.admin.port}",
                got=str(error).strip(),
            ) from error
        return mine

    def end(self, server: Server) -> None:
        """Switch archiving off: WAL is let go again, and the slot with what it holds back."""
        self.ground.write(server.settings, b"")
        with psycopg.connect(server.admin.conninfo(), autocommit=True) as db:
            db.execute("SELECT pg_reload_conf()")
            db.execute(
                "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
                " WHERE slot_name = %s AND NOT active",
                (SLOT,),
            )

    def _described(self, db: psycopg.Connection) -> Marker:
        row = db.execute(
            "SELECT system_identifier, current_setting('server_version_num')::int,"
            " (SELECT setting::bigint FROM pg_settings WHERE name = 'wal_segment_size') FROM pg_control_system()"
        ).fetchone()
        assert row is not None, "a query without FROM a table has a row"  # noqa: S101
        if row[2] != walfile.SEGMENT_SIZE:
            raise UsageError("WAL segments of another size than 16 MB are not supported", got=f"{row[2]} bytes")
        return Marker(int(row[0]), self.key.fingerprint, int(row[1]))

    def _compare(self, found: Marker | None, mine: Marker, server: Server) -> None:
        if found is None:
            return
        if found.system != mine.system:
            raise RefusedError(
                "STORE_FOREIGN",
                "This folder in the bucket is the archive of another server",
                on=self.where,
                got=f"it is of system {found.system}; {server.admin.host}:{server.admin.port} is {mine.system}",
                fix="name another server in [recovery]: a folder holds one server's WAL",
            )
        if found.key != mine.key:
            raise RefusedError(
                "KEY_WRONG", "The archive is sealed with another key", on=self.where, got=f"its key is {found.key}"
            )

    def _password(self) -> SecretStr:
        file = self.folder / _PASSFILE
        with contextlib.suppress(OSError):
            return SecretStr(file.read_text("utf-8").strip().rpartition(":")[2])
        return SecretStr(secrets.token_urlsafe(32))

    # -- what lies beside the server ---------------------------------------------------------------------------------

    def lay(self, marker: Marker, server: PostgresAddress | None = None, password: SecretStr | None = None) -> None:
        """Lay the agent, its configuration, key and credentials; for a restore without a server's address."""
        self.ground.make(self.folder)
        self.ground.make(self.staging)
        here = Path(__file__)
        # The agent is never imported here: what it imports is in Barman's environment alone.
        for source in (Path(sealing.__file__), Path(walfile.__file__), here.with_name(_AGENT)):
            self.ground.write(self.folder / source.name, source.read_bytes())
        address = self.bucket.address
        credentials = (
            f"[default]\naws_access_key_id = {address.access_key}\n"
            f"aws_secret_access_key = {address.secret_key.get_secret_value()}\n"
        )
        self.ground.write(self.folder / _CREDENTIALS, credentials.encode())
        self.ground.write(self.folder / _KEY, self.key.text().encode())
        config = {
            "endpoint": address.endpoint,
            "region": address.region,
            "bucket": self.bucket.bucket,
            "prefix": self.bucket.prefix,
            "server": self.settings.server,
            "system": str(marker.system),
            "compression": self.settings.compression,
            "credentials": str(self.folder / _CREDENTIALS),
            "key": str(self.folder / _KEY),
            "staging": str(self.staging),
        }
        self.ground.write(self.folder / _CONFIG, json.dumps(config, indent=1).encode())
        if server is not None and password is not None:
            secret = password.get_secret_value()
            self.ground.write(self.passfile, f"{server.host}:{server.port}:*:{ROLE}:{secret}\n".encode())

    @property
    def passfile(self) -> Path:
        """A libpq password file of the role `backup`."""
        return self.folder / _PASSFILE

    @property
    def staging(self) -> Path:
        """Where Barman keeps parts of a base backup until they are uploaded."""
        return self.folder / "staging"

    def command(self, *words: str | Path) -> list[str | Path]:
        """The agent with some arguments."""
        return [self.programs.barman, self.folder / _AGENT, self.folder / _CONFIG, *words]

    def shell(self, *words: str) -> str:
        """The agent as PostgreSQL runs it; the words are not quoted, for `%p` and `%f`.

        Raises:
            UsageError: a path has a character that means something to a shell or to PostgreSQL.
        """
        parts = [str(part) for part in self.command()]
        for part in parts:
            if any(character in part for character in "'\"\\%$` \n"):
                raise UsageError("A path cannot be written into a command of PostgreSQL", on=part)
        return " ".join([*parts, *words])

    def _server_settings(self) -> str:
        command = self.shell("archive", '"%p"')
        return f"archive_command = '{command}'\narchive_timeout = {self.settings.archive_timeout}\n"

    def run(
        self, words: Sequence[str | Path], *, within: float, stdin: bytes = b"", passfile: bool = False
    ) -> Completed:
        """Run the agent to its end; any exit code is an answer.

        Raises:
            ProgramFailedError: it did not start, or did not end in time.
        """
        env = {**self.programs.env, **({"PGPASSFILE": str(self.passfile)} if passfile else {})}
        return self.ground.run(self.command(*words), within=within, stdin=stdin, env=env)

    def verified(self, names: Sequence[str], *, within: float) -> Iterator[dict[str, object]]:
        """Read objects whole, beside the server, and tell what each is; see the agent's `verify`.

        Raises:
            BackupError: it could not be asked.
        """
        if not names:
            return
        try:
            done = self.run(["verify"], within=within, stdin="\n".join(names).encode())
        except ProgramFailedError as error:
            raise BackupError("BASE_DAMAGED", "Objects could not be read", on=self.where, got=error.got) from error
        if done.code != 0:
            said = tail(done.stderr.decode("utf-8", "replace"))
            raise BackupError("STORE_UNREACHABLE", "Objects could not be read", on=self.where, got=said)
        for line in done.text.splitlines():
            told: dict[str, object] = json.loads(line)
            yield told

    def opened(self, name: str) -> tuple[bytes | None, SealError | None]:
        """An object's content, or why it cannot be opened."""
        try:
            return self.get(name), None
        except SealError as error:
            return None, error


def _prepare(db: psycopg.Connection, password: SecretStr) -> None:
    role = sql.Identifier(ROLE)
    verifier = db.pgconn.encrypt_password(
        password.get_secret_value().encode(), ROLE.encode(), b"scram-sha-256"
    ).decode()
    exists = db.execute("SELECT FROM pg_roles WHERE rolname = %s", (ROLE,)).fetchone() is not None
    verb = sql.SQL("ALTER" if exists else "CREATE")
    db.execute(
        sql.SQL("{} ROLE {} LOGIN REPLICATION NOSUPERUSER PASSWORD {}").format(verb, role, sql.Literal(verifier))
    )
    for grant in _GRANTS:
        db.execute(sql.SQL(grant).format(role=role))
    slot = db.execute("SELECT FROM pg_replication_slots WHERE slot_name = %s", (SLOT,)).fetchone()
    if slot is None:
        # Reserved at once, so that not a byte of WAL goes before a receiver first asks for it.
        db.execute("SELECT pg_create_physical_replication_slot(%s, true)", (SLOT,))
