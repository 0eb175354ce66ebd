"""What the parameters of an image and the parts of an upload may be, as JSON Schema for the OpenAPI document.

It refuses nothing: `parameters`, `engines.plan` and `assets` do, from the same constants. What one model alone demands
(its sizes, most steps, longest prompt) stands in that model's `request_schema`.
"""

from typing import Any, get_args

from limner.engines.plan import MAX_CANCEL_AFTER_SECONDS, MAX_PARTIAL_IMAGES, MAX_PRIORITY, MAX_SEED
from limner.wire import Background, Fidelity, OutputFormat, Quality

MAX_QUEUED_AT_ONCE = 4
RESPONSE_FORMATS = ("url", "b64_json")
MAX_FILES = 16
FILE_FIELDS = ("files[]", "files", "file")
TEXT_FIELDS = {"name": 200, "email": 254, "message": 2_000}
"""Texts that go with an upload, and their most characters."""
_CONTROL = r"\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f"
_SIDE = "[1-9][0-9]{0,4}"

Schema = dict[str, Any]


def text(meaning: str, **more: Any) -> Schema:
    """A string."""
    return {"type": "string", "description": meaning, **more}


def whole(meaning: str, least: int, most: int | None = None) -> Schema:
    """An integer from `least` to `most`."""
    top = {} if most is None else {"maximum": most}
    return {"type": "integer", "description": meaning, "minimum": least, **top}


def one_of(meaning: str, *words: str) -> Schema:
    """One of these strings."""
    return {"type": "string", "description": meaning, "enum": list(words)}


def many_of(meaning: str, *words: str) -> Schema:
    """An array of these strings."""
    return {"type": "array", "description": meaning, "items": {"type": "string", "enum": list(words)}}


SOURCE = "a `data:image/...;base64,` URI or a URL (of another server if LIMNER_FETCH allows it)"
PARAMETERS: dict[str, Schema] = {
    "model": text("Id or alias of a model, as GET /api/ai/models lists them."),
    "prompt": text(
        "What to draw, or how to edit the input images, which `@Image1`, `@Image2` ... name.",
        minLength=1,
        pattern=rf"^[^{_CONTROL}]*[^\s{_CONTROL}][^{_CONTROL}]*$",
    ),
    "input_image": {
        "description": f"The images to edit, each {SOURCE}: PNG, JPEG or WebP.",
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
    },
    "mask": text(f"Where to edit the input image, alpha 0 = edit here: {SOURCE}."),
    "output_format": one_of("The file format; png if left out.", *get_args(OutputFormat)),
    "size": text(
        "auto, square, portrait, landscape or WIDTHxHEIGHT as the model makes it; auto if left out.",
        pattern=rf"^(auto|square|portrait|landscape|{_SIDE}x{_SIDE})$",
    ),
    "quality": one_of("How many steps are taken; auto, which is medium, if left out.", "auto", *get_args(Quality)),
    "input_fidelity": one_of("How closely input images are kept; low if left out.", *get_args(Fidelity)),
    "background": one_of("auto, which reads the prompt, if left out.", "auto", *get_args(Background)),
    "response_format": one_of("A link that expires, or the file as base64; url if left out.", *RESPONSE_FORMATS),
    "target_namespace": text("Where results are stored: your own namespace, nothing else."),
    "aspect_ratio": text(
        "WIDTH:HEIGHT, neither of them 0: the nearest size is taken. Not together with `size`.",
        pattern="^[0-9]{1,4}:[0-9]{1,4}$",
    ),
    "num_inference_steps": whole("How many steps, in place of those of `quality`.", 1),
    "seed": whole("The same request with the same seed gives the same image; drawn if left out.", 0, MAX_SEED),
    "negative_prompt": text("What the image should not show.", pattern=f"^[^{_CONTROL}]*$"),
    "output_compression": whole("Quality of JPEG and WebP; 100 makes WebP lossless. Not for PNG.", 0, 100),
    "partial_images": whole("How many pictures of the unfinished image are shown.", 0, MAX_PARTIAL_IMAGES),
    "priority": whole("Higher goes first among your own generations; 0 if left out.", -MAX_PRIORITY, MAX_PRIORITY),
    "cancel_after_seconds": {
        "type": "number",
        "description": "What has not ended by then is cancelled.",
        "exclusiveMinimum": 0,
        "maximum": MAX_CANCEL_AFTER_SECONDS,
    },
    "n": whole("How many images; 1 if left out.", 1),
    "num_generations": whole("How many images; 1 if left out.", 1, MAX_QUEUED_AT_ONCE),
}

FILES = {"type": "array", "items": {"type": "string", "format": "binary"}, "maxItems": MAX_FILES}
FORM: Schema = {
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "properties": {
                **{name: FILES | {"description": "Pictures: PNG, JPEG or WebP."} for name in FILE_FIELDS},
                **{name: text("Of the commit.", maxLength=limit) for name, limit in TEXT_FIELDS.items()},
            },
            "anyOf": [{"required": [name]} for name in FILE_FIELDS],
            "additionalProperties": False,
        }
    }
}


EXAMPLE: Schema = {"model": "gpt-image-1-5", "prompt": "a large brown ox standing on a snowy road", "quality": "low"}
EXAMPLE_INPUT = "/api/repos/limner/examples/file/main/bloxy/bloxy_cropped_512x512.png"


def constrain(schema: Schema) -> None:
    """Put the constraints, and an example that works, into the schema of a body; null stands for what was left out."""
    required = schema["required"]
    schema["examples"] = [EXAMPLE]
    for name in schema["properties"].keys() & PARAMETERS.keys():
        known = PARAMETERS[name]
        schema["properties"][name] = known if name in required else or_null(known)


def constrain_edit(schema: Schema) -> None:
    """The same where an input image is required."""
    schema["required"] = [*schema["required"], "input_image"]
    constrain(schema)
    schema["examples"] = [EXAMPLE | {"input_image": EXAMPLE_INPUT}]
    some = {"type": "array", "items": {"type": "string"}, "minItems": 1}
    schema["properties"]["input_image"] = PARAMETERS["input_image"] | {"anyOf": [{"type": "string"}, some]}


def with_parameters(schema: Schema) -> None:
    """Add every parameter to the schema of what shows them as they were sent."""
    schema["properties"] = PARAMETERS | schema["properties"]


def or_null(schema: Schema) -> Schema:
    """The same, or null."""
    if "anyOf" in schema:
        return schema | {"anyOf": [*schema["anyOf"], {"type": "null"}]}
    more = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return schema | {"type": [schema["type"], "null"]} | more
