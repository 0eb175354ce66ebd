"""The fields of OpenAI's image requests: what passes, what is refused in which words, and what changes nothing."""

from typing import Any

import pytest

from limner.api.openai_errors import Refusal
from limner.api.openai_fields import COMMON, LENIENT, Asked, Fields

OX: dict[str, Any] = {"prompt": "an ox", "model": "tiny"}


def read(given: dict[str, Any], *, form: bool = False, edit: bool = False, strict: bool = False) -> Asked:
    """A body, checked."""
    return Fields(OX | given, form=form, edit=edit, strict=strict).read()


def refuse(given: dict[str, Any], *, form: bool = False, strict: bool = False) -> tuple[str | None, str | None]:
    """The `param` and the `code` of what refuses a body."""
    with pytest.raises(Refusal) as caught:
        read(given, form=form, strict=strict)
    return caught.value.field, caught.value.reason


def test_null_is_the_same_as_not_given() -> None:
    names = (*COMMON, *LENIENT)
    nothing = {name: None for name in names if name not in ("prompt", "model")}
    assert read(nothing) == read({})
    assert read({"input_fidelity": None}, edit=True) == read({})


def test_no_model_is_the_default_unless_strict() -> None:
    assert Fields({"prompt": "x"}, form=False, edit=False, strict=False).read().card.id == "storybook"
    assert read({"model": None}).passed_on["model"] == "gpt-image-1.5"
    assert refuse({"model": None}, strict=True) == ("model", "invalid_type")
    with pytest.raises(Refusal, match="Missing required parameter: 'model'"):
        Fields({"prompt": "x"}, form=False, edit=False, strict=True).read()


ALIASES = (
    "gpt-image-1", "gpt-image-1-mini", "gpt-image-1.5", "gpt-image-1.5-2025-12-16", "chatgpt-image-latest",
    "gpt-image-2", "gpt-image-2-2026-04-21", "gpt-image-2.5-sunburst", "gpt-image-2.5-flare",
    "gpt-image-2.6-sunburst", "gpt-image-2.6-flare", "dall-e-2", "dall-e-3",
)  # fmt: skip


@pytest.mark.parametrize("model", ALIASES)
def test_every_image_model_of_openai_is_answered(model: str) -> None:
    asked = read({"model": model})
    assert (asked.card.id, asked.passed_on["model"]) == ("storybook", model)


@pytest.mark.parametrize(
    ("values", "param", "code", "message"),
    [
        ({"prompt": None}, "prompt", "invalid_type", "expected a string, but got null"),
        ({"prompt": 7}, "prompt", "invalid_type", "expected a string, but got an integer"),
        ({"prompt": ""}, "prompt", "empty_string", "Invalid 'prompt': empty string."),
        ({"prompt": "a" * 32_001}, "prompt", "string_above_max_length", "length 32001 instead"),
        ({"n": 0}, "n", "integer_below_min_value", "Expected a value >= 1, but got 0 instead."),
        ({"n": -1}, "n", "integer_below_min_value", "but got -1 instead."),
        ({"n": 11}, "n", "integer_above_max_value", "Expected a value <= 10, but got 11 instead."),
        ({"n": "2"}, "n", "invalid_type", "expected an integer, but got a string instead."),
        ({"n": 1.5}, "n", "invalid_type", "expected an integer, but got a decimal number instead."),
        ({"n": True}, "n", "invalid_type", "expected an integer, but got a boolean instead."),
        ({"n": [1]}, "n", "invalid_type", "but got an array"),
        ({"n": {}}, "n", "invalid_type", "but got an object"),
        ({"partial_images": 4}, "partial_images", "integer_above_max_value", "<= 3"),
        ({"partial_images": -1}, "partial_images", "integer_below_min_value", ">= 0"),
        ({"output_compression": 101}, "output_compression", "integer_above_max_value", "<= 100"),
        ({"output_compression": -1}, "output_compression", "integer_below_min_value", ">= 0"),
        ({"output_compression": 50}, "output_compression", "invalid_png_output_compression", "100"),
        ({"quality": "ultra"}, "quality", "invalid_value", "'low', 'medium', 'high', and 'auto'."),
        ({"quality": ""}, "quality", "invalid_value", "Invalid value: ''."),
        ({"quality": 3}, "quality", "invalid_type", "a string"),
        ({"background": "red"}, "background", "invalid_value", "'transparent', 'opaque', and 'auto'."),
        ({"output_format": "jpg"}, "output_format", "invalid_value", "'png', 'jpeg', and 'webp'."),
        ({"output_format": "gif"}, "output_format", "invalid_value", "Invalid value: 'gif'."),
        ({"moderation": "none"}, "moderation", "invalid_value", "'auto' and 'low'."),
        ({"size": "9x9"}, "size", "invalid_value", "Invalid value: '9x9'."),
        ({"size": "square"}, "size", "invalid_value", "Invalid value: 'square'."),
        ({"stream": "true"}, "stream", "invalid_type", "expected a boolean, but got a string instead."),
        ({"user": 7}, "user", "invalid_type", "a string"),
        ({"style": "grim"}, "style", "invalid_value", "'vivid' and 'natural'."),
        ({"complexity": "none"}, "complexity", "invalid_value", "'low', 'medium', and 'high'."),
        ({"frame_count": 9}, "frame_count", "invalid_value", "output_format=gif"),
        ({"svg": {"model": "x"}}, "svg", "invalid_value", "output_format=svg"),
        ({"response_format": "jpeg"}, "response_format", "invalid_value", "'url' and 'b64_json'."),
        ({"response_format": "url", "stream": True}, "response_format", "invalid_value", "cannot be streamed"),
        ({"seed": -1}, "seed", "integer_below_min_value", ">= 0"),
        ({"num_inference_steps": 1001}, "num_inference_steps", "integer_above_max_value", "<= 1000"),
        ({"bogus": None}, "bogus", "unknown_parameter", "Unknown parameter: 'bogus'."),
        ({"input_fidelity": "high"}, "input_fidelity", "unknown_parameter", "'input_fidelity'"),
        ({"model": "no-such"}, "model", "invalid_value", "The model 'no-such' does not exist."),
        ({"model": 7}, "model", "invalid_type", "a string"),
    ],
)
def test_what_is_wrong_is_refused_in_the_documented_words(
    values: dict[str, Any], param: str, code: str, message: str
) -> None:
    with pytest.raises(Refusal) as caught:
        read(values)
    assert (caught.value.field, caught.value.reason) == (param, code)
    assert message in caught.value.message


