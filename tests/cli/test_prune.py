"""`limner prune` on a data folder that is in use: what goes, what never goes, and what a reader is told of it."""

import asyncio
import json
import os
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from limner.api.assets import Files
from limner.api.events import Subscription, follow
from limner.api.feed import Feed
from limner.cli.main import run as limner
from limner.cli.prune import PAUSE_SECONDS, read_age, read_size, run
from limner.errors import InvalidRequest, NotFound
from limner.images import shelves
from limner.images.blobs import Blobs, result_path
from limner.queue.events import EventLog
from limner.queue.hints import Hints
from limner.queue.history import Rule
from limner.queue.store import Store
from limner.records.assets import Asset, Assets
from limner.records.engine import Database
from limner.records.schema import generations
from limner.settings import Settings
from limner.wire import Generation

Submit = Callable[..., Any]
Make = Callable[..., Awaitable[Generation]]
DAY = 86_400.0
OLD = Rule(older_than_seconds=DAY)


@pytest.fixture
def make(database: Database, store: Store, blobs: Blobs, submit: Submit) -> Make:
    """A generation that succeeded `days` ago with a result of 1000 bytes, made from `inputs`; all of it that old."""

    async def make(days: float, *inputs: bytes, namespace: str = "local") -> Generation:
        digests = [await blobs.put_input(data) for data in inputs]
        [queued] = await submit("ox", namespace=namespace, inputs=digests, input_sizes=[(64, 64)] * len(inputs))
        [taken] = await store.claim("w", ["tiny"], 1, 60.0)
        path = result_path(namespace, taken.id, "png")
        await blobs.put(path, b"0" * 1000)
        await store.finish("w", taken.id, taken.attempt, path, [])
        ended = sa.update(generations).where(generations.c.id == queued.id)
        ended = ended.values(completed_at=time.time() - days * DAY)
        await database.write(lambda connection: connection.execute(ended))
        for digest in digests:
            age(blobs, shelves.digest_path(shelves.INPUTS, digest), days)
        age(blobs, path, days)
        return await store.get(namespace, queued.id)

    return make


def age(blobs: Blobs, path: str, days: float) -> None:
    """Make the file at `path` that old."""
    os.utime(blobs._images / path, (time.time() - days * DAY,) * 2)


async def left(store: Store) -> list[str]:
    """Ids of the generations of `local` that are left, in order of arrival."""
    found = await store.find("local", states=("queued", "processing", "succeeded", "failed", "cancelled"))
    return [one.id for one in reversed(found)]


async def test_what_is_old_goes_with_its_files_and_a_dry_run_touches_nothing(
    settings: Settings, store: Store, blobs: Blobs, make: Make
) -> None:
    old, new = await make(3, b"only its own", b"shared"), await make(0.5, b"shared")
    before = {blob.path for blob in shelves.walk(settings.data)}
    assert await run(settings, OLD, yes=False) == (1, 2, 1000 + len(b"only its own"))
    assert {blob.path for blob in shelves.walk(settings.data)} == before
    assert await left(store) == [old.id, new.id]
    assert await run(settings, OLD, yes=True) == (1, 2, 1000 + len(b"only its own"))
    assert await left(store) == [new.id]
    assert {blob.path for blob in shelves.walk(settings.data)} == {
        result_path("local", new.id, "png"),
        shelves.digest_path(shelves.INPUTS, new.plan.inputs[0]),
    }
    assert await blobs.get_input(new.plan.inputs[0]) == b"shared"
    assert await run(settings, OLD, yes=True) == (0, 0, 0)


async def test_the_oldest_results_go_until_the_rest_fits(settings: Settings, store: Store, make: Make) -> None:
    made = [await make(days) for days in (5, 4, 3, 2, 0)]
    other = await make(9, namespace="other")
    assert await run(settings, Rule(down_to_bytes=3500, namespace="local"), yes=True) == (2, 2, 2000)
    assert await left(store) == [one.id for one in made[2:]]
    assert (await store.get("other", other.id)).state == "succeeded"
    assert await run(settings, Rule(down_to_bytes=0), yes=True) == (3, 3, 3000)
    assert await left(store) == [made[-1].id], "what is younger than an hour stays"


async def test_live_ones_and_their_inputs_never_go(
    settings: Settings, store: Store, blobs: Blobs, submit: Submit, make: Make
) -> None:
    await make(9, b"input")
    digest = await blobs.put_input(b"input")
    [waiting] = await submit("ox", inputs=[digest], input_sizes=[(64, 64)])
    [running] = await store.claim("w", ["tiny"], 1, 3600.0)
    [second] = await submit("ox")
    path = result_path("local", running.id, "png")
    await blobs.put(path, b"stored, and about to be finished")
    for name in (path, shelves.digest_path(shelves.INPUTS, digest)):
        age(blobs, name, 9)
    assert running.id == waiting.id
    assert (await run(settings, Rule(3600.0, 0), yes=True)).generations == 1
    assert await left(store) == [running.id, second.id]
    assert await blobs.get_input(digest) == b"input"
    await store.finish("w", running.id, running.attempt, path, [])
    assert await blobs.get(path)


