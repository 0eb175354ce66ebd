"""The stream of events: what a reader gets at once, what comes later, and where a reader goes on after a break."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from PIL import Image
from sse_starlette import ServerSentEvent

from limner.api.events import Subscription, follow
from limner.api.services import Services
from limner.errors import EngineFailed
from limner.queue.events import EventLog
from limner.queue.hints import Hints
from limner.queue.store import Store
from limner.records.engine import Database
from limner.workers.loop import WorkerLoop

Submit = Callable[..., Any]
NEW = Subscription("local", frozenset(("succeeded", "failed")), None, 300, "http://localhost")
ALL = replace(NEW, kinds=frozenset(("succeeded", "failed", "cancelled", "started", "progress")))
PATIENCE_SECONDS = 20


@asynccontextmanager
async def reading(app: FastAPI, wanted: Subscription) -> AsyncIterator[AsyncIterator[ServerSentEvent]]:
    """A stream that is open inside the block."""
    async with aclosing(follow(app.state.feed, app.state.services.files, wanted)) as stream:
        yield stream


async def take(stream: AsyncIterator[ServerSentEvent], count: int) -> list[dict[str, Any]]:
    """The next messages: their name, id and data."""
    taken: list[ServerSentEvent] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(taken) < count:
            message = await anext(stream)
            taken += [message] if message.data else []
    return [{"name": one.event, "id": int(one.id or 0), **json.loads(str(one.data))} for one in taken]


async def finish(store: Store, count: int = 1, *, fail: bool = False) -> list[str]:
    """Ids of generations that a worker took and ended."""
    taken = await store.claim("w", ["tiny"], count, 60)
    for one in taken:
        if fail:
            await store.fail("w", one.id, one.attempt, EngineFailed("It broke."))
        else:
            await store.finish("w", one.id, one.attempt, f"local/generations/file/main/{one.id}.png", ["odd words"])
    return [one.id for one in taken]


async def test_who_subscribes_after_the_end_still_learns_of_it(app: FastAPI, store: Store, submit: Submit) -> None:
    await submit("an ox")
    [id] = await finish(store)
    async with reading(app, NEW) as stream:
        [message] = await take(stream, 1)
    assert message["name"] == "media_generation_completed"
    assert (message["generation_id"], message["status"], message["media_type"]) == (id, "succeeded", "image")
    assert message["model"] == "tiny"
    assert message["url"].startswith(f"http://localhost/api/repos/local/generations/file/main/{id}.png?expires=")


async def test_what_ends_later_arrives_later(app: FastAPI, store: Store, submit: Submit) -> None:
    async with reading(app, NEW) as stream:
        next_one = asyncio.create_task(take(stream, 1))
        await submit("an ox")
        [id] = await finish(store, fail=True)
        [message] = await next_one
    assert message == {
        "name": "media_generation_completed", "id": 3, "generation_id": id, "status": "failed",
        "media_type": "image", "error": "It broke.",
    }  # fmt: skip


async def test_a_lost_hint_costs_a_second_and_no_event(
    app: FastAPI, database: Database, submit: Submit, store: Store
) -> None:
    deaf = Store(database, Hints())
    async with reading(app, NEW) as stream:
        next_one = asyncio.create_task(take(stream, 1))
        await submit("an ox")
        [id] = await finish(deaf)
        assert [message["generation_id"] for message in await next_one] == [id]


async def test_each_event_is_seen_once_in_the_order_of_its_id(app: FastAPI, store: Store, submit: Submit) -> None:
    await submit("an ox", n=2)
    early = await finish(store, 2)
    async with reading(app, NEW) as stream:
        seen = await take(stream, 2)
        await submit("a cat", n=2)
        late = await finish(store, 2)
        seen += await take(stream, 2)
    assert [message["generation_id"] for message in seen] == early + late
    assert [message["id"] for message in seen] == sorted({message["id"] for message in seen})


async def test_a_reader_goes_on_after_the_last_one_it_saw(app: FastAPI, store: Store, submit: Submit) -> None:
    await submit("an ox", n=3)
    ids = await finish(store, 3)
    async with reading(app, NEW) as stream:
        [first] = await take(stream, 1)
    async with reading(app, replace(NEW, after=first["id"])) as stream:
        assert [message["generation_id"] for message in await take(stream, 2)] == ids[1:]


async def test_replay_can_be_left_out(app: FastAPI, store: Store, submit: Submit) -> None:
    await submit("an ox")
    await finish(store)
    async with reading(app, replace(NEW, replay_seconds=0)) as stream:
        next_one = asyncio.create_task(take(stream, 1))
        await submit("a cat")
        [id] = await finish(store)
        assert [message["generation_id"] for message in await next_one] == [id]


async def test_a_cancelled_one_is_told_only_to_those_who_ask(app: FastAPI, store: Store, submit: Submit) -> None:
    [gone] = await submit("an ox")
    await store.cancel("local", gone.id)
    await submit("a cat")
    [id] = await finish(store)
    async with reading(app, NEW) as stream:
        assert [message["generation_id"] for message in await take(stream, 1)] == [id]
    async with reading(app, ALL) as stream:
        message = (await take(stream, 1))[0]
    assert (message["name"], message["status"]) == ("media_generation_cancelled", "cancelled")
    assert message["generation_id"] == gone.id


async def test_start_and_steps_are_told_to_those_who_ask(
    app: FastAPI, store: Store, hints: Hints, submit: Submit
) -> None:
    async with reading(app, ALL) as stream:
        started = asyncio.create_task(take(stream, 1))
        await submit("an ox")
        [one] = await store.claim("w", ["tiny"], 1, 60)
        [message] = await started
        assert (message["name"], message["status"]) == ("media_generation_started", "processing")
        step = asyncio.create_task(take(stream, 1))
        hints.progress(one.id, 3, 8)
        hints.progress("somebody-else", 1, 8)
        [message] = await step
        assert (message["name"], message["step"], message["of"]) == ("media_generation_progress", 3, 8)
        assert (message["generation_id"], message["id"]) == (one.id, 2)


@pytest.mark.parametrize("after", [0, 10**9])
async def test_a_reader_from_beyond_the_log_is_told_of_the_gap(
    app: FastAPI, store: Store, events: EventLog, submit: Submit, after: int
) -> None:
    await submit("an ox")
    await finish(store)
    await events.trim(-1)
    async with reading(app, replace(NEW, after=after)) as stream:
        [message] = await take(stream, 1)
        assert (message["name"], message["last_event_id"], message["id"]) == ("gap", after, 3)
        await submit("a cat")
        [id] = await finish(store)
        assert [message["generation_id"] for message in await take(stream, 1)] == [id]


@pytest.fixture
def events(services: Services) -> EventLog:
    """The log of events."""
    return services.events


async def test_a_reader_who_is_slow_holds_up_nobody(app: FastAPI, store: Store, submit: Submit) -> None:
    async with reading(app, NEW) as slow, reading(app, NEW) as quick:
        await submit("first")
        await finish(store)
        await take(slow, 1)
        await submit("an ox", n=10)
        ids = await finish(store, 10)
        assert [message["generation_id"] for message in await take(quick, 11)][1:] == ids
        assert [message["generation_id"] for message in await take(slow, 10)] == ids


async def test_a_message_is_one_compact_line_right_after_its_name(app: FastAPI, store: Store, submit: Submit) -> None:
    await submit("an ox")
    [id] = await finish(store)
    async with reading(app, NEW) as stream:
        lines = (await anext(stream)).encode().decode().split("\n")
    assert [line.partition(":")[0] for line in lines] == ["id", "event", "data", "", ""]
    assert f'"generation_id":"{id}","status":"succeeded"' in lines[2]


async def test_a_reader_with_a_block_buffer_sees_what_ended_at_once(app: FastAPI, store: Store, submit: Submit) -> None:
    await submit("an ox")
    await finish(store)
    async with reading(app, NEW) as stream, asyncio.timeout(PATIENCE_SECONDS):
        messages = [(await anext(stream)).encode() for _ in range(3)]
    assert messages[0].startswith(b"id: ")
    assert messages[1].startswith(b": ...")
    assert len(messages[1]) >= 4096
    assert messages[2] == b": keep-alive\n\n"


async def test_a_stopping_server_ends_its_streams(app: FastAPI) -> None:
    async with reading(app, NEW) as stream, asyncio.timeout(PATIENCE_SECONDS):
        asyncio.get_running_loop().call_later(0.05, app.state.feed.stop)
        assert [message async for message in stream] == []


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("include=everything", {}),
        ("replay_seconds=-1", {}),
        ("replay_seconds=ever", {}),
        ("last_event_id=x", {}),
        ("last_event_id=99999999999999999999999", {}),
        ("colour=red", {}),
        ("", {"Last-Event-ID": "\u00b2".encode()}),
        ("", {"Last-Event-ID": "1.5"}),
    ],
)
async def test_a_bad_wish_is_refused_by_name(client: httpx2.AsyncClient, query: str, headers: dict[str, Any]) -> None:
    answer = await client.get(f"/api/events?{query}", headers=headers)
    assert answer.status_code == 400
    assert (query.partition("=")[0] or "Last-Event-ID").lower().replace("_", "-") in (
        answer.json()["error"]["detail"].lower().replace("_", "-")
    )


async def test_partial_images_come_in_order_and_open_by_their_links(
    app: FastAPI, client: httpx2.AsyncClient, worker: WorkerLoop
) -> None:
    wanted = replace(NEW, kinds=frozenset(("succeeded", "partial")), base="http://127.0.0.1:7310")
    asked = {"model": "tiny", "prompt": "step-seconds=0.2", "size": "64x64", "partial_images": 3}
    async with reading(app, wanted) as stream:
        seen = asyncio.create_task(take(stream, 4))
        answer = (await client.post("/api/ai/images/generate", json=asked)).json()
        *partial, end = await seen
    assert [(one["name"], one["index"], one["of"]) for one in partial] == [
        ("media_generation_partial_image", index, 3) for index in range(3)
    ]
    assert end["name"] == "media_generation_completed"
    finished = Image.open(io.BytesIO((await client.get(answer["image_url"])).content))
    for one in partial:
        picture = await client.get(one["url"])
        assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")
        shown = Image.open(io.BytesIO(picture.content))
        assert shown.size == finished.size
        assert shown.tobytes() != finished.tobytes()
    stranger = await client.get(partial[0]["url"].partition("?")[0].replace("/local/", "/other/"))
    assert stranger.status_code == 404


async def test_no_partial_image_is_shown_to_who_does_not_ask_for_it(
    app: FastAPI, client: httpx2.AsyncClient, worker: WorkerLoop
) -> None:
    asked = {"model": "tiny", "prompt": "step-seconds=0.1", "size": "64x64", "partial_images": 2}
    async with reading(app, ALL) as stream:
        seen = asyncio.create_task(take(stream, 3))
        await client.post("/api/ai/images/generate", json=asked)
        assert {one["name"] for one in await seen} <= {
            f"media_generation_{n}" for n in ("started", "progress", "completed")
        }
