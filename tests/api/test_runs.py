"""Callers of OpenAI's dialect who go, come back, or wait too long, and what becomes of the pictures they asked for."""

import asyncio
import base64
import io
import json
import tracemalloc
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from PIL import Image
from starlette.types import Message, Receive

from limner.api import runs
from limner.queue.store import Store
from limner.workers.loop import WorkerLoop
from tests.api.conftest import MAKE, OX, SendRaw, fault, make

HEADERS = {"host": "127.0.0.1:7310", "content-type": "application/json"}


def a_caller(body: bytes, gone: asyncio.Event) -> Receive:
    """Sends one body and hangs up when told."""
    bodies = [body]

    async def receive() -> Message:
        if bodies:
            return {"type": "http.request", "body": bodies.pop(), "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    return receive


async def until(store: Store, *states: Any, count: int) -> None:
    """Wait until so many generations are in one of these states."""
    while len(await store.find("local", states=states)) < count:
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_caller_who_hangs_up_cancels(send_raw: SendRaw, store: Store, *, stream: bool) -> None:
    gone = asyncio.Event()
    body = json.dumps(OX | {"n": 2, "stream": stream}).encode()
    call = asyncio.create_task(send_raw("POST", MAKE, HEADERS, a_caller(body, gone)))
    await until(store, "queued", count=2)
    gone.set()
    assert await call == []
    await until(store, "cancelled", count=2)


@pytest.mark.parametrize("path", ["/v1/images/edits", "/api/ai/images/edit"])
async def test_nothing_of_a_body_is_held_while_its_pictures_are_made(
    send_raw: SendRaw, store: Store, path: str
) -> None:
    for count in (1, 2):  # what is kept for good is kept by the first
        out = io.BytesIO()
        Image.effect_noise((1_000, 1_000), 90).save(out, "PNG", compress_level=0)
        uri = f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"
        source = {"images": [{"image_url": uri}]} if path.startswith("/v1") else {"input_image": uri}
        gone, size = asyncio.Event(), len(uri)
        tracemalloc.start()
        caller = a_caller(json.dumps(OX | source).encode(), gone)
        del out, uri, source
        call = asyncio.create_task(send_raw("POST", path, HEADERS, caller))
        await until(store, "queued", "cancelled", count=count)
        async with asyncio.timeout(10):
            while count == 2 and tracemalloc.get_traced_memory()[0] > size / 4:
                await asyncio.sleep(0.02)
        tracemalloc.stop()
        gone.set()
        await call


@pytest.mark.parametrize("stream", [False, True])
async def test_a_retry_joins_the_run_of_the_first_try(send_raw: SendRaw, store: Store, *, stream: bool) -> None:
    calls = []
    body = json.dumps(OX | {"stream": stream}).encode()
    for count in range(3):
        gone = asyncio.Event()
        headers = HEADERS | {"x-stainless-retry-count": str(count)}
        calls.append(asyncio.create_task(send_raw("POST", MAKE, headers, a_caller(body, gone))))
        await until(store, "queued", count=1)
        if count < 2:
            gone.set()
            assert await calls[-1] == []
    await asyncio.sleep(runs.GRACE_SECONDS + 0.3)
    [one] = await store.find("local")
    await store.cancel("local", one.id)
    assert (await calls[-1])[0]["status"] == 409
    assert await store.find("local", states=("queued", "processing", "cancelled")) == [await store.get("local", one.id)]


async def test_who_does_not_come_back_is_waited_for_only_so_long(send_raw: SendRaw, store: Store) -> None:
    gone = asyncio.Event()
    headers = HEADERS | {"x-stainless-retry-count": "0"}
    call = asyncio.create_task(send_raw("POST", MAKE, headers, a_caller(json.dumps(OX).encode(), gone)))
    await until(store, "queued", count=1)
    gone.set()
    await call
    assert len(await store.find("local")) == 1
    await until(store, "cancelled", count=1)


async def test_a_retry_of_something_else_is_a_run_of_its_own(client: httpx2.AsyncClient, store: Store) -> None:
    first = asyncio.create_task(make(client, prompt="one"))
    await until(store, "queued", count=1)
    headers = {"x-stainless-retry-count": "1"}
    second = asyncio.create_task(client.post(MAKE, json=OX | {"prompt": "two"}, headers=headers))
    await until(store, "queued", count=2)
    for one in await store.find("local"):
        await store.cancel("local", one.id)
    answers = await asyncio.gather(first, second)
    assert {fault(answer, 409)["code"] for answer in answers} == {"conflict"}
    assert all(answer.headers["x-should-retry"] == "false" for answer in answers)


async def test_an_idempotency_key_counts_here_too(client: httpx2.AsyncClient, worker: WorkerLoop) -> None:
    headers = {"Idempotency-Key": "order 17"}
    answers = [await client.post(MAKE, json=OX, headers=headers) for _ in range(2)]
    assert answers[0].json()["data"] == answers[1].json()["data"]
    other = await client.post(MAKE, json=OX | {"n": 2}, headers=headers)
    assert fault(other, 409)["param"] == "Idempotency-Key"


@pytest.mark.parametrize("changed", [{"sync_timeout_seconds": 0.3}])
async def test_a_call_waits_only_so_long(client: httpx2.AsyncClient, store: Store) -> None:
    for stream in (False, True):
        answer = await make(client, stream=stream)
        assert fault(answer, 504)["code"] == "timed_out"
        assert answer.headers["x-should-retry"] == "false"
    await until(store, "cancelled", count=2)


async def test_a_stopping_server_keeps_what_was_queued(app: FastAPI, client: httpx2.AsyncClient, store: Store) -> None:
    calls = [asyncio.create_task(make(client, stream=stream)) for stream in (False, True)]
    await until(store, "queued", count=2)
    app.state.feed.stop()
    for answer in await asyncio.gather(*calls):
        assert fault(answer, 503)["code"] == "stopping"
        assert answer.headers["retry-after"]
    assert {one.state for one in await store.find("local")} == {"queued"}
