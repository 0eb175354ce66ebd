"""The fields of OpenAI's image requests, from JSON or from a form: checked, and faulted in the documented words.

It knows names, types and words; what the model cannot do (a mask, a transparent JPEG) is for `engines.plan` to say.
Whatever is taken without changing anything is named in `warnings`. It reads no images.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from limner.api.constraints import RESPONSE_FORMATS
from limner.api.openai_errors import USER_ERROR, Refusal
from limner.engines.card import ModelCard
from limner.engines.plan import MAX_PARTIAL_IMAGES, MAX_SEED
from limner.engines.registry import resolve
from limner.errors import NotFound

DEFAULT_MODEL = "gpt-image-1.5"
MAX_PROMPT = 32_000
MAX_N = 10
QUALITIES = ("low", "medium", "high", "auto")
OTHER_QUALITIES = {"standard": "medium", "hd": "high", "xhigh": "high", "max": "high"}
OTHER_SIZES = ("256x256", "512x512", "1792x1024", "1024x1792")
"""Sizes of older models, which clients still send; the nearest size that the model makes stands for them."""
IDLE = {
    "moderation": ("auto", "low"),
    "style": ("vivid", "natural"),
    "complexity": ("low", "medium", "high"),
}
"""Fields of fixed words that change nothing here."""
ANIMATION = {"frame_count": "gif", "frame_duration_ms": "gif", "svg": "svg"}
"""Fields that belong to formats which are not made here."""
EXTENSIONS = ("seed", "num_inference_steps", "negative_prompt")
LENIENT = (*EXTENSIONS, "response_format", "style", "complexity")
"""Fields that OpenAI refuses and this server takes, unless it is strict."""
COMMON = (
    "prompt", "model", "n", "size", "quality", "background", "output_format", "output_compression", "moderation",
    "stream", "partial_images", "user", "safety_identifier", *ANIMATION,
)  # fmt: skip
INTEGER = re.compile(r"[+-]?[0-9]{1,15}")
KINDS = {
    type(None): "null",
    bool: "a boolean",
    int: "an integer",
    float: "a decimal number",
    str: "a string",
    list: "an array",
    dict: "an object",
}


@dataclass(frozen=True)
class Asked:
    """One request, checked; whatever has the name of a field of ImageRequest is in `passed_on`."""

    card: ModelCard
    passed_on: dict[str, Any]
    stream: bool
    as_url: bool
    """Whether links are wanted in place of base64."""
    safety_identifier: str | None
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Fields:
    """The values of one body; `form` if all of them are text, `edit` for the fields of an edit."""

    given: Mapping[str, Any]
    form: bool
    edit: bool
    strict: bool

    def read(self, fault: Refusal | None = None) -> Asked:
        """Check everything, in the order in which OpenAI does; `fault` is what is wrong with the images, if anything.

        Refusal names the first field that is wrong.
        """
        self._refuse_unknown()
        passed_on: dict[str, Any] = {"prompt": self._prompt()}
        if fault is not None:
            raise fault
        warnings: list[str] = []
        passed_on["n"] = self.integer("n", 1, MAX_N)
        passed_on["model"], card = self._model()
        passed_on["quality"] = self._quality(warnings)
        passed_on |= self._size(card, warnings)
        passed_on["background"] = self.word("background", ("transparent", "opaque", "auto"))
        passed_on["output_format"] = self.word("output_format", ("png", "jpeg", "webp"))
        passed_on["input_fidelity"] = self.word("input_fidelity", ("high", "low"))
        passed_on["output_compression"] = self._compression(passed_on["output_format"])
        passed_on["seed"] = self.integer("seed", 0, MAX_SEED)
        passed_on["num_inference_steps"] = self.integer("num_inference_steps", 1, card.max_steps)
        passed_on["negative_prompt"] = self.text("negative_prompt")
        stream = self.flag("stream")
        partial_images = self.integer("partial_images", 0, MAX_PARTIAL_IMAGES) or 0
        if stream:
            passed_on["partial_images"] = partial_images
        elif partial_images:
            warnings.append("partial_images changes nothing without stream=true.")
        self._read_idle(warnings)
        return Asked(
            card=card,
            passed_on={name: value for name, value in passed_on.items() if value is not None},
            stream=stream,
            as_url=self._wants_url(stream=stream),
            safety_identifier=self.text("safety_identifier") or self.text("user") or None,
            warnings=warnings,
        )

    def text(self, name: str) -> str | None:
        """The string of a field, None if it is absent or null."""
        value = self.given.get(name)
        if value is not None and not isinstance(value, str):
            raise wrong_type(name, "a string", kind_of(value))
        return value

    def integer(self, name: str, least: int, most: int) -> int | None:
        """The integer of a field, None if it is absent or null."""
        value = self.given.get(name)
        if value is None:
            return None
        if self.form and isinstance(value, str):
            if INTEGER.fullmatch(value) is None:
                raise wrong_type(name, "an integer", "a string value that could not be converted into an integer")
            value = int(value)
        if type(value) is not int:
            raise wrong_type(name, "an integer", kind_of(value))
        if value < least:
            raise Refusal(
                f"Invalid '{name}': integer below minimum value. Expected a value >= {least}, but got {value} instead.",
                field=name,
                reason="integer_below_min_value",
            )
        if value > most:
            raise Refusal(
                f"Invalid '{name}': integer above maximum value. Expected a value <= {most}, but got {value} instead.",
                field=name,
                reason="integer_above_max_value",
            )
        return value

    def flag(self, name: str) -> bool:
        """Whether a field is true; absent and null are not."""
        value = self.given.get(name)
        if self.form and isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        if value is not None and not isinstance(value, bool):
            raise wrong_type(name, "a boolean", kind_of(value))
        return bool(value)

    def word(self, name: str, allowed: Sequence[str]) -> str | None:
        """The word of a field, which must be one of `allowed`; None if it is absent or null."""
        value = self.text(name)
        if value is not None and value not in allowed:
            raise _unsupported(name, value, allowed)
        return value

    def _refuse_unknown(self) -> None:
        allowed = (*COMMON, *(() if self.strict else LENIENT), *(("input_fidelity",) if self.edit else ()))
        for name in self.given:
            if name not in allowed:
                raise Refusal(f"Unknown parameter: '{name[:80]}'.", field=name[:80], reason="unknown_parameter")

    def _prompt(self) -> str:
        if "prompt" not in self.given:
            raise missing("prompt")
        prompt = self.text("prompt")
        if prompt is None:
            raise wrong_type("prompt", "a string", "null")
        if not prompt:
            raise Refusal(
                "Invalid 'prompt': empty string. Expected a string with minimum length 1, but got an empty string "
                "instead.",
                field="prompt",
                reason="empty_string",
            )
        if len(prompt) > MAX_PROMPT:
            raise Refusal(
                f"Invalid 'prompt': string too long. Expected a string with maximum length {MAX_PROMPT}, but got a "
                f"string with length {len(prompt)} instead.",
                field="prompt",
                reason="string_above_max_length",
            )
        return prompt

    def _model(self) -> tuple[str, ModelCard]:
        model = self.text("model")
        if model is None and self.strict:
            raise wrong_type("model", "a string", "null") if "model" in self.given else missing("model")
        name = DEFAULT_MODEL if model is None else model
        try:
            return name, resolve(name)
        except NotFound:
            raise Refusal(
                f"The model '{name[:200]}' does not exist.", field="model", reason="invalid_value", kind=USER_ERROR
            ) from None

    def _quality(self, warnings: list[str]) -> str | None:
        quality = self.text("quality")
        if quality in OTHER_QUALITIES and not self.strict:
            if quality in ("xhigh", "max"):
                warnings.append(f"quality={quality} is more than there is here: it is made like high.")
            return OTHER_QUALITIES[quality]
        return self.word("quality", QUALITIES)

    def _size(self, card: ModelCard, warnings: list[str]) -> dict[str, str | None]:
        size = self.text("size")
        made = [f"{width}x{height}" for width, height in card.sizes]
        if size in OTHER_SIZES and size not in made and not self.strict:
            warnings.append(f"size={size} is not made by {card.id}: the picture has the nearest size.")
            return {"aspect_ratio": size.replace("x", ":")}
        return {"size": self.word("size", (*made, "auto"))}

    def _compression(self, output_format: str | None) -> int | None:
        compression = self.integer("output_compression", 0, 100)
        if output_format in ("jpeg", "webp"):
            return 100 if compression is None else compression
        if compression is not None and compression < 100:
            raise Refusal(
                "output_compression is for jpeg and webp: png keeps every pixel and can only be 100.",
                field="output_compression",
                reason="invalid_png_output_compression",
            )
        return None

    def _wants_url(self, *, stream: bool) -> bool:
        wanted = self.word("response_format", RESPONSE_FORMATS)
        if wanted == "url" and stream:
            raise Refusal(
                "response_format=url cannot be streamed: every event holds its picture as base64.",
                field="response_format",
                reason="invalid_value",
            )
        return wanted == "url"

    def _read_idle(self, warnings: list[str]) -> None:
        for name, allowed in IDLE.items():
            if self.word(name, allowed) is not None:
                warnings.append(f"{name} changes nothing here.")
        if self.text("user"):
            warnings.append("user changes nothing here.")
        for name, output_format in ANIMATION.items():
            if self.given.get(name) is not None:
                raise Refusal(
                    f"{name} is for output_format={output_format}, which is not made here.",
                    field=name,
                    reason="invalid_value",
                )


def missing(name: str) -> Refusal:
    """A required field is not there."""
    return Refusal(f"Missing required parameter: '{name}'.", field=name, reason="missing_required_parameter")


def wrong_type(name: str, expected: str, found: str) -> Refusal:
    """A field is of another type than it should be."""
    return Refusal(
        f"Invalid type for '{name}': expected {expected}, but got {found} instead.", field=name, reason="invalid_type"
    )


def kind_of(value: Any) -> str:
    """What a JSON value is, in words."""
    return KINDS[type(value)]


def _unsupported(name: str, value: str, allowed: Sequence[str]) -> Refusal:
    *most, last = [f"'{word}'" for word in allowed]
    return Refusal(
        f"Invalid value: '{value[:200]}'. Supported values are: {', '.join(most)}{',' * (len(most) > 1)} and {last}.",
        field=name,
        reason="invalid_value",
    )
