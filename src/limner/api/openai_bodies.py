"""The bodies of OpenAI's image requests: JSON, or a form whose files lie on disk; and what is in them, taken apart.

Fields go to `openai_fields`; pictures become Sources, read one at a time. It checks no field and decodes no picture.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from limner.api.assets import Files
from limner.api.body import LARGE_BYTES, parse_json, read_raw
from limner.api.openai_errors import NO_MASK, USER_ERROR, Refusal
from limner.api.openai_fields import kind_of, missing, wrong_type
from limner.api.parameters import Taken
from limner.errors import InvalidRequest, TooLarge

MEDIA_TYPES = ("image/jpeg", "image/png", "image/webp")
MAX_FILES = 64
"""Files of a form that are counted; more than a model takes are refused by name, more than these by the parser."""
MAX_FIELDS = 64
MAX_FIELD_BYTES = 200_000
"""A prompt of 32,000 characters has at most 128,000 bytes."""
IMAGE_PART = re.compile(r"image(\[\d{0,3}\])?")


@dataclass(frozen=True)
class Source:
    """Where an input image or a mask comes from: a file of a form, or a URL; `name` is what it is called in errors."""

    name: str
    place: int
    """Which image it is, from 1; 0 for the mask."""
    upload: UploadFile | None = None
    url: str = ""

    async def take(self, request: Request, files: Files, namespace: str, *, strict: bool) -> Taken:
        """Read, check, normalise and store it; Refusal or TooLarge names it."""
        needs_alpha = self.place == 0
        data: bytes | BinaryIO
        if self.upload is None:
            data = await files.read_input(
                self.url, field=self.name, namespace=namespace, host=request.headers.get("host", "")
            )
        else:
            self._check(self.upload, files.settings.max_image_bytes, strict=strict)
            data = self.upload.file
        try:
            return await files.take_bytes(data, field=self.name, needs_alpha=needs_alpha)
        except (TooLarge, InvalidRequest) as error:
            raise self._unreadable(error.message) from None

    def _check(self, upload: UploadFile, max_bytes: int, *, strict: bool) -> None:
        if strict and upload.content_type not in MEDIA_TYPES:
            raise Refusal(
                f"Invalid file '{self.name}': unsupported mimetype ('{(upload.content_type or '')[:80]}'). Supported "
                "file formats are 'image/jpeg', 'image/png', and 'image/webp'.",
                field=self.name,
                reason="unsupported_file_mimetype",
            )
        if (upload.size or 0) > max_bytes:
            raise TooLarge(f"{self.name} is larger than {max_bytes} bytes.", field=self.name)

    def _unreadable(self, why: str) -> Refusal:
        if self.place == 0:
            return Refusal(f"{NO_MASK} - {why}", field=self.name, reason="invalid_mask_image_format", kind=USER_ERROR)
        return Refusal(
            f"Invalid image file or mode for image {self.place}, please check your image file: {why}.",
            field=self.name,
            reason="invalid_image_file",
            kind=USER_ERROR,
        )


@dataclass
class Edit:
    """The body of an edit, taken apart; `fault` is what is wrong with its images, to be told in its turn."""

    values: dict[str, Any] = field(default_factory=dict)
    images: list[Source] = field(default_factory=list)
    mask: Source | None = None
    fault: Refusal | None = None
    form: bool = False


def media_type(request: Request) -> str:
    """The media type of the body, in lower case and without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_json(request: Request) -> dict[str, Any]:
    """The JSON object in the body; Refusal for anything else."""
    if media_type(request) != "application/json":
        raise Refusal("Send the body as application/json.", field=None, reason=None)
    raw = await read_raw(request)
    try:
        value = await asyncio.to_thread(parse_json, raw) if len(raw) > LARGE_BYTES else parse_json(raw)
    except InvalidRequest as error:
        if error.field is not None:
            raise
        raise Refusal(
            f"We could not parse the JSON body of your request: {error.message}", field=None, reason=None
        ) from None
    if not isinstance(value, dict):
        raise Refusal(
            f"The JSON body of a request must be an object, but it is {kind_of(value)}.", field=None, reason=None
        )
    return value


