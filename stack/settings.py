"""The settings: `engineroom.toml`, then the environment, then flags. No other module reads the environment."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from stack.addresses import Elsewhere, HttpAddress
from stack.errors import UsageError
from stack.recovery.settings import RecoverySettings

__all__ = ["RuntimeName", "Settings", "load"]

RuntimeName = Literal["local", "containers", "cluster", "external"]

_FILE = "engineroom.toml"


def _default_cache() -> Path:
    # Servers that refuse root read their programs as another user, so root's own home will not do.
    if os.geteuid() == 0:
        return Path("/var/cache/engineroom")
    return _of_user("XDG_CACHE_HOME", ".cache")


def _default_state() -> Path:
    if os.geteuid() == 0:
        return Path("/var/lib/engineroom")
    return _of_user("XDG_STATE_HOME", ".local/state")


def _of_user(variable: str, below_home: str) -> Path:
    given = os.environ.get(variable)
    try:
        return (Path(given) if given else Path.home() / below_home) / "engineroom"
    except RuntimeError as error:
        raise UsageError(
            "This user has no home folder", fix="set HOME, or both ENGINEROOM_CACHE_DIR and ENGINEROOM_STATE_DIR"
        ) from error


def _address(url: str | None, token: SecretStr | None) -> HttpAddress | None:
    return HttpAddress(url=url.rstrip("/"), token=token) if url else None


class Settings(BaseSettings):
    """What a user can choose. Names in the file are the field names, in the environment `ENGINEROOM_<NAME>`."""

    model_config = SettingsConfigDict(
        env_prefix="ENGINEROOM_",
        toml_file=_FILE,
        extra="forbid",
        populate_by_name=True,
    )

    runtime: RuntimeName = "local"
    cache_dir: Path = Field(default_factory=_default_cache, description="Installed servers and downloads.")
    state_dir: Path = Field(default_factory=_default_state, description="One folder per running stack.")
    evidence_dir: Path = Field(default=Path("evidence"), description="What a run leaves behind.")
    scope_file: Path = Field(default=Path("scope.toml"), description="What a run requires and what it waives.")
    service_user: str = Field(default="nobody", description="Who runs servers that refuse root.")
    slow: float = Field(default=1.0, gt=0, description="Every deadline is multiplied by this.")
    engines: tuple[Literal["opensearch", "meilisearch"], ...] = Field(
        default=("opensearch", "meilisearch"), description="Engines to start, where their program can be had."
    )
    objects: Literal["seaweedfs", "versitygw"] = Field(default="seaweedfs", description="Which S3 store to start.")
    corpus: Literal["small", "full"] = Field(default="full", description="How much real code fills the forge.")
    engine_patience: float = Field(
        default=30.0, gt=0, description="Seconds for which a write is tried again while an engine is away."
    )
    soak: bool = Field(default=False, description="Also run the scenarios that take long, tagged @needs-soak.")
    telemetry_scale: float = Field(
        default=1.0, gt=0, description="How many times faster telemetry looks: it divides windows and intervals."
    )
    loki_url: str | None = Field(default=None, description="OTLP endpoint of a Loki >= 3: http://host:3100/otlp.")
    loki_token: SecretStr | None = None
    elastic_url: str | None = Field(default=None, description="An Elasticsearch that log lines also go to, by bulk.")
    elastic_key: SecretStr | None = Field(default=None, description="An API key, encoded.")
    grafana_url: str | None = Field(default=None, description="A Grafana that somebody runs.")
    grafana_token: SecretStr | None = Field(default=None, description="Of a service account.")
    recovery: RecoverySettings = Field(default_factory=RecoverySettings, description="Backups, and where they go.")
    meilisearch_bin: Path | None = Field(
        default=None, validation_alias=AliasChoices("MEILISEARCH_BIN", "ENGINEROOM_MEILISEARCH_BIN", "meilisearch_bin")
    )
    zoekt_bin: Path | None = Field(
        default=None, validation_alias=AliasChoices("ZOEKT_BIN", "ENGINEROOM_ZOEKT_BIN", "zoekt_bin")
    )
    s3_endpoint: str | None = Field(
        default=None, validation_alias=AliasChoices("S3_ENDPOINT", "ENGINEROOM_S3_ENDPOINT", "s3_endpoint")
    )
    s3_access_key: str | None = Field(
        default=None, validation_alias=AliasChoices("S3_ACCESS_KEY", "ENGINEROOM_S3_ACCESS_KEY", "s3_access_key")
    )
    s3_secret_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("S3_SECRET_KEY", "ENGINEROOM_S3_SECRET_KEY", "s3_secret_key")
    )

    @property
    def elsewhere(self) -> Elsewhere:
        """Telemetry servers that somebody else runs."""
        return Elsewhere(
            loki=_address(self.loki_url, self.loki_token),
            elastic=_address(self.elastic_url, self.elastic_key),
            grafana=_address(self.grafana_url, self.grafana_token),
        )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags over the environment over the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load(**flags: object) -> Settings:
    """Read the settings; flags that are `None` were not given.

    Raises:
        UsageError: an unknown key or a value of the wrong kind, named with its place.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    file = Path(_FILE)
    if file.exists() and not file.is_file():
        # Pydantic would take it for absent.
        raise UsageError(f"{_FILE} is no file", on=str(file.absolute()), fix="move it away, or make it a file")
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{_FILE} is no TOML", got=str(error), fix="correct it at that place") from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{_FILE} is not UTF-8", on=str(file.absolute()), got=str(error), fix="save it as UTF-8"
        ) from error
    except OSError as error:
        raise UsageError(f"{_FILE} cannot be read", on=str(file.absolute()), got=str(error)) from error
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise UsageError(
            "The settings are not valid",
            on=f"{_FILE}, ENGINEROOM_* or flags",
            got=problems,
            fix="correct the named keys; stack/settings.py lists them all",
        ) from error
