"""Every setting of the service, frozen, read once by `cli` and passed on. The only reader of the environment."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

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
    sync_timeout_seconds: float = Field(
        default=600.0, gt=0, description="Longest wait of a synchronous call in seconds."
    )
    url: str = Field(default="http://127.0.0.1:7310", description="Server that commands such as `limner queue` ask.")
    key: SecretStr | None = Field(default=None, description="Key that those commands send.")
    log_level: str = Field(default="INFO", description="Least severe log level that is written.")
    log_format: Literal["text", "json"] = Field(
        default="text", description="How the log is written: `text` for people, `json` for one JSON object a line."
    )

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
