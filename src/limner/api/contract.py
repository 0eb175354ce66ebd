"""What a route promises in the OpenAPI document, said in its decorator after the path: `**promise(answers.Model)`.

It checks nothing, and a route that promises nothing is documented too: its path, and the errors that all such routes
have in common (`reference`). The shapes of answers stand in `answers`, those of bodies with the bodies.
"""

from typing import Any, Literal, NotRequired

from fastapi import Response
from pydantic import BaseModel, TypeAdapter
from typing_extensions import TypedDict

from limner.api.constraints import Schema, text

KEY: list[dict[str, list[str]]] = [{"key": []}]
"""The security requirement of what needs a key; together with an empty one, of what opens by other means too."""
REF = "#/components/schemas/{model}"
ETAG = {"ETag": {"required": True, "schema": {"type": "string"}}}


class Problem(TypedDict):
    """What went wrong: a stable code, words for people, and the field at fault where there is one."""

    type: str
    title: str
    detail: str
    message: str
    field: NotRequired[str]


class HubError(TypedDict):
    """An error in the hub's shape; its code stands in `error.type` and in `status_message`."""

    error: Problem
    status: Literal["error"]
    status_message: str


class OpenAIProblem(TypedDict):
    """What went wrong, in OpenAI's words."""

    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIError(TypedDict):
    """An error in OpenAI's shape."""

    error: OpenAIProblem


def in_query(name: str, schema: Schema, *, many: bool = False) -> dict[str, Any]:
    """A parameter of the query, an empty one being as good as none; with `many`, a list with commas."""
    style = {"style": "form", "explode": False} if many else {}
    return _parameter("query", name, schema) | {"allowEmptyValue": True} | style


def in_header(name: str, schema: Schema) -> dict[str, Any]:
    """A header of the request."""
    return _parameter("header", name, schema)


def _parameter(place: str, name: str, schema: Schema) -> dict[str, Any]:
    schema = dict(schema)
    return {"name": name, "in": place, "required": False, "description": schema.pop("description"), "schema": schema}


def events_of(data: Any) -> dict[str, Schema]:
    """The content of a stream of server-sent events, each with JSON of this type as its data."""
    schema = TypeAdapter(data).json_schema(mode="serialization", ref_template=REF)
    schema.pop("$defs", None)  # they are in the document already, as parts of plain answers
    known = {"type": "string", "contentMediaType": "application/json", "contentSchema": schema}
    texts = {"event": {"type": "string"}, "id": {"type": "string"}}
    item = {"type": "object", "properties": {**texts, "data": known}, "required": ["event", "data"]}
    return {"text/event-stream": {"itemSchema": item}}


IDEMPOTENCY_KEY = in_header(
    "Idempotency-Key",
    text("The same request under the same key is queued once.", pattern="^[!-~][ -~]{0,254}$"),
)


def promise(
    answer: Any = None,
    *parameters: dict[str, Any],
    body: type[BaseModel] | Schema | None = None,
    also: tuple[int, ...] = (),
    key: Literal["needed", "optional", "none"] = "needed",
    sends: type[Response] | dict[str, Any] | None = None,
) -> dict[str, Any]:
    """What a route's decorator takes so that the document tells all of it.

    `answer` is the type of a JSON answer. Another kind is said in `sends`: a class of responses, or what OpenAPI has
    to say of the answer. `body` is a model for JSON, or the content by media type. `also` are statuses that do not
    follow from the rest: a missing key, a bad parameter, an unknown id in the path and a body too large do.
    """
    extra: dict[str, Any] = {}
    if parameters:
        extra["parameters"] = list(parameters)
    if body is not None:
        content = (
            body
            if isinstance(body, dict)
            else {"application/json": {"schema": body.model_json_schema(ref_template=REF)}}
        )
        extra["requestBody"] = {"required": True, "content": content}
    if key != "needed":
        extra["security"] = [*KEY, {}] if key == "optional" else []
    responses: dict[int, Any] = {status: {} for status in also}
    made: dict[str, Any] = {"openapi_extra": extra, "responses": responses}
    if isinstance(sends, dict):
        responses[200] = sends
        if answer is None:
            made["response_class"] = Response
    elif sends is not None:
        made["response_class"] = sends
    if answer is not None:
        made |= {"response_model": answer, "response_description": " ".join((answer.__doc__ or "Done.").split())}
    return made
