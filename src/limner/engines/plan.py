"""ImageRequest + ModelCard + seed -> Plans, or an error that names the field. Pure: it reads no clock, file or setting.

Every `auto` is made concrete here, and validation ends here: what is queued can be run.
"""

import hashlib
import json
import math
import re
import unicodedata
from typing import Any, Final, Literal, get_args

from limner.engines import words
from limner.engines.card import ModelCard
from limner.errors import InvalidRequest
from limner.wire import Background, Fidelity, ImageRequest, OutputFormat, Plan, Quality

MAX_SEED: Final = 2**32 - 1
MAX_PARTIAL_IMAGES: Final = 3
MAX_PRIORITY: Final = 10
MAX_CANCEL_AFTER_SECONDS: Final = 7 * 24 * 3600
_SHAPES: Final = ("square", "landscape", "portrait")
_RATIO = re.compile(r"([0-9]{1,4}):([0-9]{1,4})")


def plan(request: ImageRequest, card: ModelCard, seed: int) -> list[Plan]:
    """One Plan per image of the request; `seed` is taken where the request names none. InvalidRequest otherwise."""
    _check_text(request, card)
    _check_inputs(request, card)
    _check_range(request.n, "n", 1, card.max_n)
    _check_range(request.seed or 0, "seed", 0, MAX_SEED)
    _check_range(request.partial_images, "partial_images", 0, MAX_PARTIAL_IMAGES)
    _check_range(request.priority, "priority", -MAX_PRIORITY, MAX_PRIORITY)
    _check_deadline(request)
    width, height = _choose_size(request, card)
    quality: Quality = "medium" if request.quality == "auto" else _one_of("quality", request.quality, Quality, "auto")
    preset = card.presets[quality]
    steps = preset.steps if request.num_inference_steps is None else request.num_inference_steps
    _check_range(steps, "num_inference_steps", 1, card.max_steps)
    output_format: OutputFormat = _one_of("output_format", request.output_format, OutputFormat)
    _check_compression(request)
    fidelity: Fidelity = _one_of("input_fidelity", request.input_fidelity, Fidelity)
    background = _choose_background(request, card)
    settled: dict[str, Any] = {
        "card": card.id,
        "prompt": request.prompt,
        "negative_prompt": request.negative_prompt,
        "inputs": request.inputs,
        "mask": request.mask,
        "width": width,
        "height": height,
        "steps": steps,
        "guidance": preset.guidance,
        "quality": quality,
        "input_fidelity": fidelity,
        "background": background,
        "output_format": output_format,
        "output_compression": request.output_compression,
        "partial_images": request.partial_images,
    }
    guided = preset.guidance > 1 and steps >= card.min_guided_steps
    first_seed = seed if request.seed is None else request.seed
    return [
        Plan(
            **settled,
            seed=(first_seed + index) % (MAX_SEED + 1),
            image_index=index,
            batch_key=_batch_key(settled, card),
            cost=width * height / 1_000_000 * steps,
            warnings=_warnings(request, card, background, guided=guided),
        )
        for index in range(request.n)
    ]


def preview_steps(plan: Plan) -> set[int]:
    """After which steps (from 1) a partial image is shown: evenly, never after the last; fewer where steps are few."""
    wanted = {round(plan.steps * i / (plan.partial_images + 1)) for i in range(1, plan.partial_images + 1)}
    return wanted & set(range(1, plan.steps))


def _check_range(value: int, field: str, least: int, most: int) -> None:
    if not least <= value <= most:
        raise InvalidRequest(f"{field} must be an integer between {least} and {most}", field=field)


def _one_of(field: str, value: str, choices: Any, *also: str) -> Any:
    names = get_args(choices)
    if value not in names:
        raise InvalidRequest(f"{field} must be one of {', '.join((*also, *names))}", field=field)
    return value


def _check_text(request: ImageRequest, card: ModelCard) -> None:
    if not request.prompt.strip():
        raise InvalidRequest("Prompt cannot be empty", field="prompt")
    for field in ("prompt", "negative_prompt"):
        text: str = getattr(request, field)
        if len(text) > card.max_prompt_characters:
            raise InvalidRequest(
                f"{field} has {len(text)} characters; {card.id} takes at most {card.max_prompt_characters}", field=field
            )
        for position, character in enumerate(text):
            if unicodedata.category(character) in ("Cc", "Cs") and character not in "\t\n\r":
                raise InvalidRequest(
                    f"{field} holds the control character U+{ord(character):04X} at position {position}", field=field
                )


def _check_inputs(request: ImageRequest, card: ModelCard) -> None:
    count = len(request.inputs)
    if len(request.input_sizes) != count:
        raise ValueError("every input needs its size")
    if count > card.max_references:
        allowed = f"at most {card.max_references}" if card.max_references else "no"
        raise InvalidRequest(f"{card.id} takes {allowed} input images, not {count}", field="input_image")
    for reference in words.REFERENCE.finditer(request.prompt):
        if not 1 <= int(reference[1][:9]) <= count:
            given = {0: "no input image is given", 1: "only @Image1 is given", 2: "only @Image1 and @Image2 are given"}
            have = given.get(count, f"only @Image1 to @Image{count} are given")
            raise InvalidRequest(f"the prompt names {reference[0][:20]}, but {have}", field="prompt")
    if request.mask is not None:
        _check_mask(request, card)


