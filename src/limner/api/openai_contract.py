"""What OpenAI's dialect promises in the OpenAPI document: its bodies and its answers. It checks nothing (`contract`).

A server that is strict (`openai_strict`) takes less: what OpenAI itself refuses.
"""

from typing import Literal, NotRequired, Required

from typing_extensions import TypedDict

from limner.api.constraints import EXAMPLE, EXAMPLE_INPUT, PARAMETERS, Schema, one_of, or_null, text, whole
from limner.api.contract import IDEMPOTENCY_KEY, OpenAIProblem, events_of, promise
from limner.api.openai_fields import ANIMATION, IDLE, MAX_N, MAX_PROMPT, OTHER_QUALITIES, QUALITIES
from limner.wire import Background, OutputFormat, Quality

_SAME = ("background", "output_format", "output_compression", "partial_images", "seed", "num_inference_steps")
_OPTIONAL: dict[str, Schema] = {
    "model": text("Id or alias of a model."),
    "n": whole("How many images; 1 if left out.", 1, MAX_N),
    "size": text("auto or WIDTHxHEIGHT.", pattern="^(auto|[0-9]+x[0-9]+)$"),
    "quality": one_of("How many steps are taken.", *QUALITIES, *OTHER_QUALITIES),
    **{name: PARAMETERS[name] for name in (*_SAME, "negative_prompt", "response_format")},
    "stream": {"type": "boolean", "description": "Whether to answer with events."},
    "user": text("Changes nothing."),
    "safety_identifier": text("Comes back in the answer."),
    **{name: one_of("Changes nothing.", *words) for name, words in IDLE.items()},
}
_PROMPT = text("What to draw, or how to edit: not only spaces.", minLength=1, maxLength=MAX_PROMPT)
_REFERENCE = {
    "type": "object",
    "properties": {"image_url": PARAMETERS["mask"] | {"description": "A `data:` URI or the URL of a file."}},
    "required": ["image_url"],
}
_FILE = {"type": "string", "format": "binary", "description": "PNG, JPEG or WebP."}
_FAITHFUL = {"input_fidelity": PARAMETERS["input_fidelity"]}


def _body(title: str, *required: str, example: Schema, **properties: Schema) -> Schema:
    optional = {name: or_null(schema) for name, schema in _OPTIONAL.items()}
    never = {name: {"type": "null", "description": "Not made here."} for name in ANIMATION}
    known = {"prompt": _PROMPT, **optional, **never, **properties}
    return {
        "title": title,
        "type": "object",
        "properties": known,
        "required": ["prompt", *required],
        "additionalProperties": False,
        "examples": [example],
    }


_GENERATION = _body("OpenAIGenerationBody", example=EXAMPLE)
_EDIT = _body(
    "OpenAIEditBody",
    "images",
    example=EXAMPLE | {"images": [{"image_url": EXAMPLE_INPUT}]},
    images={"type": "array", "items": _REFERENCE, "minItems": 1, "description": "The images to edit."},
    mask={"anyOf": [_REFERENCE, {"type": "null"}], "description": "Where to edit the first image: alpha 0."},
    input_fidelity=or_null(PARAMETERS["input_fidelity"]),
)
_FORM = {
    "type": "object",
    "properties": {
        "prompt": _PROMPT,
        **_OPTIONAL,
        **_FAITHFUL,
        "image": _FILE,
        "image[]": {"type": "array", "items": _FILE, "minItems": 1},
        "mask": _FILE,
    },
    "required": ["prompt"],
    "anyOf": [{"required": ["image"]}, {"required": ["image[]"]}],
}


class OpenAIImage(TypedDict):
    """One finished image: as base64, or as a link where that was asked for."""

    b64_json: NotRequired[str]
    url: NotRequired[str]
    seed: int
    generation_id: str


class InputTokens(TypedDict):
    """What went in."""

    text_tokens: int
    image_tokens: int


class OutputTokens(TypedDict):
    """What came out."""

    image_tokens: int
    text_tokens: int


class Usage(TypedDict):
    """The tokens that OpenAI would count; nothing is charged."""

    total_tokens: int
    input_tokens: int
    output_tokens: int
    input_tokens_details: InputTokens
    output_tokens_details: OutputTokens


class OpenAIImages(TypedDict):
    """What was made, with the concrete values it was made with; with `stream`, events in its place."""

    created: int
    background: Background
    output_format: OutputFormat
    quality: Quality
    size: str
    data: list[OpenAIImage]
    usage: Usage
    warnings: list[str]
    safety_identifier: NotRequired[str]


class OpenAIEvent(TypedDict, total=False):
    """A partial image, a finished one, or what went wrong, as `type` says."""

    type: Required[str]
    b64_json: str
    created_at: int
    background: Background
    output_format: OutputFormat
    quality: Quality
    size: str
    partial_image_index: int
    usage: Usage
    seed: int
    generation_id: str
    warnings: list[str]
    safety_identifier: str
    error: OpenAIProblem


class OpenAIModel(TypedDict):
    """A model by one of its ids."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class OpenAIModels(TypedDict):
    """A list of models."""

    object: Literal["list"]
    data: list[OpenAIModel]


_STREAM = {"content": events_of(OpenAIEvent)}
_JSON = {"application/json": {"schema": _GENERATION}}
_BOTH = {"application/json": {"schema": _EDIT}, "multipart/form-data": {"schema": _FORM}}
GENERATES = promise(OpenAIImages, IDEMPOTENCY_KEY, body=_JSON, sends=_STREAM, also=(404, 409, 504))
EDITS = promise(OpenAIImages, IDEMPOTENCY_KEY, body=_BOTH, sends=_STREAM, also=(404, 409, 504))
LISTS = promise(OpenAIModels)
SHOWS = promise(OpenAIModel)
