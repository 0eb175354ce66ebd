"""Plans: every `auto` becomes something, every refusal names its field, equal requests share a batch."""

import itertools
import random
from typing import Any

import pytest

from limner.engines.card import ModelCard, Preset
from limner.engines.plan import plan, preview_steps
from limner.errors import InvalidRequest
from limner.wire import ImageRequest, Plan

VOCABULARY = frozenset({"a", "an", "the", "ox", "on", "road", "in", "snow", "of", "picture", "book"})


def card(**more: Any) -> ModelCard:
    given: dict[str, Any] = {
        "id": "test",
        "display_name": "Test",
        "summary": "",
        "description": "",
        "developer": "Limner",
        "released_at": "2026-01-01",
        "parameters": 1,
        "sizes": ((1024, 1024), (1536, 1024), (1024, 1536)),
        "presets": {
            "low": Preset(steps=6, guidance=1.0),
            "medium": Preset(steps=14, guidance=3.0),
            "high": Preset(steps=28, guidance=3.5),
        },
        "max_steps": 50,
        "max_references": 2,
        "max_prompt_characters": 200,
        "transparent": True,
        "transparent_words": ("transparent background", "cut out"),
        "masks": False,
        "batch_key_fields": ("width", "height", "steps", "guidance"),
    }
    return ModelCard(**(given | more))


def plans(of: ModelCard | None = None, /, **more: Any) -> list[Plan]:
    request = ImageRequest(**({"namespace": "local", "model": "test", "prompt": "an ox"} | more))
    return plan(request, of or card(), seed=7)


def one(of: ModelCard | None = None, /, **more: Any) -> Plan:
    (only,) = plans(of, **more)
    return only


def test_nothing_asked_gives_the_defaults() -> None:
    made = one()
    assert (made.width, made.height, made.steps, made.guidance) == (1024, 1024, 14, 3.0)
    assert (made.quality, made.background, made.output_format, made.input_fidelity) == (
        "medium",
        "opaque",
        "png",
        "low",
    )
    assert (made.seed, made.image_index, made.warnings) == (7, 0, ())
    assert made.cost == pytest.approx(1024 * 1024 * 14 / 1e6)


@pytest.mark.parametrize(
    ("asked", "size"),
    [
        ({"size": "square"}, (1024, 1024)),
        ({"size": "landscape"}, (1536, 1024)),
        ({"size": "portrait"}, (1024, 1536)),
        ({"size": "1024x1536"}, (1024, 1536)),
        ({"aspect_ratio": "1:1"}, (1024, 1024)),
        ({"aspect_ratio": "16:9"}, (1536, 1024)),
        ({"aspect_ratio": "9:16"}, (1024, 1536)),
        ({"aspect_ratio": "4:3"}, (1536, 1024)),
        ({"aspect_ratio": "5:4"}, (1536, 1024)),
        ({"aspect_ratio": "6:5"}, (1024, 1024)),
        ({"aspect_ratio": "9999:1"}, (1536, 1024)),
        ({"inputs": ("d",), "input_sizes": ((512, 512),)}, (1024, 1024)),
        ({"inputs": ("d",), "input_sizes": ((1920, 1080),)}, (1536, 1024)),
        ({"inputs": ("d",), "input_sizes": ((1, 16384),)}, (1024, 1536)),
        ({"inputs": ("d",), "input_sizes": ((1920, 1080),), "size": "square"}, (1024, 1024)),
    ],
)
def test_a_size_is_chosen(asked: dict[str, Any], size: tuple[int, int]) -> None:
    made = one(**asked)
    assert (made.width, made.height) == size


@pytest.mark.parametrize(("quality", "steps"), [("auto", 14), ("low", 6), ("medium", 14), ("high", 28)])
def test_quality_is_a_number_of_steps_and_steps_win_over_it(quality: str, steps: int) -> None:
    assert one(quality=quality).steps == steps
    assert one(quality=quality, num_inference_steps=3).steps == 3
    assert one(quality=quality, num_inference_steps=50).quality == ("medium" if quality == "auto" else quality)


@pytest.mark.parametrize(
    ("prompt", "output_format", "background"),
    [
        ("an ox", "png", "opaque"),
        ("an ox on a transparent background", "png", "transparent"),
        ("an ox, on a Transparent  BACKGROUND!", "webp", "transparent"),
        ("an ox, cut out", "png", "transparent"),
        ("an ox cut outside", "png", "opaque"),
        ("a transparent ox in the background", "png", "opaque"),
        ("an ox on a transparent background", "jpeg", "opaque"),
    ],
)
def test_an_automatic_background_follows_the_words(prompt: str, output_format: str, background: str) -> None:
    assert one(prompt=prompt, output_format=output_format).background == background


def test_a_card_without_transparency_never_chooses_it() -> None:
    assert one(card(transparent=False), prompt="cut out").background == "opaque"


