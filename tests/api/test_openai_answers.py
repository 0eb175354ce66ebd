"""Tokens are counted by the published table, and values are shown as they were used."""

import pytest

from limner.api.openai_answers import count_tokens, show_values
from limner.engines.plan import plan
from limner.engines.registry import resolve
from limner.wire import ImageRequest

TABLE = {
    ("low", "1024x1024"): 272, ("low", "1024x1536"): 408, ("low", "1536x1024"): 400,
    ("medium", "1024x1024"): 1056, ("medium", "1024x1536"): 1584, ("medium", "1536x1024"): 1568,
    ("high", "1024x1024"): 4160, ("high", "1024x1536"): 6240, ("high", "1536x1024"): 6208,
}  # fmt: skip


def a_request(**fields: object) -> ImageRequest:
    """A request for *tiny*."""
    given: dict[str, object] = {"namespace": "local", "model": "tiny", "prompt": "an ox"}
    return ImageRequest.model_validate(given | fields)


@pytest.mark.parametrize(("quality", "size"), TABLE)
def test_a_picture_costs_what_the_table_says(quality: str, size: str) -> None:
    request = a_request(quality=quality, size=size, n=3)
    plans = plan(request, resolve("tiny"), seed=1)
    usage = count_tokens(request, plans)
    assert usage["output_tokens"] == 3 * TABLE[quality, size]
    assert usage["input_tokens"] == usage["input_tokens_details"]["text_tokens"] == 2
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert count_tokens(request, plans, partial_images=2)["output_tokens"] == usage["output_tokens"] + 200


@pytest.mark.parametrize(
    ("sizes", "fidelity", "tokens"),
    [
        ([(512, 512)], "low", 65 + 129),
        ([(1024, 1024), (2048, 1024)], "low", 65 + 129 + 65 + 2 * 129),
        ([(1024, 1024)], "high", 65 + 129 + 4160),
        ([(1024, 1536)], "high", 65 + 2 * 129 + 6240),
    ],
)
def test_an_input_is_counted_in_tiles(sizes: list[tuple[int, int]], fidelity: str, tokens: int) -> None:
    request = a_request(inputs=["d"] * len(sizes), input_sizes=sizes, input_fidelity=fidelity)
    usage = count_tokens(request, plan(request, resolve("tiny"), seed=1))
    assert usage["input_tokens_details"] == {"text_tokens": 2, "image_tokens": tokens}


def test_no_value_is_left_to_be_chosen() -> None:
    shown = show_values(plan(a_request(), resolve("tiny"), seed=1)[0])
    assert shown == {"background": "opaque", "output_format": "png", "quality": "medium", "size": "1024x1024"}
