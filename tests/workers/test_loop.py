"""The loop against a real database, in one process: claim, run, deliver, and everything that can end it early."""

import asyncio
import contextlib
import io
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from PIL import Image

from limner.engines.engine import Job
from limner.images.blobs import Blobs
from limner.images.encode import encode
from limner.queue.clock import Clock
from limner.queue.events import EventLog
from limner.queue.hints import Hints
from limner.queue.states import ENDED
from limner.queue.store import Store
from limner.records.deployments import Deployments
from limner.records.engine import Database
from limner.settings import Settings
from limner.wire import Generation
from limner.workers.loop import Newcomers, WorkerLoop

Submit = Callable[..., Any]
LONG = "steps=400 step-seconds=0.05"
PATIENCE_SECONDS = 90


@pytest.fixture
def loop(store: Store, database: Database, blobs: Blobs, hints: Hints, settings: Settings) -> WorkerLoop:
    """A worker that has not started yet."""
    return WorkerLoop("w-1", store, Deployments(database), blobs, hints, settings)


@asynccontextmanager
async def working(loop: WorkerLoop) -> AsyncIterator[None]:
    """Run the worker inside the block and stop it after."""
    task = asyncio.create_task(loop.run())
    try:
        yield
    finally:
        loop.stop()
        await task


async def ended(store: Store, generations: list[Generation]) -> list[Generation]:
    """The generations, once all of them have ended."""
    return await until(store, generations, lambda now: all(one.state in ENDED for one in now))


