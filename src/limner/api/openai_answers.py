"""What OpenAI's clients read of finished pictures: the concrete values, base64, and the tokens they would have cost.

Tokens are counted by OpenAI's published table, so that programs which add them up keep working; nothing is charged.
"""

import math
from collections.abc import Sequence
from typing import Any

from limner.wire import Generation, ImageRequest, Plan

PIXELS_PER_TOKEN = {"low": 64, "medium": 32, "high": 16}
"""Side of the square that one token stands for. Each row of squares has one token more, for its end."""
PARTIAL_TOKENS = 100
"""For each partial image that was sent."""
INPUT_BASE = 65
INPUT_TILE = 129
TILE_PIXELS = 512
FAITHFUL_SQUARE = 4160
FAITHFUL_OTHER = 6240
BYTES_PER_TOKEN = 4
"""UTF-8 bytes of a prompt that count as one token: the usual estimate for English, since there is no tokenizer."""


def show_values(plan: Plan) -> dict[str, str]:
    """The concrete values that a picture was made with, never `auto`."""
    return {
        "background": plan.background,
        "output_format": plan.output_format,
        "quality": plan.quality,
        "size": f"{plan.width}x{plan.height}",
    }


def count_tokens(request: ImageRequest, plans: Sequence[Plan], partial_images: int = 0) -> dict[str, Any]:
    """The `usage` of pictures of one request: every picture, every partial image, and its words and inputs once.

    These count with the first picture; where pictures are answered one by one, the others have none.
    """
    if plans[0].image_index > 0:
        request = request.model_copy(update={"prompt": "", "input_sizes": ()})
    text = math.ceil(len(request.prompt.encode()) / BYTES_PER_TOKEN)
    images = sum(_count_input(*size, faithful=plans[0].input_fidelity == "high") for size in request.input_sizes)
    made = sum(_count_picture(plan) for plan in plans) + PARTIAL_TOKENS * partial_images
    return {
        "total_tokens": text + images + made,
        "input_tokens": text + images,
        "output_tokens": made,
        "input_tokens_details": {"text_tokens": text, "image_tokens": images},
        "output_tokens_details": {"image_tokens": made, "text_tokens": 0},
    }


def gather_warnings(asked: Sequence[str], generations: Sequence[Generation]) -> list[str]:
    """Every warning once: of the request's form, then of each picture."""
    return list(dict.fromkeys([*asked, *(warning for one in generations for warning in one.warnings)]))


def _count_picture(plan: Plan) -> int:
    side = PIXELS_PER_TOKEN[plan.quality]
    return math.ceil(plan.height / side) * (math.ceil(plan.width / side) + 1)


def _count_input(width: int, height: int, *, faithful: bool) -> int:
    scale = TILE_PIXELS / min(width, height)
    tiles = math.ceil(width * scale / TILE_PIXELS) * math.ceil(height * scale / TILE_PIXELS)
    extra = FAITHFUL_SQUARE if width == height else FAITHFUL_OTHER
    return INPUT_BASE + INPUT_TILE * tiles + (extra if faithful else 0)
