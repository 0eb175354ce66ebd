"""From the bytes of a JSON body to checked values: strict JSON, and a pydantic model whose complaints name fields.

It knows no route. Whatever a caller sends ends as a value or as a CallerError.
"""

import asyncio
import json
from typing import Any, NoReturn, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from limner.api.problems import answer_error
from limner.errors import InvalidRequest, TooLarge

Body = TypeVar("Body", bound=BaseModel)

LARGE_BYTES = 1_000_000
"""From here on a body is parsed in a thread, so that it does not hold up everyone else."""
LISTED_COMPLAINTS = 10

REASONS = {
    "missing": "is required",
    "string_type": "must be a string",
    "int_type": "must be an integer",
    "model_type": "must be an object",
}


class BodyLimit:
    """Refuses bodies over `max_bytes`: by Content-Length before a byte is read, otherwise as soon as they are over."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 413."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal() and int(length[:20]) > self.max_bytes:
            await answer_error(self._too_large(), scope)(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self.max_bytes:
                raise self._too_large()
            return message

        await self.app(scope, counted, send)

    def _too_large(self) -> TooLarge:
        return TooLarge(f"The request body is larger than {self.max_bytes} bytes.")


async def read_body(request: Request, model: type[Body]) -> Body:
    """The JSON body as `model`; InvalidRequest names the field at fault, HTTPException 415 a foreign content type."""
    check_content_type(request.headers.getlist("content-type"))
    raw = await read_raw(request)
    value = await asyncio.to_thread(parse_json, raw) if len(raw) > LARGE_BYTES else parse_json(raw)
    if not isinstance(value, dict):
        raise InvalidRequest("The body must be a JSON object.")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise explain(error) from None


async def read_raw(request: Request) -> bytes:
    """The whole body. Unlike `request.body()`, the request does not keep it for as long as its answer is waited for."""
    return b"".join([part async for part in request.stream()])


def check_content_type(values: list[str]) -> None:
    """HTTPException 415 unless the one content type is application/json, in UTF-8."""
    kind, _, parameters = (values[0] if len(values) == 1 else "").partition(";")
    charset = parameters.strip().lower().replace('"', "")
    if kind.strip().lower() != "application/json" or charset not in ("", "charset=utf-8"):
        raise HTTPException(415)


def parse_json(raw: bytes) -> Any:
    """Strict JSON: UTF-8, no duplicate keys, no NaN or Infinity, no NUL and no half surrogate in any string."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidRequest("The body is not valid UTF-8.") from None
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise InvalidRequest(
            f"The body is not valid JSON: {error.msg} at line {error.lineno} column {error.colno}."
        ) from None
    except RecursionError:
        raise InvalidRequest("The body is not valid JSON: it is nested too deeply.") from None
    except ValueError:
        raise InvalidRequest("The body is not valid JSON: a number has too many digits.") from None
    if "\\u" in text:
        _check_text(value, "")
    return value


def explain(error: ValidationError) -> InvalidRequest:
    """Every complaint of pydantic as one sentence each, and the first field at fault."""
    found = error.errors(include_url=False, include_input=False)
    unknown = [str(one["loc"][-1]) for one in found if one["type"] == "extra_forbidden"]
    sentences = [_sentence(one) for one in found if one["type"] != "extra_forbidden"]
    if unknown:
        names = ", ".join(f"`{name[:80]}`" for name in unknown[:LISTED_COMPLAINTS])
        sentences.append(f"unknown parameter {names}" if len(unknown) == 1 else f"unknown parameters {names}")
    return InvalidRequest(
        "; ".join(dict.fromkeys(sentences[:LISTED_COMPLAINTS])),
        field=str(found[0]["loc"][0]) if found[0]["loc"] else None,
    )


def _sentence(one: Any) -> str:
    # A union's members each complain; where the value stands is the field and, in a list, the index.
    field = str(one["loc"][0]) + "".join(f"[{part}]" for part in one["loc"][1:] if isinstance(part, int))
    if one["type"] == "value_error":
        return str(one["ctx"]["error"])
    return f"{field} {REASONS.get(one['type'], one['msg'])}"


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise InvalidRequest(f"`{name[:80]}` is given more than once.", field=name[:80])
        found[name] = value
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidRequest(f"The body is not valid JSON: {name} is not a JSON number.")


def _check_text(value: Any, field: str) -> None:
    """InvalidRequest if a string anywhere in `value` holds what neither UTF-8 nor a database carries."""
    if isinstance(value, dict):
        for name, inner in value.items():
            _check_text(name, field or "a parameter's name")
            _check_text(inner, field or name)
    elif isinstance(value, list):
        for inner in value:
            _check_text(inner, field)
    elif isinstance(value, str) and ("\x00" in value or any("\ud800" <= character <= "\udfff" for character in value)):
        raise InvalidRequest(f"{field or 'the body'} holds a NUL or half of a surrogate pair.", field=field or None)
