"""How is this program configured? The only reader of the environment."""

import os
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, SecretStr, UrlConstraints, ValidationError, field_validator
from pydantic.networks import AnyUrl
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from schemas.clock import ClockSetting

BrokerUrl = Annotated[AnyUrl, UrlConstraints(allowed_schemes=["mqtt", "mqtts"], host_required=True)]


class BrokerSettings(BaseModel, extra="forbid"):
    """TLS files for `mqtts://`: `VIGIE_BROKER__CA_FILE` and, for a client certificate, the other two."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


class IngestSettings(BaseModel, extra="forbid"):
    """Several ingest workers: `VIGIE_INGEST__WORKER` is this one's number, `VIGIE_INGEST__SITES` (JSON) its sites."""

    worker: Annotated[int, Field(ge=1, le=999)] | None = None
    sites: list[str] = []


class AlertsSettings(BaseModel, extra="forbid"):
    """`VIGIE_ALERTS__FALLBACK_SECONDS`: how long one channel of a person is tried before the next one is."""

    ping_url: SecretStr | None = None
    """Of a dead man's switch elsewhere; see alerts/vigil/ping.py."""
    fallback_seconds: Annotated[float, Field(ge=1, le=3600)] = 120.0


class WithingsSettings(BaseModel, extra="forbid"):
    """`VIGIE_WITHINGS__CLIENT_ID`, `VIGIE_WITHINGS__CLIENT_SECRET`: the clinic's application with Withings."""

    url: AnyUrl = AnyUrl("https://wbsapi.withings.net")
    client_id: str | None = None
    client_secret: SecretStr | None = None

    @property
    def base(self) -> str:
        return str(self.url).rstrip("/")


