"""The addresses of a stack: all that any module outside `runtimes` ever learns about it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, SecretStr, field_serializer

__all__ = [
    "Addresses",
    "Elsewhere",
    "EngineAddress",
    "EngineKind",
    "GitAddress",
    "HostPort",
    "HttpAddress",
    "ObjectStoreAddress",
    "PostgresAddress",
    "RedisClusterAddress",
    "ServiceAddresses",
    "TelemetryAddresses",
]

EngineKind = Literal["opensearch", "meilisearch"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class HostPort(_Model):
    """One TCP endpoint."""

    host: str
    port: int

    def __str__(self) -> str:
        """`host:port`, as clients take it."""
        return f"{self.host}:{self.port}"


class _WithSecrets(_Model):
    """Serialises its secrets in the clear only when asked with `context={"secrets": True}`."""

    @field_serializer("*", when_used="json", check_fields=False)
    def _reveal(self, value: object, info: object) -> object:
        context = getattr(info, "context", None) or {}
        if isinstance(value, SecretStr):
            return value.get_secret_value() if context.get("secrets") else str(value)
        return value


class PostgresAddress(_WithSecrets):
    """One PostgreSQL server and the database on it."""

    host: str
    port: int
    user: str
    password: SecretStr
    database: str

    def conninfo(self, *, connect_timeout: int = 5) -> str:
        """A libpq connection string; `connect_timeout` in seconds."""
        parts = {
            "host": self.host,
            "port": str(self.port),
            "user": self.user,
            "password": self.password.get_secret_value(),
            "dbname": self.database,
            "connect_timeout": str(connect_timeout),
        }
        return " ".join(f"{key}='{_escape(value)}'" for key, value in parts.items())


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")


class RedisClusterAddress(_WithSecrets):
    """The nodes of a Redis Cluster from which a client can discover the rest."""

    nodes: tuple[HostPort, ...]
    password: SecretStr


class ObjectStoreAddress(_WithSecrets):
    """An S3 endpoint with the credentials to use there."""

    endpoint: str
    access_key: str
    secret_key: SecretStr
    region: str = "us-east-1"


class EngineAddress(_WithSecrets):
    """A search server."""

    kind: EngineKind
    url: str
    key: SecretStr | None = None


class GitAddress(_WithSecrets):
    """How git repositories are reached: a folder, the git protocol, or an agent beside the git server.

    `location` is a folder for `local`, a base URL (`git://host:port/`) for `protocol`, an http URL for `agent`.
    """

    form: Literal["local", "protocol", "agent"]
    location: str
    token: SecretStr | None = None


class HttpAddress(_WithSecrets):
    """Where a service answers, and the token that an internal one asks for; `url` has no slash at its end."""

    url: str
    token: SecretStr | None = None


class ServiceAddresses(_Model):
    """The services of the forge; one that the stack does not have is `None`.

    `indexer` and `runner` answer for their health and their metrics only.
    """

    git_http: HttpAddress | None = None
    api: HttpAddress | None = None
    search: HttpAddress | None = None
    indexer: HttpAddress | None = None
    runner: HttpAddress | None = None
    web: HttpAddress | None = None


class TelemetryAddresses(_Model):
    """Where telemetry goes in and where it is asked for; what the stack does not have is `None`.

    Attributes:
        otlp_http: base URL of the Collector for OTLP over HTTP; `/v1/traces` follows.
        otlp_grpc: its `host:port` for OTLP over gRPC.
        jaeger: base URL of Jaeger's query API.
        prometheus: base URL of Prometheus.
        logs: base URL of VictoriaLogs.
        grafana: a Grafana that somebody runs, with a token of a service account.
    """

    otlp_http: str | None = None
    otlp_grpc: str | None = None
    jaeger: str | None = None
    prometheus: str | None = None
    logs: str | None = None
    grafana: HttpAddress | None = None


class Elsewhere(_Model):
    """Telemetry servers that somebody else runs, and that are used as well.

    Attributes:
        loki: Loki 3 or newer, by the base URL of its OTLP endpoint (`http://loki:3100/otlp`).
        elastic: Elasticsearch, or another OpenSearch; its token is an API key.
        grafana: see `TelemetryAddresses`.
    """

    loki: HttpAddress | None = None
    elastic: HttpAddress | None = None
    grafana: HttpAddress | None = None


class Addresses(_Model):
    """Where everything in one stack answers; an absent component is `None` or an empty tuple."""

    database: PostgresAddress | None = None
    replica: PostgresAddress | None = None
    cache: RedisClusterAddress | None = None
    objects: ObjectStoreAddress | None = None
    engines: tuple[EngineAddress, ...] = ()
    git: GitAddress | None = None
    services: ServiceAddresses = ServiceAddresses()
    telemetry: TelemetryAddresses | None = None

    def engine(self, kind: EngineKind) -> EngineAddress | None:
        """The address of one engine, if the stack has it."""
        return next((engine for engine in self.engines if engine.kind == kind), None)

    def to_json(self, *, secrets: bool) -> str:
        """Canonical JSON; with `secrets` in the clear only for a file that its owner alone can read."""
        return self.model_dump_json(context={"secrets": secrets})
