"""Storybook's card: the form that clients are shown says what the planner does."""

from typing import Any

import pytest

from limner.engines import registry
from limner.engines.plan import plan
from limner.errors import InvalidRequest
from limner.wire import ImageRequest

CARD = registry.resolve("storybook")
FIELDS: dict[str, dict[str, Any]] = CARD.request_schema["properties"]


def accepts(**more: Any) -> bool:
    try:
        plan(ImageRequest(**({"namespace": "local", "model": "storybook", "prompt": "an ox"} | more)), CARD, 1)
    except InvalidRequest:
        return False
    return True


def test_every_choice_of_the_form_is_accepted_and_no_other() -> None:
    for name, field in FIELDS.items():
        if "enum" in field and name != "response_format":
            assert all(accepts(**{name: choice}) for choice in field["enum"]), name
            assert not accepts(**{name: "something else"})
            assert field["default"] in field["enum"]


@pytest.mark.parametrize("name", ["num_inference_steps", "seed", "output_compression"])
def test_every_range_of_the_form_is_the_planners(name: str) -> None:
    more = {"output_format": "webp"} if name == "output_compression" else {}
    low, high = FIELDS[name]["minimum"], FIELDS[name]["maximum"]
    assert accepts(**{name: low}, **more)
    assert accepts(**{name: high}, **more)
    assert not accepts(**{name: low - 1}, **more)
    assert not accepts(**{name: high + 1}, **more)


@pytest.mark.parametrize("name", ["prompt", "negative_prompt"])
def test_the_longest_text_of_the_form_is_the_planners(name: str) -> None:
    assert accepts(**{name: "x" * FIELDS[name]["maxLength"]})
    assert not accepts(**{name: "x" * (FIELDS[name]["maxLength"] + 1)})


def test_the_form_is_whole_and_in_order() -> None:
    assert [field["x-order"] for field in FIELDS.values()] == list(range(len(FIELDS)))
    assert all(field["description"] and field["renderType"] for field in FIELDS.values())
    assert all("type" in field or "anyOf" in field for field in FIELDS.values())
    assert CARD.request_schema["required"] == ["prompt"]
    assert set(CARD.request_schema["basic"]) <= set(FIELDS)
    assert FIELDS["input_image"]["anyOf"][1]["maxItems"] == CARD.max_references


def test_more_quality_takes_more_steps() -> None:
    steps = [CARD.presets[quality].steps for quality in ("low", "medium", "high")]
    assert steps == sorted(set(steps))
    assert steps[-1] <= CARD.max_steps


def test_the_description_claims_no_kinship() -> None:
    assert "is not one of them" in CARD.description
    assert "storybook" not in CARD.aliases