class Settings(BaseSettings):
    """Every `VIGIE_…` variable; see the README's table."""

    model_config = SettingsConfigDict(env_prefix="VIGIE_", env_nested_delimiter="__", frozen=True)

    home: Path = Path(".vigie")
    database_url: SecretStr | None = None
    broker_url: BrokerUrl | None = None
    broker: BrokerSettings = BrokerSettings()
    ingest: IngestSettings = IngestSettings()
    alerts: AlertsSettings = AlertsSettings()
    reminder_url: SecretStr | None = None
    """How a patient's SMS is sent: an apprise address with `{number}` in it."""
    canary_url: SecretStr | None = None
    """Where the canary's alerts must arrive, an apprise address; `vigie up` then keeps one."""
    channel_kinds: str = ""
    """Which kinds of address clinicians may enter, comma-separated, like `mailtos,sfr`; empty: see addresses.py."""
    receipts_secret: SecretStr | None = None
    """In the address at which SMS providers say what became of a message; unset: they are not heard."""
    metrics_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    webhook_host: str = "127.0.0.1"
    webhook_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    webhook_secret: SecretStr | None = None
    withings: WithingsSettings = WithingsSettings()
    webhook_metrics_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    api_host: str = "127.0.0.1"
    api_port: Annotated[int, Field(ge=0, le=65535)] = 8000
    api_workers: Annotated[int, Field(ge=1, le=64)] = min(4, os.cpu_count() or 1)
    public_url: AnyUrl | None = None
    log_format: Literal["console", "json"] | None = None
    clock: str = "real"

    @field_validator("clock")
    @classmethod
    def _clock(cls, text: str) -> str:
        return str(ClockSetting.parse(text))

    @field_validator("home", "database_url", "api_host", "webhook_host", mode="before")
    @classmethod
    def _is_not_empty(cls, value: object) -> object:
        """Empty would mean the working directory, a libpq default, or listening on every interface."""
        if value == "":
            raise ValueError("is empty: give it a value, or unset it")
        return value

    @field_validator("webhook_secret", "receipts_secret")
    @classmethod
    def _is_long_enough(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret and len(secret.get_secret_value()) < 16:
            raise ValueError("must be at least 16 characters; `openssl rand -hex 32` makes a good one")
        return secret

    @field_validator("reminder_url")
    @classmethod
    def _names_the_number(cls, url: SecretStr | None) -> SecretStr | None:
        if url and ("{number}" not in url.get_secret_value() or "://" not in url.get_secret_value()):
            raise ValueError("must be an apprise address with {number} where the patient's number belongs")
        return url

    @field_validator("database_url")
    @classmethod
    def _database_url(cls, url: SecretStr | None) -> SecretStr | None:
        if url and not url.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("must look like postgresql://user:pass@host:port/db")
        return url

    @property
    def kinds_of_channels(self) -> frozenset[str]:
        return frozenset(kind.strip().lower() for kind in self.channel_kinds.split(",") if kind.strip())

    @property
    def screens_url(self) -> str:
        """Where a clinician's browser finds the dashboard, without a trailing slash."""
        return str(self.public_url or f"http://{self.api_host}:{self.api_port}").rstrip("/")


def environment(settings: Settings) -> dict[str, str]:
    """The environment in which a child process reads the same settings, wherever its working directory is."""
    ours = {
        "HOME": settings.home.resolve(),
        "DATABASE_URL": settings.database_url.get_secret_value() if settings.database_url else None,
        "BROKER_URL": settings.broker_url,
        "WEBHOOK_HOST": settings.webhook_host,
        "WEBHOOK_PORT": settings.webhook_port,
        "WEBHOOK_SECRET": settings.webhook_secret.get_secret_value() if settings.webhook_secret else None,
        "WEBHOOK_METRICS_PORT": settings.webhook_metrics_port,
        "API_HOST": settings.api_host,
        "API_PORT": settings.api_port,
        "API_WORKERS": settings.api_workers,
        "PUBLIC_URL": settings.public_url,
        "LOG_FORMAT": settings.log_format,
        "CLOCK": settings.clock,
        "METRICS_PORT": settings.metrics_port,
        "REMINDER_URL": settings.reminder_url.get_secret_value() if settings.reminder_url else None,
        "CHANNEL_KINDS": settings.channel_kinds or None,
        "RECEIPTS_SECRET": settings.receipts_secret.get_secret_value() if settings.receipts_secret else None,
        "CANARY_URL": settings.canary_url.get_secret_value() if settings.canary_url else None,
    }
    return {**os.environ, **{f"VIGIE_{name}": str(value) for name, value in ours.items() if value is not None}}  # noqa: TID251 the one place


def misspelt() -> list[str]:
    """A sentence for each `VIGIE_…` variable of the environment that is no setting: what it sets is not set."""
    known = set(_names())
    ours = sorted(name.upper() for name in os.environ if name.upper().startswith("VIGIE_"))  # noqa: TID251 the one place
    nested = tuple(f"{name}__" for name in known)  # `Settings` itself refuses what it does not know there
    return [
        f"{name} is ignored: {_no_setting(name)}" for name in ours if name not in known and not name.startswith(nested)
    ]


def _names() -> Iterator[str]:
    """Of every setting, and of the parts of those that have some."""
    for name, field in Settings.model_fields.items():
        yield f"VIGIE_{name}".upper()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from (f"VIGIE_{name}__{part}".upper() for part in field.annotation.model_fields)


def _no_setting(name: str) -> str:
    near = get_close_matches(name, _names(), n=1)
    return f"there is no such setting; {f'is {near[0]} meant?' if near else 'the README lists them all'}"


class BadSettingsError(Exception):
    """The environment holds a value that Vigie cannot use; the message names the variable and what is allowed."""


def read_settings() -> Settings:
    """The settings from the environment.

    Raises:
        BadSettingsError: one line, naming each bad variable; the value itself is not repeated (it may be a secret).
    """
    try:
        return Settings()
    except ValidationError as error:
        raise BadSettingsError("; ".join(_told(problem) for problem in error.errors(include_input=False))) from None


def _told(problem: ErrorDetails) -> str:
    name = f"VIGIE_{'__'.join(map(str, problem['loc']))}".upper()
    if problem["type"] == "extra_forbidden":
        return f"{name}: {_no_setting(name)}"
    return f"{name}: {problem['msg'].removeprefix('Value error, ')}"