async def until(
    store: Store, generations: list[Generation], holds: Callable[[list[Generation]], bool]
) -> list[Generation]:
    """The generations, once the condition holds for them."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            now = [await store.get("local", one.id) for one in generations]
            if holds(now):
                return now
            await asyncio.sleep(0.02)


def running(now: list[Generation]) -> bool:
    """Whether all are being made."""
    return all(one.state == "processing" for one in now)


async def test_a_queued_generation_becomes_a_stored_image(
    loop: WorkerLoop, store: Store, blobs: Blobs, submit: Submit
) -> None:
    async with working(loop):
        [made] = await ended(store, await submit("a cat steps=2"))
    assert made.state == "succeeded"
    assert made.attempt == 1
    assert made.result_path == f"local/generations/file/main/{made.id}.png"
    image = Image.open(io.BytesIO(await blobs.get(made.result_path)))
    assert image.size == (64, 64)


async def test_many_generations_all_end_once(
    loop: WorkerLoop, store: Store, database: Database, submit: Submit
) -> None:
    asked = [one for _ in range(10) for one in await submit("steps=1", n=3)]
    async with working(loop):
        made = await ended(store, asked)
    assert {one.state for one in made} == {"succeeded"}
    log = (await EventLog(database).after("local", 0, 1000)).events
    assert sorted(event.generation_id for event in log if event.kind == "succeeded") == sorted(one.id for one in asked)


async def test_an_idle_worker_is_woken_by_a_hint(loop: WorkerLoop, store: Store, submit: Submit) -> None:
    async with working(loop):
        began = time.monotonic()
        for _ in range(5):
            await ended(store, await submit("steps=1"))
            await asyncio.sleep(0.1)  # now it sleeps, for a second if nothing wakes it
    assert time.monotonic() - began < 4


async def test_warnings_of_the_plan_reach_the_result(loop: WorkerLoop, store: Store, submit: Submit) -> None:
    async with working(loop):
        [made] = await ended(store, await submit("steps=1", input_fidelity="high"))
    assert made.warnings == ("input_fidelity changes nothing without an input image",)


async def test_an_input_image_reaches_the_engine(loop: WorkerLoop, store: Store, blobs: Blobs, submit: Submit) -> None:
    red = np.full((32, 32, 4), (255, 0, 0, 255), np.uint8)
    digest = await blobs.put_input(encode(red, "png"))
    async with working(loop):
        [made] = await ended(store, await submit("steps=1", inputs=(digest,), input_sizes=((32, 32),)))
    image = Image.open(io.BytesIO(await blobs.get(made.result_path or "")))
    assert image.getpixel((5, 5)) == (255, 0, 0)


async def test_a_missing_input_fails_its_generation_and_no_other(
    loop: WorkerLoop, store: Store, submit: Submit
) -> None:
    asked = await submit("steps=1", inputs=("0" * 64,), input_sizes=((32, 32),)) + await submit("steps=1")
    async with working(loop):
        lost, made = await ended(store, asked)
    assert (lost.state, lost.error_code) == ("failed", "storage_failed")
    assert made.state == "succeeded"


async def test_an_image_that_cannot_be_stored_fails_its_generation(
    loop: WorkerLoop, store: Store, settings: Settings, submit: Submit
) -> None:
    (settings.data / "images").rmdir()
    (settings.data / "images").touch()
    async with working(loop):
        [lost] = await ended(store, await submit("steps=1"))
    assert (lost.state, lost.error_code) == ("failed", "storage_failed")
    assert str(settings.data) not in (lost.error_message or "")


@pytest.mark.parametrize(
    ("word", "code", "neighbour"),
    [("fail", "engine_failed", "succeeded"), ("raise", "engine_failed", "failed"), ("oom", "out_of_memory", "failed")],
)
async def test_a_failure_ends_what_it_must_and_the_worker_goes_on(
    word: str, code: str, neighbour: str, loop: WorkerLoop, store: Store, submit: Submit
) -> None:
    asked = await submit(f"steps=2 {word}") + await submit("steps=4")
    async with working(loop):
        broken, beside = await ended(store, asked)
        [after] = await ended(store, await submit("steps=1"))
    assert (broken.state, broken.error_code) == ("failed", code)
    assert "shadow" not in (broken.error_message or "")
    assert beside.state == neighbour
    assert after.state == "succeeded"


async def test_a_cancelled_generation_leaves_the_engine_and_its_neighbour_goes_on(
    loop: WorkerLoop, store: Store, submit: Submit
) -> None:
    asked = await submit(LONG) + await submit("steps=20 step-seconds=0.05")
    async with working(loop):
        await until(store, asked, running)
        await store.cancel("local", asked[0].id)
        cancelled, made = await ended(store, asked)
        [after] = await ended(store, await submit("steps=1"))
    assert (cancelled.state, made.state, after.state) == ("cancelled", "succeeded", "succeeded")


async def test_a_cancel_is_noticed_without_any_hint(
    loop: WorkerLoop, store: Store, database: Database, submit: Submit
) -> None:
    asked = await submit(LONG)
    async with working(loop):
        await until(store, asked, running)
        await Store(database, Hints()).cancel("local", asked[0].id)
        began = time.monotonic()
        await ended(store, await submit("steps=1"))
    assert time.monotonic() - began < 5


async def test_a_generation_whose_lease_was_lost_is_made_anew_and_ends_once(
    loop: WorkerLoop, store: Store, hints: Hints, database: Database, submit: Submit
) -> None:
    asked = await submit("steps=10 step-seconds=0.05")
    async with working(loop):
        await until(store, asked, running)
        assert await Store(database, hints, Clock(uptime=lambda: time.monotonic() + 60)).reap() == 1
        [made] = await ended(store, asked)
    assert (made.state, made.attempt) == ("succeeded", 2)
    log = (await EventLog(database).after("local", 0)).events
    assert [event.kind for event in log] == ["queued", "started", "requeued", "started", "succeeded"]


async def test_a_lease_is_renewed_while_the_engine_works(loop: WorkerLoop, store: Store, submit: Submit) -> None:
    asked = await submit("steps=1 step-seconds=10")
    async with working(loop):
        await until(store, asked, running)
        await asyncio.sleep(3.3)
        assert await store.reap() == 0
        [made] = await ended(store, asked)
    assert (made.state, made.attempt) == ("succeeded", 1)


async def test_a_stopped_worker_gives_everything_back_uncounted(loop: WorkerLoop, store: Store, submit: Submit) -> None:
    asked = await submit(LONG, n=2)
    began = 0.0
    async with working(loop):
        await until(store, asked, running)
        began = time.monotonic()
    assert time.monotonic() - began < 3
    assert [one.state for one in [await store.get("local", one.id) for one in asked]] == ["queued", "queued"]


async def test_a_stop_does_not_wait_for_an_engine_that_hangs(loop: WorkerLoop, store: Store, submit: Submit) -> None:
    asked = await submit("steps=1 step-seconds=10")
    async with working(loop):
        await until(store, asked, running)
        began = time.monotonic()
    assert time.monotonic() - began < 8
    assert (await store.get("local", asked[0].id)).state == "queued"


async def test_a_newcomer_joins_the_running_batch(loop: WorkerLoop, store: Store, submit: Submit) -> None:
    first = await submit(LONG)
    async with working(loop):
        await until(store, first, running)
        [joined] = await ended(store, await submit("steps=2"))
        assert joined.state == "succeeded"
        assert running([await store.get("local", first[0].id)])


async def test_progress_goes_out_as_hints(loop: WorkerLoop, store: Store, hints: Hints, submit: Submit) -> None:
    with hints.listen("progress") as progress:
        async with working(loop):
            [made] = await ended(store, await submit("steps=5 step-seconds=0.01"))
        heard = await progress.wait(1)
    assert heard[-1] == ("progress", made.id, 5, 5)


async def test_a_worker_outlives_a_database_that_is_away(
    loop: WorkerLoop, store: Store, database: Database, settings: Settings, submit: Submit
) -> None:
    asked = await submit("steps=2")
    hidden = settings.data / "hidden"
    for connections in (database._reader, database._writer):
        connections.dispose()
    settings.database_file.rename(hidden)
    settings.database_file.mkdir()
    async with working(loop):
        await asyncio.sleep(0.3)
        settings.database_file.rmdir()
        hidden.rename(settings.database_file)
        [made] = await ended(store, asked)
    assert made.state == "succeeded"


async def test_a_newcomer_that_was_in_the_batch_before_is_kept_for_the_next() -> None:
    again, fresh = Job("a", plan=None), Job("b", plan=None)  # type: ignore[arg-type]

    async def join(batch_key: str, room: int) -> list[Job]:
        return [again, fresh]

    newcomers = Newcomers(join, {"a"})
    given: list[Job] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(2):
            while not given:
                given = newcomers("key", 4)
                await asyncio.sleep(0.01)
    assert given == [fresh]
    assert [job.id for job in await newcomers.late()] == ["a"]
