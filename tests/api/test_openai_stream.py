"""Streams of OpenAI's dialect: which events come, in which order and form, and what happens when one fails or waits."""

import asyncio
import base64
import io
import json
import math
from collections.abc import AsyncGenerator
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI, Request
from PIL import Image
from starlette.requests import ClientDisconnect
from starlette.types import Message

from limner.api.openai_stream import EventStream
from limner.api.runs import Run
from limner.queue.store import Store
from limner.workers.loop import WorkerLoop

MAKE = "/v1/images/generations"
EDIT = "/v1/images/edits"
VISIBLE = "steps=8 step-seconds=0.2"
"""A prompt slow enough for its partial images to be seen on the way."""
OX: dict[str, Any] = {"model": "tiny", "prompt": "an ox", "size": "64x64", "stream": True}
SHOWN = {"b64_json", "created_at", "size", "quality", "background", "output_format"}


def events(text: str) -> list[dict[str, Any]]:
    """The data of every event; each is two lines and an empty one, and its name is its type."""
    assert text.endswith("\n\n")
    found = []
    for block in text.removesuffix("\n\n").split("\n\n"):
        name, data = block.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
    return found


async def test_without_partial_images_there_is_one_event(client: httpx2.AsyncClient, worker: WorkerLoop) -> None:
    answer = await client.post(MAKE, json=OX | {"partial_images": 0, "output_format": "jpeg", "safety_identifier": "s"})
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert (answer.headers["cache-control"], answer.headers["x-accel-buffering"]) == ("no-cache", "no")
    assert answer.headers["x-request-id"]
    [one] = events(answer.text)
    assert set(one) == SHOWN | {"type", "usage", "seed", "generation_id", "warnings", "safety_identifier"}
    assert one["type"] == "image_generation.completed"
    assert (one["size"], one["quality"], one["background"], one["output_format"]) == (
        "64x64",
        "medium",
        "opaque",
        "jpeg",
    )
    assert type(one["created_at"]) is int
    assert Image.open(io.BytesIO(base64.b64decode(one["b64_json"], validate=True))).format == "JPEG"


@pytest.mark.parametrize("wanted", [1, 3])
async def test_partial_images_come_on_the_way(client: httpx2.AsyncClient, worker: WorkerLoop, wanted: int) -> None:
    answer = await client.post(MAKE, json=OX | {"prompt": VISIBLE, "partial_images": wanted, "output_format": "webp"})
    *partial, last = events(answer.text)
    assert 1 <= len(partial) <= wanted
    assert [one["partial_image_index"] for one in partial] == sorted({one["partial_image_index"] for one in partial})
    for one in partial:
        assert set(one) == SHOWN | {"type", "partial_image_index"}
        assert one["type"] == "image_generation.partial_image"
        picture = Image.open(io.BytesIO(base64.b64decode(one["b64_json"])))
        assert (picture.size, picture.format) == ((64, 64), "WEBP")
    assert last["usage"]["output_tokens"] == 2 * 3 + 100 * len(partial)


async def test_several_pictures_are_completed_in_order(client: httpx2.AsyncClient, worker: WorkerLoop) -> None:
    body = OX | {"n": 3, "seed": 5, "prompt": VISIBLE, "partial_images": 2}
    found = events((await client.post(MAKE, json=body)).text)
    assert [one["seed"] for one in found if one["type"].endswith("completed")] == [5, 6, 7]
    assert found[-1]["type"].endswith("completed")
    told = [one["usage"]["input_tokens"] for one in found if one["type"].endswith("completed")]
    assert told == [math.ceil(len(VISIBLE) / 4), 0, 0], "the words of a request count once"


async def test_an_edit_has_names_of_its_own(client: httpx2.AsyncClient, worker: WorkerLoop) -> None:
    out = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(out, "PNG")
    form = {"model": "tiny", "prompt": VISIBLE, "stream": "true", "partial_images": "1"}
    files = {"image": ("a.png", out.getvalue())}
    found = events((await client.post(EDIT, data=form | {"size": "64x64"}, files=files)).text)
    assert {one["type"] for one in found} == {"image_edit.partial_image", "image_edit.completed"}
    assert found[-1]["usage"]["input_tokens_details"]["image_tokens"] == 65 + 129
    plain = await client.post(EDIT, data=form | {"stream": "false", "size": "64x64"}, files=files)
    assert "changes nothing without stream" in plain.json()["warnings"][0]


async def test_what_fails_first_is_an_ordinary_error(client: httpx2.AsyncClient, worker: WorkerLoop) -> None:
    answer = await client.post(MAKE, json=OX | {"prompt": "fail"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "image_generation_failed")
    assert (await client.post(MAKE, json=OX | {"n": 99})).status_code == 400


async def test_what_fails_later_is_a_nested_error(client: httpx2.AsyncClient, worker: WorkerLoop, store: Store) -> None:
    body = OX | {"prompt": "fail steps=8 step-seconds=0.3", "partial_images": 3}
    answer = await client.post(MAKE, json=body)
    *_, last = events(answer.text)
    assert answer.status_code == 200
    assert last["type"] == "error"
    assert last["error"] == {
        "type": "image_generation_server_error",
        "code": "image_generation_failed",
        "message": "The prompt ordered a failure.",
        "param": None,
    }


async def serve(app: FastAPI, store: Store, source: AsyncGenerator[bytes, None], gone: asyncio.Event) -> list[Message]:
    """What a stream of these events sends that is silent for a twentieth of a second before it says so."""
    sent: list[Message] = []

    async def receive() -> Message:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "app": app, "headers": [], "path": MAKE, "method": "POST", "query_string": b""}
    run = Run("f", await store.find("local"), 0, keyed=False)
    app.state.runs.begin(run)
    stream = EventStream(Request(scope, receive), app.state.runs, run, source, hold_seconds=0.05)
    await stream.hold()
    await stream(scope, receive, send)
    return sent


async def test_a_long_silence_is_filled_with_comments(app: FastAPI, store: Store) -> None:
    async def slow() -> AsyncGenerator[bytes, None]:
        await asyncio.sleep(0.3)
        yield b"event: x\ndata: {}\n\n"

    start, *parts = await serve(app, store, slow(), asyncio.Event())
    assert start["status"] == 200
    bodies = [part["body"] for part in parts]
    assert bodies[0] == b": keep-alive\n\n"
    assert bodies[-2:] == [b"event: x\ndata: {}\n\n", b""]
    assert [part["more_body"] for part in parts] == [True] * (len(parts) - 1) + [False]


async def test_a_reader_who_leaves_ends_the_generation_at_once(app: FastAPI, store: Store, submit: Any) -> None:
    gone = asyncio.Event()
    closed = asyncio.Event()
    [one] = await submit("an ox")

    async def endless() -> AsyncGenerator[bytes, None]:
        try:
            yield b"event: x\ndata: {}\n\n"
            gone.set()
            await asyncio.sleep(60)
        finally:
            closed.set()

    with pytest.raises(ClientDisconnect):
        await serve(app, store, endless(), gone)
    assert closed.is_set()
    while (await store.get("local", one.id)).state != "cancelled":
        await asyncio.sleep(0.02)
