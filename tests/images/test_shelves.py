"""The files of the store as a whole: which are its own, and that nothing goes which a row is about to name."""

import asyncio
import os
import threading
import time
from pathlib import Path

import pytest

from limner.errors import StorageFailed
from limner.images import shelves
from limner.images.blobs import Blobs

RESULT = "local/generations/file/main/0a1b2c3d-0000-4000-8000-000000000000.png"
HOUR = 3600.0


def make_old(data: Path, path: str) -> shelves.Blob:
    """The file at `path`, last written two hours ago."""
    os.utime(data / "images" / path, (time.time() - 2 * HOUR,) * 2)
    [found] = [blob for blob in shelves.walk(data) if blob.path == path]
    return found


async def test_a_walk_finds_what_the_store_made_and_nothing_else(data: Path) -> None:
    blobs = Blobs(data)
    await blobs.put(RESULT, b"picture")
    await blobs.put_preview("p/0.png", b"part")
    digest = await blobs.put_input(b"pixels")
    own = {RESULT, "_previews/p/0.png", f"_inputs/{digest[:2]}/{digest}", f"{RESULT}#1"}
    (data / "images" / f"{RESULT}#1").write_bytes(b"unfin")
    (data / "images" / "notes.txt").write_text("mine")
    (data / "images" / "local" / "holiday.png").write_text("mine")
    found = {blob.path: blob for blob in shelves.walk(data)}
    assert set(found) == own
    assert (found[RESULT].size, found[RESULT].file.read_bytes()) == (7, b"picture")
    assert list(shelves.walk(data / "absent")) == []


@pytest.mark.parametrize(
    "path",
    ["", "..", f"../{RESULT}", f"/{RESULT}", f"{RESULT}#1", f"{RESULT}\n", "_inputs/ab/short", "a/b/file/main/x.png",
     f"./{RESULT}", RESULT.replace(".png", ".svg"), "../generations/file/main/" + "0" * 36 + ".png"],
)  # fmt: skip
def test_no_other_path_is_that_of_a_blob(path: str) -> None:
    assert not shelves.is_blob(path)
    assert shelves.is_blob(RESULT)
    assert shelves.is_blob(shelves.digest_path(shelves.ASSETS, "0f" * 32))


async def test_only_an_old_file_is_removed(data: Path) -> None:
    await Blobs(data).put(RESULT, b"picture")
    [young] = shelves.walk(data)
    assert not shelves.remove(data, young, HOUR)
    old = make_old(data, RESULT)
    assert shelves.remove(data, old, HOUR)
    assert not shelves.remove(data, old, HOUR)
    assert not await Blobs(data).exists(RESULT)


async def test_what_is_stored_again_is_young_again(data: Path) -> None:
    blobs = Blobs(data)
    digest = await blobs.put_input(b"pixels")
    old = make_old(data, shelves.digest_path(shelves.INPUTS, digest))
    assert await blobs.put_input(b"pixels") == digest
    assert not shelves.remove(data, old, HOUR)
    assert await blobs.get_input(digest) == b"pixels"


async def test_whoever_stores_while_another_removes_finds_it_stored(data: Path) -> None:
    blobs = Blobs(data)
    digest = await blobs.put_input(b"pixels")
    file = data / "images" / shelves.digest_path(shelves.INPUTS, digest)
    stopped = threading.Event()

    def keep_removing() -> int:
        removed = 0
        while not stopped.is_set():
            for blob in shelves.walk(data):
                removed += shelves.remove(data, blob, HOUR)
        return removed

    removing = asyncio.create_task(asyncio.to_thread(keep_removing))
    try:
        for _ in range(100):
            await blobs.put_input(b"pixels")
            assert await blobs.get_input(digest) == b"pixels"
            os.utime(file, (time.time() - 2 * HOUR,) * 2)
            await asyncio.sleep(0.002)
    finally:
        stopped.set()
    assert await removing > 0


async def test_nothing_is_removed_while_somebody_holds(data: Path) -> None:
    await Blobs(data).put(RESULT, b"picture")
    old = make_old(data, RESULT)
    with shelves.hold(data), shelves.hold(data):
        removing = asyncio.create_task(asyncio.to_thread(shelves.remove, data, old, HOUR))
        await asyncio.sleep(0.2)
        assert await Blobs(data).get(RESULT) == b"picture"
        assert shelves.make_young(data, RESULT)
        make_old(data, RESULT)
    assert await removing


def test_a_store_that_cannot_be_locked_says_so_without_its_path(data: Path) -> None:
    with pytest.raises(StorageFailed) as failed:
        shelves.make_young(data / "absent", RESULT)
    assert str(data) not in failed.value.message