def test_faults_are_told_in_the_order_of_the_original() -> None:
    fields = Fields({"prompt": "", "n": 0, "quality": "x", "bogus": 1}, form=False, edit=True, strict=False)
    fault = Refusal("no image", field="image", reason="missing_required_parameter")
    wrong: dict[str, Any] = dict(fields.given)
    for param, repair in (("bogus", None), ("prompt", "an ox"), ("image", None), ("n", 1), ("quality", "low")):
        with pytest.raises(Refusal) as caught:
            Fields(wrong, form=False, edit=True, strict=False).read(fault)
        assert caught.value.field == param
        if param == "image":
            fault = None  # type: ignore[assignment]
        elif param == "bogus":
            del wrong["bogus"]
        else:
            wrong[param] = repair
    Fields(wrong, form=False, edit=True, strict=False).read(fault)


def test_a_form_writes_numbers_and_flags_as_text() -> None:
    asked = read(
        {"n": "2", "stream": "true", "partial_images": "3", "output_compression": "0", "output_format": "webp"},
        form=True,
    )
    assert (asked.passed_on["n"], asked.stream, asked.passed_on["partial_images"]) == (2, True, 3)
    assert asked.passed_on["output_compression"] == 0
    assert not read({"stream": "False"}, form=True).stream
    for text in ("abc", "", "1.5"):
        assert refuse({"n": text}, form=True) == ("n", "invalid_type")
    assert refuse({"stream": "yes"}, form=True) == ("stream", "invalid_type")


def test_what_older_models_called_otherwise_is_translated() -> None:
    assert read({"quality": "standard"}).passed_on["quality"] == "medium"
    assert read({"quality": "hd"}).passed_on["quality"] == "high"
    assert read({"quality": "hd"}).warnings == []
    best = read({"quality": "max"})
    assert (best.passed_on["quality"], len(best.warnings)) == ("high", 1)
    old = read({"size": "1792x1024"})
    assert old.passed_on["aspect_ratio"] == "1792:1024"
    assert "size" not in old.passed_on
    assert "nearest size" in old.warnings[0]


def test_what_changes_nothing_is_named() -> None:
    idle = {"moderation": "low", "style": "vivid", "complexity": "high", "user": "me", "partial_images": 2}
    warnings = " ".join(read(idle).warnings)
    assert all(name in warnings for name in idle)
    assert read({"stream": True, "partial_images": 2}).warnings == []


def test_the_safety_identifier_wins_over_the_user() -> None:
    assert read({"user": "u", "safety_identifier": "s"}).safety_identifier == "s"
    assert read({"user": "u", "safety_identifier": ""}).safety_identifier == "u"
    assert read({}).safety_identifier is None


def test_extensions_are_passed_on() -> None:
    expected = {"seed": 7, "num_inference_steps": 3, "negative_prompt": "dogs"}
    asked = read(expected)
    assert asked.passed_on | expected == asked.passed_on


def test_a_png_may_say_that_it_is_not_compressed() -> None:
    assert "output_compression" not in read({"output_compression": 100}).passed_on
    assert read({"output_format": "webp"}).passed_on["output_compression"] == 100


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"response_format": "b64_json"}, "unknown_parameter"),
        ({"style": "vivid"}, "unknown_parameter"),
        ({"seed": 1}, "unknown_parameter"),
        ({"quality": "standard"}, "invalid_value"),
        ({"quality": "xhigh"}, "invalid_value"),
        ({"size": "512x512"}, "invalid_value"),
    ],
)
def test_a_strict_server_refuses_what_the_original_refuses(values: dict[str, Any], code: str) -> None:
    assert refuse(values, strict=True) == (next(iter(values)), code)
    read(values)
