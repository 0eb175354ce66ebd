"""The official Python client streams pictures: typed events, real partial images, errors, and leaving early."""

import base64
import io
import time
from collections.abc import Callable
from typing import Any, cast

import httpx2
import openai
import pytest
from openai import AsyncOpenAI, OpenAI, Stream
from openai.types import (
    ImageEditCompletedEvent,
    ImageEditPartialImageEvent,
    ImageGenCompletedEvent,
    ImageGenPartialImageEvent,
    ImageGenStreamEvent,
)
from PIL import Image

Picture = Callable[..., bytes]
TINY: dict[str, Any] = {"model": "tiny", "size": "64x64", "stream": True}
VISIBLE = "steps=8 step-seconds=0.12"
"""A prompt slow enough for its partial images to be seen on the way."""
PATIENCE_SECONDS = 30


def stream(client: OpenAI, **fields: Any) -> Stream[ImageGenStreamEvent]:
    """A stream of *tiny*."""
    return cast("Stream[ImageGenStreamEvent]", client.images.generate(**TINY | {"prompt": VISIBLE} | fields))


@pytest.mark.parametrize("wanted", [0, 1, 2, 3])
def test_partial_images_come_before_the_picture(client: OpenAI, wanted: int) -> None:
    *partial, last = stream(client, partial_images=wanted)
    assert isinstance(last, ImageGenCompletedEvent)
    assert bool(wanted) == bool(partial)
    assert len(partial) <= wanted
    for one in partial:
        assert isinstance(one, ImageGenPartialImageEvent)
        assert Image.open(io.BytesIO(base64.b64decode(one.b64_json, validate=True))).size == (64, 64)
    places = [one.partial_image_index for one in partial if isinstance(one, ImageGenPartialImageEvent)]
    assert places == sorted(set(places))
    assert last.usage.output_tokens == 2 * 3 + 100 * len(partial)


def test_an_edit_streams_events_of_its_own(client: OpenAI, picture: Picture) -> None:
    *partial, last = client.images.edit(image=picture(), **TINY | {"prompt": VISIBLE}, partial_images=1)
    assert [type(one) for one in partial] == [ImageEditPartialImageEvent]
    assert isinstance(last, ImageEditCompletedEvent)


def test_several_pictures_are_completed_one_by_one(client: OpenAI) -> None:
    found = list(stream(client, n=2, prompt="an ox"))
    assert [type(one) for one in found] == [ImageGenCompletedEvent] * 2
    assert found[0].b64_json != found[1].b64_json


async def test_the_asynchronous_client_reads_the_same_events(aclient: AsyncOpenAI) -> None:
    events = [event async for event in await aclient.images.generate(**TINY, prompt="an ox", partial_images=0)]
    assert [type(event) for event in events] == [ImageGenCompletedEvent]


def test_the_raw_stream_is_what_the_reference_shows(server: str) -> None:
    answer = httpx2.post(f"{server}/v1/images/generations", json=TINY | {"prompt": "an ox"}, timeout=60)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["x-request-id"]
    name, data, *rest = answer.text.split("\n")
    assert name == "event: image_generation.completed"
    assert data.startswith('data: {"type":"image_generation.completed"')
    assert rest == ["", ""]


def test_a_stream_can_be_read_line_by_line(client: OpenAI) -> None:
    with client.images.with_streaming_response.generate(**TINY, prompt="an ox") as answer:
        lines = list(answer.iter_lines())
    assert lines[0] == "event: image_generation.completed"
    assert answer.request_id


def test_an_error_before_the_first_event_has_its_status(client: OpenAI) -> None:
    with pytest.raises(openai.InternalServerError) as caught:
        stream(client, prompt="fail")
    assert caught.value.code == "image_generation_failed"
    with pytest.raises(openai.BadRequestError):
        stream(client, partial_images=4)


def test_an_error_after_the_first_event_is_raised_too(client: OpenAI) -> None:
    with pytest.raises(openai.APIError, match="The prompt ordered a failure") as caught:
        list(stream(client, prompt="fail steps=8 step-seconds=0.2", partial_images=3))
    assert not isinstance(caught.value, openai.APIStatusError)
    assert (caught.value.code, caught.value.type) == ("image_generation_failed", "image_generation_server_error")


def test_who_leaves_a_stream_cancels_it(client: OpenAI, server: str) -> None:
    with stream(client, prompt="steps=200 step-seconds=0.02 leave", partial_images=3) as opened:
        next(iter(opened))
    wait_for_the_end(server, "leave")
    assert states(server, "leave") == ["cancelled"]


def test_a_client_whose_time_is_up_cancels_after_its_retries(server: str) -> None:
    with (
        OpenAI(base_url=f"{server}/v1", api_key="x", timeout=0.7, max_retries=1) as impatient,
        pytest.raises(openai.APITimeoutError),
    ):
        impatient.images.generate(model="tiny", prompt="steps=900 step-seconds=0.05 impatient", size="64x64")
    wait_for_the_end(server, "impatient")
    assert states(server, "impatient") == ["cancelled"], "the retry joined the first try"


def wait_for_the_end(server: str, word: str) -> None:
    """Wait until nothing is made any more whose prompt holds the word."""
    until = time.monotonic() + PATIENCE_SECONDS
    while {"queued", "processing"} & set(states(server, word)):
        assert time.monotonic() < until, "it still runs"
        time.sleep(0.05)


def states(server: str, word: str) -> list[str]:
    """The states of the newest generations whose prompt holds the word."""
    listed = httpx2.get(f"{server}/api/ai/queue?status=all&limit=20").json()["generations"]
    return [one["status"] for one in listed if word in one["prompt"]]
