"""The card of storybook: what the model can do and how it is offered. It loads no weights and no torch."""

import json
from pathlib import Path
from typing import Any

from limner.engines.card import ModelCard, Preset
from limner.engines.registry import Registration

_TRAINED = Path(__file__).parent.parent / "weights" / "storybook.json"

ALIASES = (
    "gpt-image-1-5",
    "gpt-image-1.5",
    "gpt-image-1.5-2025-12-16",
    "gpt-image-1",
    "gpt-image-1-mini",
    "gpt-image-2",
    "gpt-image-2-2026-04-21",
    "gpt-image-2.5-sunburst",
    "gpt-image-2.5-sunburst-2026-09-08",
    "gpt-image-2.5-flare",
    "gpt-image-2.5-flare-2026-09-08",
    "gpt-image-2.6-sunburst",
    "gpt-image-2.6-flare",
    "chatgpt-image-latest",
    "dall-e-2",
    "dall-e-3",
)

SUMMARY = "A small diffusion model that draws a picture-book world: ten kinds of things in ten colours."
DESCRIPTION = """\
storybook is Limner's own rectified-flow model. It ships with the server, needs no GPU and no download, and was \
trained only on pictures that this project drew itself. Its world is small: ox, dog, cat, bird, tree, house, car, \
boat, ball and cube; ten colours; left, centre or right; small or large; in a field, on a road, on a beach, in snow or \
on water; by day, at sunset or at night; in clear weather, snow or rain. Words beyond that world change little, and \
come back in `warnings`. It also answers to the ids of OpenAI's image models, so that programs written for those run \
unchanged; it is not one of them and does not draw like them."""


def _field(order: int, type: str, description: str, render: str, **more: Any) -> dict[str, Any]:
    return {"type": type, "description": description, "x-order": order, "renderType": render, **more}


def _request_schema(max_steps: int, max_prompt_characters: int, max_references: int) -> dict[str, Any]:
    """The parameters of a request for a form: which exist, what they accept, and in which order they are shown."""
    text_to_choose = {"render": "select", "type": "string"}
    properties = {
        "prompt": _field(
            0,
            "string",
            "What to draw, in plain English; with an input image, what the result should show. "
            "`@Image1` names the input image.",
            "textarea",
            minLength=1,
            maxLength=max_prompt_characters,
        ),
        "input_image": {
            "description": "The picture to start from: a `data:image/...;base64,` URI or the URL of a file on this "
            "server. PNG, JPEG or WebP.",
            "anyOf": [
                {"type": "string"},
                {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": max_references},
            ],
            "x-order": 1,
            "renderType": "image",
        },
        "size": _field(
            2,
            description="The size of the result. `auto` takes the shape nearest to the input image, else the square.",
            **text_to_choose,
            default="auto",
            enum=["auto", "square", "landscape", "portrait", "1024x1024", "1536x1024", "1024x1536"],
        ),
        "quality": _field(
            3,
            description="How many steps are taken: more take longer and draw cleaner. `auto` is medium.",
            **text_to_choose,
            default="auto",
            enum=["auto", "low", "medium", "high"],
        ),
        "background": _field(
            4,
            description="`transparent` cuts the picture out (PNG and WebP only); `auto` does so when the prompt asks "
            "for a transparent background.",
            **text_to_choose,
            default="auto",
            enum=["auto", "transparent", "opaque"],
        ),
        "output_format": _field(
            5, description="The file format.", **text_to_choose, default="png", enum=["png", "jpeg", "webp"]
        ),
        "input_fidelity": _field(
            6,
            description="How closely the input image is kept; without one it changes nothing.",
            **text_to_choose,
            default="low",
            enum=["low", "high"],
        ),
        "aspect_ratio": _field(
            7, "string", "WIDTH:HEIGHT, such as 16:9: the nearest size is taken. Not together with `size`.", "text",
            pattern="^[0-9]{1,4}:[0-9]{1,4}$",
        ),
        "num_inference_steps": _field(
            8, "integer", "How many steps, in place of those of `quality`.", "number", minimum=1, maximum=max_steps
        ),
        "seed": _field(
            9, "integer", "The same request with the same seed gives the same picture; without one a seed is drawn.",
            "number", minimum=0, maximum=2**32 - 1,
        ),
        "negative_prompt": _field(
            10, "string", "What the picture should not show.", "textarea", default="", maxLength=max_prompt_characters
        ),
        "output_compression": _field(
            11, "integer", "Quality of JPEG and WebP; 100 makes WebP lossless. Not for PNG.", "number",
            minimum=0, maximum=100,
        ),
        "response_format": _field(
            12, description="A link that expires, or the file itself as base64.", **text_to_choose, default="url",
            enum=["url", "b64_json"],
        ),
    }  # fmt: skip
    return {
        "type": "object",
        "properties": properties,
        "required": ["prompt"],
        "basic": ["prompt", "input_image", "size", "quality", "background", "output_format"],
    }


def _read_trained() -> dict[str, Any]:
    """What the training wrote beside the weights: vocabulary, parameters, trained_at, config."""
    trained: dict[str, Any] = json.loads(_TRAINED.read_text()) if _TRAINED.exists() else {}
    return trained


def _make_card() -> ModelCard:
    trained = _read_trained()
    vocabulary = trained.get("vocabulary")
    max_steps, max_prompt_characters, max_references = 50, 4_000, 1
    return ModelCard(
        id="storybook",
        aliases=ALIASES,
        display_name="storybook",
        summary=SUMMARY,
        description=DESCRIPTION,
        developer="Limner",
        released_at=trained.get("trained_at", "2026-11-22"),
        parameters=trained.get("parameters", 0),
        sizes=((1024, 1024), (1536, 1024), (1024, 1536)),
        presets={
            "low": Preset(steps=6, guidance=3.0),
            "medium": Preset(steps=14, guidance=3.0),
            "high": Preset(steps=28, guidance=3.0),
        },
        max_steps=max_steps,
        max_references=max_references,
        max_prompt_characters=max_prompt_characters,
        transparent=True,
        transparent_words=(
            "transparent background",
            "transparent backdrop",
            "no background",
            "without background",
            "without a background",
            "cut out",
            "cutout",
            "isolated",
        ),
        masks=False,
        batch_key_fields=("card", "width", "height", "steps", "guidance", "background", "input_fidelity", "inputs"),
        vocabulary=frozenset(vocabulary) if vocabulary else None,
        request_schema=_request_schema(max_steps, max_prompt_characters, max_references),
    )


registration = Registration(card=_make_card(), engine="limner.engines.storybook:StorybookEngine")
