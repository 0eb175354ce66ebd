"""Every setting of the service, frozen, read once by `cli` and passed on. The only reader of the environment."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from limner.errors import InvalidRequest


class Settings(BaseSettings):
    """Settings of one installation. Each can be given as an environment variable with the prefix LIMNER_."""

    model_config = SettingsConfigDict(env_prefix="LIMNER_", frozen=True, extra="ignore")

    data: Path = Field(default=Path(".limner"), description="Folder of the database, the images and the worker socket.")
    host: str = Field(default="127.0.0.1", description="Address the server listens on; any but loopback needs a key.")
    port: int = Field(default=7310, ge=0, le=65535, description="Port the server listens on; 0 picks a free one.")
    workers: int = Field(default=1, ge=0, le=64, description="Worker processes that the server starts and supervises.")
    public_url: str | None = Field(
        default=None, description="Base of the URLs in answers; unset, the request's own host is used."
    )
    url_seconds: int = Field(default=3600, ge=1, description="Seconds for which a signed result URL opens.")
    lease_seconds: float = Field(
        default=15.0, gt=0, description="Seconds without a heartbeat until work is taken back."
    )
    max_queued: int = Field(default=10_000, ge=1, description="Queued generations at which new ones are refused (429).")
    max_batch: int = Field(default=4, ge=1, le=64, description="Generations that one forward pass may share.")
    max_body_bytes: int = Field(default=100_000_000, ge=1, description="Largest request body in bytes.")
    max_image_bytes: int = Field(default=50_000_000, ge=1, description="Largest input image in bytes.")
    max_image_pixels: int = Field(default=64_000_000, ge=1, description="Largest input image in pixels.")
    fetch: Literal["off", "allow-list", "public"] | None = Field(
        default=None,
        description="Whether input images are fetched from other servers: `off`, from those in LIMNER_FETCH_HOSTS "
        "(`allow-list`), or from any on the `public` internet. Unset: `public` for requests to a loopback address "
        "if LIMNER_HOST is one and LIMNER_PUBLIC_URL is unset, else `off`.",
    )
    fetch_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), validate_default=True, description="Hosts that `allow-list` allows, separated by commas."
    )
    sync_timeout_seconds: float = Field(
        default=600.0, gt=0, description="Longest wait of a synchronous call in seconds."
    )
    openai_strict: bool = Field(
        default=False, description="Whether /v1 refuses what OpenAI refuses (style, seed, unknown file types) too."
    )
    assistant_url: str | None = Field(
        default=None,
        description="OpenAI-compatible endpoint whose model writes the assistant's answers from the docs, such as "
        "`http://127.0.0.1:11434/v1`; unset, the docs are quoted.",
    )
    assistant_model: str | None = Field(
        default=None, validate_default=True, description="Name of that model; needed with LIMNER_ASSISTANT_URL."
    )
    assistant_key: SecretStr | None = Field(default=None, description="Key that is sent to that endpoint.")
    url: str = Field(default="http://127.0.0.1:7310", description="Server that commands such as `limner queue` ask.")
    key: SecretStr | None = Field(default=None, description="Key that those commands send.")
    log_level: str = Field(default="INFO", description="Least severe log level that is written.")
    log_format: Literal["text", "json"] = Field(
        default="text", description="How the log is written: `text` for people, `json` for one JSON object a line."
    )

    @field_validator("fetch_hosts", mode="before")
    @classmethod
    def _split_names(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return tuple(name.strip().lower().removesuffix(".") for name in value.split(",") if name.strip())

    @field_validator("fetch_hosts")
    @classmethod
    def _are_hosts(cls, value: tuple[str, ...], others: ValidationInfo) -> tuple[str, ...]:
        for name in value:
            if re.fullmatch(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)+", name) is None:
                raise ValueError(f"`{name}` is not a host's name alone, such as pictures.example.org")
        if bool(value) != (others.data.get("fetch") == "allow-list"):
            raise ValueError("it is needed with LIMNER_FETCH=allow-list, and only then")
        return value

    @field_validator("assistant_url")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is not None and re.fullmatch(r"https?://[^/@?#\s]+[^@?#\s]*", value) is None:
            raise ValueError("it must look like http://host:port/v1, without a name, a password or a query")
        return value

    @field_validator("assistant_model")
    @classmethod
    def _belongs_to_an_address(cls, value: str | None, others: ValidationInfo) -> str | None:
        if bool(value) != bool(others.data.get("assistant_url")):
            raise ValueError("it is needed with LIMNER_ASSISTANT_URL, and only then")
        return value

    @property
    def fetch_rule(self) -> Literal["off", "allow-list", "public"]:
        """What `fetch` comes to, where it is unset too: a server that a network reaches fetches nothing unasked."""
        if self.fetch is not None:
            return self.fetch
        on_loopback = re.fullmatch(r"localhost|::1|127(?:\.[0-9]{1,3}){3}", self.host) is not None
        return "public" if on_loopback and self.public_url is None else "off"

    @property
    def database_file(self) -> Path:
        """The SQLite file in the data folder."""
        return self.data / "limner.sqlite"

    @classmethod
    def read(cls, **given: object) -> "Settings":
        """The environment under what the command line gave (None = not given); InvalidRequest names a bad one."""
        try:
            return cls.model_validate({name: value for name, value in given.items() if value is not None})
        except ValidationError as error:
            first = error.errors()[0]
            name = "LIMNER_" + "_".join(str(part) for part in first["loc"]).upper()
            raise InvalidRequest(f"The setting {name} is not valid: {first['msg']}.", field=name) from None