async def test_what_no_row_names_goes_once_it_is_old(
    settings: Settings, database: Database, store: Store, blobs: Blobs, submit: Submit
) -> None:
    [cancelled] = await submit("ox")
    await store.cancel("local", cancelled.id)
    late = result_path("local", cancelled.id, "png")
    unfinished = f"{result_path('local', cancelled.id, 'webp')}#1"
    stored, lost = await blobs.put_asset(b"stored"), await blobs.put_asset(b"its row was never written")
    await Assets(database).add([Asset("local", "pictures", "a.png", stored, "", "", 6, "image/png", 1.0)])
    await blobs.put(late, b"too late")
    (settings.data / "images" / unfinished).write_bytes(b"unf")
    await blobs.put_preview("p.png", b"part")
    for path in [blob.path for blob in shelves.walk(settings.data)]:
        age(blobs, path, 1)
    await blobs.put_input(b"just stored, and its row is on the way")
    assert (await run(settings, Rule(), yes=True)).files == 4
    assert {blob.size for blob in shelves.walk(settings.data)} == {6, 38}
    assert await blobs.get_asset(stored) == b"stored"
    with pytest.raises(NotFound):
        await blobs.get_asset(lost)


async def test_what_a_crash_left_between_row_and_file_goes_the_next_time(
    settings: Settings, database: Database, make: Make
) -> None:
    gone = await make(3, b"input")
    await database.write(
        lambda connection: connection.execute(sa.delete(generations).where(generations.c.id == gone.id))
    )
    assert await run(settings, Rule(), yes=True) == (0, 2, 1000 + len(b"input"))


async def test_requests_that_come_meanwhile_keep_their_inputs(
    settings: Settings, store: Store, blobs: Blobs, submit: Submit, make: Make
) -> None:
    for _ in range(5):
        await make(2, b"0", b"1")
    waited = []

    async def request(number: int) -> None:
        digest = await blobs.put_input(b"%d" % (number % 4))
        began = time.monotonic()
        await submit("ox", inputs=[digest], input_sizes=[(64, 64)])
        waited.append(time.monotonic() - began)
        # As if it had been stored long ago: now only its row keeps it.
        age(blobs, shelves.digest_path(shelves.INPUTS, digest), 2)

    async def arrive() -> None:
        for number in range(40):
            await request(number)
            await asyncio.sleep(PAUSE_SECONDS / 5)

    arriving = asyncio.create_task(arrive())
    while not arriving.done():
        await run(settings, OLD, yes=True)
    await arriving
    queued = await store.find("local")
    assert len(queued) == len(await left(store)) == 40
    for one in queued:
        assert await blobs.get_input(one.plan.inputs[0])


async def test_a_reader_of_old_events_is_told_that_the_image_is_gone(
    settings: Settings, database: Database, blobs: Blobs, store: Store, hints: Hints, make: Make
) -> None:
    gone, kept = await make(2), await make(0.5)
    await database.write(
        lambda connection: connection.execute(sa.text("UPDATE events SET created_at = created_at - 40000"))
    )
    await run(settings, OLD, yes=True)
    files = Files(Assets(database), blobs, settings)
    feed = Feed(EventLog(database), hints, store)
    told = []
    stream = follow(feed, files, Subscription("local", frozenset({"succeeded"}), 0, 0, "http://here"))
    async for message in stream:
        told.append(json.loads(str(message.data)))
        if len(told) == 2:
            break
    await stream.aclose()
    await feed.close()
    assert (told[0]["generation_id"], told[0]["status"], told[0]["url"]) == (gone.id, "succeeded", None)
    assert told[0]["warnings"][-1] == "The image has been removed from this server."
    assert told[1]["generation_id"] == kept.id
    assert told[1]["url"].startswith("http://here/api/repos/local/generations/")


def test_ages_and_sizes_are_read_and_others_are_refused() -> None:
    assert (read_age("36h"), read_age("30d"), read_age("4w")) == (36 * 3600, 30 * DAY, 28 * DAY)
    assert (read_size("5GB"), read_size("1.5mb"), read_size("0B")) == (5 * 10**9, 1_500_000, 0)
    for age in ("30", "d", "0d", "1m", "-1d", "1 d", "1d\n", "٣d"):
        with pytest.raises(InvalidRequest, match="--older-than must be such as 36h, 30d or 4w"):
            read_age(age)
    for size in ("5", "GB", "-1GB", "5 GB", "1e9B", "5GiB", "٣B"):
        with pytest.raises(InvalidRequest, match=re.escape("--down-to must be such as 500MB or 1.5GB")):
            read_size(size)


def test_the_command_shows_numbers_and_needs_a_data_folder(
    settings: Settings, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert limner(["prune", "--data", str(data), "--older-than", "30d"]) == 0
    assert capsys.readouterr().out == "0 generations, 0 files, 0 bytes would be removed; --yes removes them.\n"
    assert limner(["prune", "--data", str(data), "--down-to", "5GB", "--namespace", "ada", "--yes"]) == 0
    assert capsys.readouterr().out == "0 generations, 0 files, 0 bytes removed.\n"
    assert limner(["prune", "--data", str(data), "--older-than", "soon"]) == 1
    assert "--older-than must be" in capsys.readouterr().err
    assert limner(["prune", "--data", str(data / "absent")]) == 3
    assert "There is no database in" in capsys.readouterr().err
    assert not (data / "absent").exists()