@asynccontextmanager
async def read_edit(request: Request) -> AsyncIterator[Edit]:
    """The body of an edit, in either form; the files of a form can be read inside the block."""
    if media_type(request) != "multipart/form-data":
        yield _from_json(await read_json(request))
        return
    try:
        form = await request.form(max_files=MAX_FILES, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_BYTES)
    except HTTPException as error:
        raise Refusal(f"The multipart body cannot be read: {error.detail}", field=None, reason=None) from None
    try:
        yield _from_form(form)
    finally:
        await form.close()


def _from_form(form: FormData) -> Edit:
    edit = Edit(form=True)
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            edit.fault = _add_file(edit, name, value) or edit.fault
        elif IMAGE_PART.fullmatch(name) or name in ("mask", "markup"):
            edit.fault = edit.fault or wrong_type(name, "a file", "a string")
        else:
            nested = name.startswith("svg[")  # svg[model] belongs to svg
            name = "svg" if nested else name
            if name in edit.values and not nested:
                raise Refusal(f"'{name[:80]}' is given more than once.", field=name[:80], reason="invalid_value")
            edit.values[name] = value
    if not edit.images:
        edit.fault = edit.fault or missing("image")
    return edit


def _add_file(edit: Edit, name: str, file: UploadFile) -> Refusal | None:
    """Put a file in its place, or say why it has none."""
    if IMAGE_PART.fullmatch(name):
        place = len(edit.images) + 1
        edit.images.append(Source("image" if place == 1 else f"image[{place - 1}]", place, upload=file))
        return None
    if name == "mask":
        twice = edit.mask is not None
        edit.mask = Source("mask", 0, upload=file)
        return Refusal("'mask' is given more than once.", field=name, reason="invalid_value") if twice else None
    if name == "markup":
        return _no_markup()
    if name in ("images", "images[]"):
        return Refusal(
            "Unknown parameter: 'images'. For multipart/form-data use 'image' or 'image[]'.",
            field="images",
            reason="invalid_value",
        )
    return Refusal(f"Unexpected file '{name[:80]}'.", field=name[:80], reason="unknown_parameter")


def _from_json(values: dict[str, Any]) -> Edit:
    edit = Edit()
    images, mask = values.get("images"), values.get("mask")
    pictures = ("images", "mask", "markup", "image", "image[]")
    edit.values = {name: value for name, value in values.items() if name not in pictures}
    try:
        if "image" in values or "image[]" in values:
            raise Refusal(
                "Unknown parameter: 'image'. In a JSON body use 'images' (array) of objects with an 'image_url'.",
                field="image",
                reason="invalid_value",
            )
        if "images" not in values:
            raise missing("images")
        if not isinstance(images, list):
            raise wrong_type("images", "an array of objects", kind_of(images))
        if not images:
            raise Refusal(
                "Invalid 'images': empty array. Expected an array with minimum length 1, but got an empty array "
                "instead.",
                field="images",
                reason="empty_array",
            )
        edit.images = [_read_reference(one, f"images[{i}]", i + 1) for i, one in enumerate(images)]
        if mask is not None:
            edit.mask = _read_reference(mask, "mask", 0)
        if values.get("markup") is not None:
            raise _no_markup()
    except Refusal as refusal:
        edit.fault = refusal
    return edit


def _read_reference(value: Any, name: str, place: int) -> Source:
    if not isinstance(value, dict):
        raise wrong_type(name, "an object", kind_of(value))
    for key in value:
        if key not in ("image_url", "file_id"):
            raise Refusal(
                f"Unknown parameter: '{name}.{key[:80]}'.", field=f"{name}.{key[:80]}", reason="unknown_parameter"
            )
    if value.get("file_id") is not None:
        raise Refusal(
            f"{name}.file_id: there is no Files API here; send the picture as an image_url with a data: URL.",
            field=f"{name}.file_id",
            reason="invalid_value",
        )
    url = value.get("image_url")
    if url is None:
        raise missing(f"{name}.image_url")
    if not isinstance(url, str):
        raise wrong_type(f"{name}.image_url", "a string", kind_of(url))
    return Source(name, place, url=url)


def _no_markup() -> Refusal:
    return Refusal(
        "markup is not taken here: say in the prompt what to change, or where in a mask.",
        field="markup",
        reason="invalid_value",
    )
