"""The *tiny* model's card: light to import, as the registry wants it. The engine is in `limner_tiny.engine`."""

from limner.engines.card import ModelCard, Preset
from limner.engines.registry import Registration

CARD = ModelCard(
    id="tiny",
    display_name="Tiny",
    summary="Stripes for tests.",
    description="Draws coloured stripes from the seed; the prompt says how long it takes and how it fails.",
    developer="Limner",
    released_at="2026-11-22",
    parameters=1,
    sizes=((1024, 1024), (1536, 1024), (1024, 1536), (64, 64), (96, 64), (64, 96)),
    presets={
        "low": Preset(steps=2, guidance=1.0),
        "medium": Preset(steps=4, guidance=1.0),
        "high": Preset(steps=8, guidance=1.0),
    },
    max_steps=1000,
    max_references=16,
    max_prompt_characters=32_000,
    max_n=10,
    transparent=True,
    transparent_words=("transparent background", "sticker"),
    masks=True,
    batch_key_fields=("card", "width", "height"),
    request_schema={
        "type": "object",
        "required": ["model", "prompt"],
        "basic": ["model", "prompt", "size", "quality"],
        "properties": {
            "model": {"type": "string"},
            "prompt": {"type": "string", "maxLength": 32_000},
            "size": {
                "type": "string",
                "default": "auto",
                "enum": ["auto", "square", "landscape", "portrait", "64x64", "96x64", "64x96"],
            },
            "input_image": {
                "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "maxItems": 16}],
            },
            "mask": {"type": "string"},
            "quality": {"type": "string", "default": "auto", "enum": ["auto", "low", "medium", "high"]},
            "background": {"type": "string", "default": "auto", "enum": ["auto", "transparent", "opaque"]},
            "output_format": {"type": "string", "default": "png", "enum": ["png", "jpeg", "webp"]},
            "aspect_ratio": {"type": "string", "description": "WIDTH:HEIGHT. Not together with `size`."},
            "num_inference_steps": {"type": "integer", "minimum": 1, "maximum": 1000},
            "seed": {"type": "integer", "minimum": 0, "maximum": 4294967295},
            "negative_prompt": {"type": "string", "default": "", "renderType": "textarea"},
        },
    },
)

registration = Registration(card=CARD, engine="limner_tiny.engine:TinyEngine")
