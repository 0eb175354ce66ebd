"""The parameters of the hub's image routes: their names, their types, and the ImageRequest they stand for.

Types are checked here, values by `engines.plan`. It resolves no model and reads no image.
"""

import hashlib
import json
import re
from typing import Annotated, Any, ClassVar, Self

from fastapi import Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, field_validator, model_validator

from limner.api.auth import caller
from limner.api.body import Body, read_body
from limner.api.constraints import MAX_QUEUED_AT_ONCE, RESPONSE_FORMATS, constrain, constrain_edit
from limner.errors import InvalidRequest
from limner.wire import ImageRequest

NOT_YET = ("webhook_url",)
"""Parameters of the documented dialect that this version refuses by name."""
Taken = tuple[str, tuple[int, int]]
"""The digest and the (width, height) of an image that was checked and stored."""
UNSEEN: Taken = ("", (1, 1))
"""Stands for an image that was not read yet: what is wrong with the rest of a request is said before one is fetched."""
KEY = re.compile(r"[!-~][ -~]{0,254}")
PASSED_ON = (
    "output_format",
    "size",
    "quality",
    "input_fidelity",
    "background",
    "aspect_ratio",
    "num_inference_steps",
    "seed",
    "negative_prompt",
    "output_compression",
    "partial_images",
    "priority",
    "cancel_after_seconds",
)
"""Parameters that mean the same in an ImageRequest."""


def _one_or_many(value: Any) -> Any:
    """A string stands for a list of one; anything else must be a list of strings."""
    if value is None or isinstance(value, list):
        return value
    if isinstance(value, str):
        return [value]
    raise ValueError("input_image must be a string or an array of strings")


def _any_number(value: Any) -> Any:
    """An integer is a number too, which strict types deny; true and false are none."""
    if type(value) in (int, float):
        return float(value)
    raise ValueError("cancel_after_seconds must be a number")


def _show_source(source: str, taken: Taken) -> str:
    return f"data:,sha256={taken[0]}" if source[:5].lower() == "data:" else source


Seconds = Annotated[float, BeforeValidator(_any_number)]
Sources = Annotated[list[str] | None, BeforeValidator(_one_or_many)]


class ImageBody(BaseModel):
    """What both the synchronous routes and the queue take. `None` is the same as not given."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, json_schema_extra=constrain)

    refused: ClassVar[dict[str, str]] = dict.fromkeys(NOT_YET, "is not available yet")

    model: str
    prompt: str
    input_image: Sources = None
    mask: str | None = None
    output_format: str | None = None
    size: str | None = None
    quality: str | None = None
    input_fidelity: str | None = None
    background: str | None = None
    response_format: str | None = None
    target_namespace: str | None = None
    aspect_ratio: str | None = None
    num_inference_steps: int | None = None
    seed: int | None = None
    negative_prompt: str | None = None
    output_compression: int | None = None
    partial_images: int | None = None
    priority: int | None = None
    cancel_after_seconds: Seconds | None = None

    @model_validator(mode="before")
    @classmethod
    def _refuse_by_name(cls, values: dict[str, Any]) -> dict[str, Any]:
        for name, reason in cls.refused.items():
            if name in values:
                raise InvalidRequest(f"{name} {reason}.", field=name)
        return values

    @field_validator("response_format")
    @classmethod
    def _known_format(cls, value: str | None) -> str | None:
        if value not in (None, *RESPONSE_FORMATS):
            raise ValueError("response_format must be one of url, b64_json")
        return value

    @property
    def count(self) -> int:
        """How many images are wanted."""
        return 1

    def fingerprint(self, route: str) -> str:
        """SHA-256 (hex) of the route and of all parameters, in whatever order they came."""
        sent = json.dumps([route, self.model_dump(exclude_none=True)], sort_keys=True)
        return hashlib.sha256(sent.encode()).hexdigest()

    def to_request(
        self,
        namespace: str,
        inputs: list[Taken],
        mask: Taken | None = None,
        key: str | None = None,
        fingerprint: str = "",
    ) -> ImageRequest:
        """The request in the vocabulary of both dialects, with its images as they were taken in."""
        given = {name: getattr(self, name) for name in PASSED_ON if getattr(self, name) is not None}
        return ImageRequest(
            namespace=namespace,
            model=self.model,
            prompt=self.prompt,
            inputs=tuple(digest for digest, _ in inputs),
            input_sizes=tuple(size for _, size in inputs),
            mask=mask and mask[0],
            mask_size=mask and mask[1],
            n=self.count,
            idempotency_key=key,
            fingerprint=fingerprint,
            submitted=self._submitted(inputs, mask),
            **given,
        )

    def _submitted(self, inputs: list[Taken], mask: Taken | None) -> dict[str, Any]:
        """The parameters as they were sent, except that a data URI becomes the digest of its picture."""
        sent = self.model_dump(exclude_none=True)
        if self.input_image is not None:
            shown = [_show_source(*both) for both in zip(self.input_image, inputs, strict=True)]
            sent["input_image"] = shown[0] if len(shown) == 1 else shown
        if self.mask is not None and mask is not None:
            sent["mask"] = _show_source(self.mask, mask)
        return sent


class SyncBody(ImageBody):
    """The body of images/generate and images/edit."""

    refused = ImageBody.refused | {"num_generations": "belongs to the queue; here it is called n"}

    n: int | None = None

    @property
    def count(self) -> int:
        """How many images are wanted."""
        return 1 if self.n is None else self.n


class EditBody(SyncBody):
    """The body of images/edit, where an input image is required."""

    model_config = ConfigDict(json_schema_extra=constrain_edit)

    @model_validator(mode="after")
    def _needs_an_image(self) -> Self:
        if not self.input_image:
            raise InvalidRequest("input_image is required to edit.", field="input_image")
        return self


class QueueBody(ImageBody):
    """The body of a POST to the queue."""

    refused = ImageBody.refused | {"n": "is called num_generations here"}

    num_generations: int | None = None

    @field_validator("num_generations", mode="wrap")
    @classmethod
    def _one_to_four(cls, value: Any, _: Any) -> int | None:
        if value is None or (type(value) is int and 1 <= value <= MAX_QUEUED_AT_ONCE):
            return value
        raise ValueError(f"num_generations must be an integer between 1 and {MAX_QUEUED_AT_ONCE}")

    @property
    def count(self) -> int:
        """How many images are wanted."""
        return 1 if self.num_generations is None else self.num_generations


async def read_parameters(request: Request, model: type[Body]) -> Body:
    """The parameters in the body of `request`; what only a later version can do is refused by name.

    Who may not ask is refused before a byte of the body is read.
    """
    await caller(request)
    read_key(request)
    return await read_body(request, model)


def read_key(request: Request) -> str | None:
    """The Idempotency-Key of a request, if it has one; InvalidRequest if it is no key."""
    keys = request.headers.getlist("idempotency-key")
    if keys and (len(keys) > 1 or KEY.fullmatch(keys[0]) is None):
        raise InvalidRequest(
            "Idempotency-Key must be given once, as 1 to 255 printable ASCII characters.", field="Idempotency-Key"
        )
    return keys[0] if keys else None
