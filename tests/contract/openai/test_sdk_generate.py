"""The official Python client makes pictures, synchronous and asynchronous, with every answer checked by its types."""

import asyncio
import base64
import io
import time
from typing import Any, Literal

import numpy as np
import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types import ImagesResponse
from PIL import Image

Size = Literal["1024x1024", "1536x1024", "1024x1536"]


def make(client: OpenAI, prompt: Any = "a red ox", **fields: Any) -> ImagesResponse:
    """Pictures of *tiny*."""
    given: dict[str, Any] = {"model": "tiny", "size": "64x64", "prompt": prompt}
    answer: ImagesResponse = client.images.generate(**given | fields)
    return answer


def opened(answer: ImagesResponse, place: int = 0) -> Image.Image:
    """A picture of an answer."""
    return Image.open(io.BytesIO(base64.b64decode((answer.data or [])[place].b64_json or "", validate=True)))


def test_a_picture_of_the_model_that_is_asked_for(client: OpenAI) -> None:
    answer = client.images.generate(model="gpt-image-1.5", prompt="a brown ox in the snow", quality="low")
    assert opened(answer).size == (1024, 1024)
    assert (answer.size, answer.quality) == ("1024x1024", "low")
    assert abs(answer.created - time.time()) < 60
    assert answer.usage
    assert answer.usage.output_tokens == 272


async def test_every_id_of_openai_and_none_are_answered(aclient: AsyncOpenAI) -> None:
    ids = [model.id async for model in aclient.models.list() if "image" in model.id]
    assert len(ids) >= 10
    step: dict[str, Any] = {"prompt": "an ox", "extra_body": {"num_inference_steps": 1}}
    answers = [aclient.images.generate(model=id, **step) for id in ids]
    for answer in await asyncio.gather(*answers, aclient.images.generate(**step)):
        assert opened(answer).size == (1024, 1024)


@pytest.mark.parametrize("size", ["1024x1024", "1536x1024", "1024x1536"])
def test_each_size_is_made_and_echoed(client: OpenAI, size: Size) -> None:
    answer = make(client, size=size, quality="low")
    assert f"{opened(answer).width}x{opened(answer).height}" == answer.size == size


def test_auto_is_echoed_as_what_was_made(client: OpenAI) -> None:
    answer = make(client, size="auto", quality="auto", background="auto")
    assert (answer.size, answer.quality, answer.background) == ("1024x1024", "medium", "opaque")


def test_null_is_the_default_everywhere(client: OpenAI) -> None:
    names = ("n", "quality", "background", "output_format", "output_compression", "moderation", "stream")
    nothing = dict.fromkeys((*names, "partial_images", "safety_identifier", "complexity", "svg", "frame_count"))
    assert (make(client, **nothing).output_format, len(make(client, **nothing).data or [])) == ("png", 1)


@pytest.mark.parametrize("quality", ["low", "medium", "high"])
def test_each_quality_is_echoed(client: OpenAI, quality: str) -> None:
    assert make(client, quality=quality).quality == quality


@pytest.mark.parametrize("n", [1, 3, 10])
def test_n_pictures_differ(client: OpenAI, n: int) -> None:
    answer = make(client, n=n)
    assert len({one.b64_json for one in answer.data or []}) == n
    assert answer.usage
    assert answer.usage.output_tokens == n * 2 * 3
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_each_file_format_is_made(client: OpenAI, kind: str) -> None:
    answer = make(client, output_format=kind)
    assert opened(answer).format == kind.upper()
    assert answer.output_format == kind


def test_a_png_may_be_compressed_by_100_only(client: OpenAI) -> None:
    assert make(client, output_compression=100).output_format == "png"
    with pytest.raises(openai.BadRequestError) as caught:
        make(client, output_compression=99)
    assert caught.value.code == "invalid_png_output_compression"