@pytest.mark.parametrize(
    ("asked", "field", "says"),
    [
        ({"prompt": ""}, "prompt", "Prompt cannot be empty"),
        ({"prompt": " \n\t　"}, "prompt", "Prompt cannot be empty"),
        ({"prompt": "x" * 201}, "prompt", "at most 200"),
        ({"prompt": "an\0ox"}, "prompt", r"U\+0000 at position 2"),
        ({"prompt": "an \x1b[2J ox"}, "prompt", r"U\+001B"),
        ({"negative_prompt": "bad\x07"}, "negative_prompt", r"U\+0007"),
        ({"negative_prompt": "x" * 201}, "negative_prompt", "at most 200"),
        ({"prompt": "@Image1 in snow"}, "prompt", "names @Image1, but no input image is given"),
        ({"prompt": "@Image2", "inputs": ("d",), "input_sizes": ((1, 1),)}, "prompt", "only @Image1 is given"),
        ({"prompt": "@image0", "inputs": ("d",), "input_sizes": ((1, 1),)}, "prompt", "@image0"),
        ({"prompt": "@Image" + "9" * 99, "inputs": ("d",), "input_sizes": ((1, 1),)}, "prompt", "only @Image1"),
        (
            {"prompt": "@Image3", "inputs": ("d", "e"), "input_sizes": ((1, 1),) * 2},
            "prompt",
            "@Image1 and @Image2 are",
        ),
        ({"inputs": ("d", "e", "f"), "input_sizes": ((1, 1),) * 3}, "input_image", "at most 2 input images, not 3"),
        ({"mask": "m", "mask_size": (8, 8)}, "mask", "takes no mask"),
        ({"n": 0}, "n", "between 1 and 4"),
        ({"n": 5}, "n", "between 1 and 4"),
        ({"seed": -1}, "seed", "between 0 and 4294967295"),
        ({"seed": 2**32}, "seed", "between 0 and 4294967295"),
        ({"num_inference_steps": 0}, "num_inference_steps", "between 1 and 50"),
        ({"num_inference_steps": 51}, "num_inference_steps", "between 1 and 50"),
        ({"quality": "hd"}, "quality", "auto, low, medium, high"),
        ({"output_format": "gif"}, "output_format", "png, jpeg, webp"),
        ({"input_fidelity": "medium"}, "input_fidelity", "low, high"),
        ({"background": "green"}, "background", "auto, transparent, opaque"),
        ({"background": "transparent", "output_format": "jpeg"}, "background", "output_format=png or webp"),
        ({"size": "1024X1024"}, "size", "auto, square, landscape, portrait, 1024x1024, 1536x1024, 1024x1536"),
        ({"size": "512x512"}, "size", "1536x1024"),
        ({"size": ""}, "size", "auto"),
        ({"aspect_ratio": "16:9", "size": "square"}, "aspect_ratio", "not both"),
        ({"aspect_ratio": "16/9"}, "aspect_ratio", "such as 16:9"),
        ({"aspect_ratio": "0:1"}, "aspect_ratio", "such as 16:9"),
        ({"aspect_ratio": "٣:٢"}, "aspect_ratio", "such as 16:9"),
        ({"aspect_ratio": "auto"}, "aspect_ratio", "such as 16:9"),
        ({"output_compression": 50}, "output_compression", "not for png"),
        ({"output_compression": 101, "output_format": "webp"}, "output_compression", "between 0 and 100"),
        ({"output_compression": -1, "output_format": "jpeg"}, "output_compression", "between 0 and 100"),
    ],
)
def test_what_cannot_be_done_is_refused_by_the_name_of_its_field(asked: dict[str, Any], field: str, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says) as refused:
        plans(**asked)
    assert refused.value.field == field


def test_a_card_that_cannot_refuses_too() -> None:
    with pytest.raises(InvalidRequest, match="no transparent"):
        plans(card(transparent=False), background="transparent")
    with pytest.raises(InvalidRequest, match="no input images, not 1"):
        plans(card(max_references=0), inputs=("d",), input_sizes=((1, 1),))
    with pytest.raises(InvalidRequest, match="mask needs an input image"):
        plans(card(masks=True), mask="m", mask_size=(8, 8))


def test_a_mask_has_the_size_of_the_first_input() -> None:
    inputs = {"inputs": ("d",), "input_sizes": ((8, 6),), "mask": "m"}
    assert plans(card(masks=True), **inputs, mask_size=(8, 6))[0].mask == "m"
    with pytest.raises(InvalidRequest, match="mask is 6x8; it must have the size of the first input, 8x6"):
        plans(card(masks=True), **inputs, mask_size=(6, 8))
    with pytest.raises(InvalidRequest, match="auto, square, 512x512"):
        plans(card(sizes=((512, 512),)), size="portrait")


def test_the_last_step_and_the_longest_prompt_are_allowed() -> None:
    assert one(num_inference_steps=50, prompt="x" * 200, seed=2**32 - 1, n=1).steps == 50
    assert one(prompt="an ox\n\ton a road\r\n").prompt == "an ox\n\ton a road\r\n"
    assert one(output_format="jpeg", output_compression=0).output_compression == 0