def _check_mask(request: ImageRequest, card: ModelCard) -> None:
    if request.mask_size is None:
        raise ValueError("a mask needs its size")
    if not card.masks:
        raise InvalidRequest(f"{card.id} takes no mask", field="mask")
    if not request.inputs:
        raise InvalidRequest("mask needs an input image", field="mask")
    if request.mask_size != request.input_sizes[0]:
        sizes = [f"{width}x{height}" for width, height in (request.mask_size, request.input_sizes[0])]
        raise InvalidRequest(f"mask is {sizes[0]}; it must have the size of the first input, {sizes[1]}", field="mask")


def _choose_size(request: ImageRequest, card: ModelCard) -> tuple[int, int]:
    if request.aspect_ratio is not None:
        if request.size != "auto":
            raise InvalidRequest("give either aspect_ratio or size, not both", field="aspect_ratio")
        ratio = _RATIO.fullmatch(request.aspect_ratio)
        if ratio is None or not int(ratio[1]) or not int(ratio[2]):
            raise InvalidRequest("aspect_ratio must be WIDTH:HEIGHT, such as 16:9", field="aspect_ratio")
        return _nearest(card, int(ratio[1]), int(ratio[2]))
    if request.size == "auto":
        width, height = request.input_sizes[0] if request.input_sizes else (1, 1)
        return _nearest(card, width, height)
    for width, height in card.sizes:
        if request.size in (f"{width}x{height}", _shape(width, height)):
            return width, height
    names = [name for name in _SHAPES if any(_shape(*size) == name for size in card.sizes)]
    exact = [f"{width}x{height}" for width, height in card.sizes]
    raise InvalidRequest(f"size must be one of {', '.join(['auto', *names, *exact])}", field="size")


def _shape(width: int, height: int) -> Literal["square", "landscape", "portrait"]:
    return "square" if width == height else "landscape" if width > height else "portrait"


def _nearest(card: ModelCard, width: int, height: int) -> tuple[int, int]:
    """The card's size whose ratio of sides is nearest by factor; the earlier one, if two are as near."""
    return min(card.sizes, key=lambda size: round(abs(math.log(size[0] / size[1]) - math.log(width / height)), 9))


def _check_compression(request: ImageRequest) -> None:
    if request.output_compression is None:
        return
    if request.output_format == "png":
        raise InvalidRequest("output_compression is for jpeg and webp, not for png", field="output_compression")
    _check_range(request.output_compression, "output_compression", 0, 100)


def _check_deadline(request: ImageRequest) -> None:
    seconds = request.cancel_after_seconds
    if seconds is not None and not 0 < seconds <= MAX_CANCEL_AFTER_SECONDS:
        raise InvalidRequest(
            f"cancel_after_seconds must be a number above 0 and at most {MAX_CANCEL_AFTER_SECONDS}",
            field="cancel_after_seconds",
        )


def _choose_background(request: ImageRequest, card: ModelCard) -> Background:
    if request.background == "auto":
        wanted = card.transparent and request.output_format != "jpeg" and _asks_for_transparency(request.prompt, card)
        return "transparent" if wanted else "opaque"
    background: Background = _one_of("background", request.background, Background, "auto")
    if background == "transparent" and request.output_format == "jpeg":
        raise InvalidRequest(
            "background=transparent needs output_format=png or webp: jpeg holds no transparency", field="background"
        )
    if background == "transparent" and not card.transparent:
        raise InvalidRequest(f"{card.id} makes no transparent backgrounds", field="background")
    return background


def _asks_for_transparency(prompt: str, card: ModelCard) -> bool:
    said = f" {' '.join(words.split(prompt))} "
    return any(f" {' '.join(words.split(phrase))} " in said for phrase in card.transparent_words)


def _warnings(request: ImageRequest, card: ModelCard, background: Background, *, guided: bool) -> tuple[str, ...]:
    found = [*words.warn("prompt", request.prompt, card), *words.warn("negative_prompt", request.negative_prompt, card)]
    if request.input_fidelity == "high" and not request.inputs:
        found.append("input_fidelity changes nothing without an input image")
    if request.negative_prompt and not guided:
        found.append("negative_prompt changes nothing at this quality or with so few steps, which use no guidance")
    if background == "opaque" and request.output_format == "jpeg" and _asks_for_transparency(request.prompt, card):
        found.append("the prompt asks for a transparent background, which jpeg cannot hold; png and webp can")
    return tuple(found)


def _batch_key(settled: dict[str, Any], card: ModelCard) -> str:
    """A short hash of the card and of the fields that generations of one forward pass must share."""
    shared = [card.id, *(settled[field] for field in card.batch_key_fields)]
    return hashlib.sha256(json.dumps(shared).encode()).hexdigest()[:16]