@pytest.mark.parametrize("kind", ["jpeg", "webp"])
def test_compression_makes_smaller_files(client: OpenAI, kind: str) -> None:
    answers = [make(client, output_format=kind, output_compression=q, extra_body={"seed": 1}) for q in (0, 50, 100)]
    sizes = [len((one.data or [])[0].b64_json or "") for one in answers]
    assert sizes == sorted(sizes)


@pytest.mark.parametrize("kind", ["png", "webp"])
def test_a_transparent_background_has_alpha(client: OpenAI, kind: str) -> None:
    answer = make(client, background="transparent", output_format=kind)
    assert answer.background == "transparent"
    assert np.asarray(opened(answer).convert("RGBA"))[..., 3].min() == 0


def test_an_opaque_background_has_none(client: OpenAI) -> None:
    assert np.asarray(opened(make(client, background="opaque")).convert("RGBA"))[..., 3].min() == 255


def test_a_prompt_may_hold_any_script_and_32000_characters(client: OpenAI) -> None:
    for prompt in ("é 🐂\n牛", "ox " * 10_666 + "ox"):
        assert make(client, prompt).data
    with pytest.raises(openai.BadRequestError) as caught:
        make(client, "a" * 32_001)
    assert (caught.value.param, caught.value.code) == ("prompt", "string_above_max_length")


def test_what_changes_nothing_is_taken_and_told(client: OpenAI) -> None:
    answer = make(client, moderation="low", user="me", safety_identifier="id-7", style="vivid")
    assert answer.safety_identifier == "id-7"
    assert len(answer.to_dict()["warnings"]) == 3  # type: ignore[arg-type]


def test_extra_body_reaches_seed_steps_and_negative_prompt(client: OpenAI) -> None:
    extra = {"seed": 7, "num_inference_steps": 3, "negative_prompt": "dogs"}
    first, second = (make(client, extra_body=extra, extra_query={"api-version": "1"}) for _ in range(2))
    assert opened(first).tobytes() == opened(second).tobytes()
    assert (first.data or [])[0].to_dict()["seed"] == 7


def test_links_are_given_on_request(client: OpenAI) -> None:
    [one] = make(client, response_format="url").data or []
    assert one.b64_json is None
    assert (one.url or "").startswith("http://127.0.0.1")
    assert make(client, response_format="b64_json").data


def test_sizes_and_qualities_of_older_models_are_understood(client: OpenAI) -> None:
    answer = make(client, size="512x512", quality="standard")
    assert (answer.size, answer.quality) == ("1024x1024", "medium")


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/api/ai"])
def test_any_base_url_works(server: str, path: str) -> None:
    with OpenAI(base_url=server + path, api_key="x", max_retries=0, _strict_response_validation=True) as client:
        assert make(client).data
        assert "tiny" in {model.id for model in client.models.list()}


def test_every_answer_has_a_number_of_its_own(client: OpenAI) -> None:
    answers = [make(client) for _ in range(3)]
    assert len({answer._request_id for answer in answers}) == 3
    raw = client.images.with_raw_response.generate(prompt="an ox", model="tiny", size="64x64")
    assert raw.headers["content-type"] == "application/json"
    assert raw.parse().data


def test_the_models_are_listed_and_found(client: OpenAI) -> None:
    ids = {model.id for model in client.models.list()}
    assert {"gpt-image-1.5", "gpt-image-1", "gpt-image-1-mini", "chatgpt-image-latest", "gpt-image-2"} <= ids
    assert client.models.retrieve("gpt-image-1.5").owned_by == "Limner"
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("no-such-model")
    assert caught.value.code == "model_not_found"


async def test_sixteen_callers_at_once_are_all_answered(aclient: AsyncOpenAI) -> None:
    async def one(seed: int) -> object:
        answer = await aclient.images.generate(model="tiny", size="64x64", prompt="an ox", extra_body={"seed": seed})
        return (answer.data or [])[0].to_dict()["seed"]

    assert await asyncio.gather(*(one(seed) for seed in range(16))) == list(range(16))