def test_n_images_differ_in_seed_and_index_alone() -> None:
    made = plans(n=4, seed=2**32 - 2)
    assert [(image.seed, image.image_index) for image in made] == [(2**32 - 2, 0), (2**32 - 1, 1), (0, 2), (1, 3)]
    assert len({image.model_copy(update={"seed": 0, "image_index": 0}) for image in made}) == 1


def test_the_third_of_many_is_the_picture_of_its_own_seed() -> None:
    third = plans(n=3, seed=100)[2]
    assert one(seed=102) == third.model_copy(update={"image_index": 0})


def test_what_the_model_cannot_make_of_the_words_is_told() -> None:
    reader = card(vocabulary=VOCABULARY, max_prompt_words=4)
    assert one(reader, prompt="an ox on 2 - !", negative_prompt="snow").warnings == ()
    unknown, cut, unwanted = one(reader, prompt="an ox on 2 zeppelins", negative_prompt="a rainy road").warnings
    assert "zeppelins" in unknown
    assert "reads 4" in cut
    assert "negative_prompt" in unwanted


def test_a_model_whose_words_cannot_be_counted_warns_of_none() -> None:
    assert one(prompt="zeppelin").warnings == ()


def test_fields_that_change_nothing_are_named() -> None:
    assert "input_fidelity" in one(input_fidelity="high").warnings[0]
    assert one(input_fidelity="high", inputs=("d",), input_sizes=((1, 1),)).warnings == ()
    assert "negative_prompt" in one(negative_prompt="rain", quality="low").warnings[0]
    assert one(negative_prompt="rain", quality="high").warnings == ()
    assert "jpeg" in one(prompt="an ox, cut out", output_format="jpeg").warnings[0]


def test_generations_share_a_batch_exactly_when_the_cards_fields_are_equal() -> None:
    chance = random.Random(11)
    choices: dict[str, list[Any]] = {
        "prompt": ["an ox", "a cat"],
        "size": ["square", "landscape", "1024x1024"],
        "quality": ["auto", "low", "medium", "high"],
        "output_format": ["png", "webp"],
        "seed": [1, 2],
        "num_inference_steps": [None, 6, 14],
    }
    made = [one(**{name: chance.choice(values) for name, values in choices.items()}) for _ in range(60)]
    for left, right in itertools.combinations(made, 2):
        shared = all(getattr(left, name) == getattr(right, name) for name in card().batch_key_fields)
        assert (left.batch_key == right.batch_key) == shared


def test_two_models_never_share_a_batch() -> None:
    assert one().batch_key != one(card(id="other")).batch_key


def test_any_request_gives_plans_that_can_be_run_or_an_error_with_a_field() -> None:
    chance = random.Random(4)
    choices: dict[str, list[Any]] = {
        "prompt": ["an ox", "", "x" * 300, "cut out", "\ud7ff", "@Image1", "a\0b"],
        "n": [-1, 0, 1, 4, 5],
        "size": ["auto", "square", "7x7", "1536x1024"],
        "aspect_ratio": [None, None, "16:9", "x"],
        "quality": ["auto", "low", "best"],
        "background": ["auto", "transparent", "opaque", "blue"],
        "output_format": ["png", "jpeg", "webp", "avif"],
        "output_compression": [None, None, 0, 100, 101],
        "seed": [None, 0, 2**32 - 1, 2**32],
        "num_inference_steps": [None, 0, 1, 50, 51],
    }
    made, refused = 0, set()
    for _ in range(3_000):
        asked = {name: chance.choice(values) for name, values in choices.items()}
        try:
            found = plans(**asked)
        except InvalidRequest as error:
            refused.add(error.field)
            continue
        made += 1
        assert len(found) == asked["n"]
        for image in found:
            assert (image.width, image.height) in card().sizes
            assert 1 <= image.steps <= 50
            assert not (image.background == "transparent" and image.output_format == "jpeg")
            assert Plan.model_validate_json(image.model_dump_json()) == image
    assert made > 10
    assert refused == set(choices)


def test_planning_is_pure() -> None:
    assert plans(n=4, prompt="an ox in snow") == plans(n=4, prompt="an ox in snow")


@pytest.mark.parametrize(
    ("steps", "wanted", "shown"),
    [(14, 0, set()), (14, 1, {7}), (14, 3, {4, 7, 10}), (4, 3, {1, 2, 3}), (3, 3, {1, 2}), (1, 3, set())],
)
def test_partial_images_are_spread_evenly_and_come_before_the_end(steps: int, wanted: int, shown: set[int]) -> None:
    assert preview_steps(one(num_inference_steps=steps, partial_images=wanted)) == shown


@pytest.mark.parametrize("field", ["priority", "partial_images", "cancel_after_seconds"])
def test_an_extension_out_of_range_is_refused_by_name(field: str) -> None:
    for value in (-11, 10**7):
        with pytest.raises(InvalidRequest, match=field):
            plans(**{field: value})
