"""Settings of a service: from the environment alone, every secret from a file as well, nothing guessed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, TypeVar

from psycopg import Error as PsycopgError
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from stack.errors import UsageError

__all__ = ["CONFIGURATION_EXIT", "DatabaseUrl", "HttpUrl", "ServiceSettings", "Token", "from_environment", "patient"]

CONFIGURATION_EXIT = 78
"""EX_CONFIG of sysexits.h: something in the environment can't be understood."""

_SHORTEST_TOKEN = 16
_SCHEMES = ("http://", "https://")


def _database(value: SecretStr) -> SecretStr:
    try:
        conninfo_to_dict(value.get_secret_value())
    except PsycopgError:
        # The parser's own words may repeat a part of the password.
        raise ValueError("is no connection string, such as postgresql://user:password@host:5432/forge") from None
    return value


def _token(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if len(text) < _SHORTEST_TOKEN or not text.isascii() or not text.isprintable():
        raise ValueError(f"has to be at least {_SHORTEST_TOKEN} printable ASCII characters")
    return value


def _url(value: str) -> str:
    if not value.startswith(_SCHEMES) or len(value.split("://", 1)[1].strip("/")) == 0:
        raise ValueError("is no address, such as http://host:8080")
    return value.rstrip("/")


DatabaseUrl = Annotated[SecretStr, AfterValidator(_database)]
Token = Annotated[SecretStr, AfterValidator(_token)]
HttpUrl = Annotated[str, AfterValidator(_url)]


class ServiceSettings(BaseModel):
    """What every service can be told; each field's alias is the variable's name."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    log_level: str = Field(default="info", alias="LOG_LEVEL", pattern="^(debug|info|warn|error)$")
    otlp_endpoint: HttpUrl | None = Field(default=None, alias="OTEL_EXPORTER_OTLP_ENDPOINT")
    otlp_traces_endpoint: HttpUrl | None = Field(default=None, alias="OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    service_name: str | None = Field(default=None, alias="OTEL_SERVICE_NAME", max_length=100)
    sdk_disabled: bool = Field(default=False, alias="OTEL_SDK_DISABLED")
    span_delay: int = Field(default=5000, alias="OTEL_BSP_SCHEDULE_DELAY", gt=0, description="Milliseconds.")
    span_timeout: int = Field(default=30000, alias="OTEL_BSP_EXPORT_TIMEOUT", gt=0, description="Milliseconds.")
    span_queue: int = Field(default=2048, alias="OTEL_BSP_MAX_QUEUE_SIZE", gt=0, le=1_000_000)
    span_batch: int = Field(default=512, alias="OTEL_BSP_MAX_EXPORT_BATCH_SIZE", gt=0, le=100_000)

    @property
    def traced(self) -> bool:
        """Whether spans are to be sent anywhere."""
        return not self.sdk_disabled and bool(self.otlp_endpoint or self.otlp_traces_endpoint)


Model = TypeVar("Model", bound=ServiceSettings)


def from_environment(model: type[Model], environment: Mapping[str, str] | None = None) -> Model:
    """Read a service's settings.

    Args:
        model: the settings; variables that none of its fields names are ignored.
        environment: instead of this process's own. An empty variable counts as not set.

    Raises:
        UsageError: a variable is missing or can't be understood; named on one line, without its value.
    """
    known = os.environ if environment is None else environment
    given: dict[str, str] = {}
    for name, field in model.model_fields.items():
        variable = field.alias or name
        value, path = known.get(variable, ""), known.get(f"{variable}_FILE", "")
        if path and _is_secret(field.annotation):
            if value:
                raise UsageError("The environment is not valid", got=f"{variable} and {variable}_FILE are both set")
            value = _read(variable, Path(path))
        if value:
            given[variable] = value
    try:
        return model(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        problems = "; ".join(f"{problem['loc'][0]}: {_message(problem['msg'])}" for problem in error.errors())
        raise UsageError("The environment is not valid", got=problems) from None


def patient(url: SecretStr, *, application: str, statement_seconds: float | None = None) -> str:
    """A connection string that neither connects nor waits for a lost server for ever.

    Args:
        url: as it was given; what it says itself stays.
        application: as the server shows it.
        statement_seconds: the server ends a statement that takes longer.
    """
    text = url.get_secret_value()
    wanted: dict[str, str | int] = {
        "application_name": application,
        "connect_timeout": 3,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
    }
    if statement_seconds is not None:
        wanted["options"] = f"-c statement_timeout={int(statement_seconds * 1000)}"
    given = conninfo_to_dict(text)
    return make_conninfo(text, **{name: value for name, value in wanted.items() if name not in given})


def _is_secret(annotation: object) -> bool:
    return "SecretStr" in str(annotation)


def _read(variable: str, path: Path) -> str:
    try:
        return path.read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise UsageError("The environment is not valid", got=f"{variable}_FILE: {path}: {reason}") from error


def _message(text: str) -> str:
    return text.removeprefix("Value error, ")
