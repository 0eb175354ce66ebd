"""The image store: what is put is there, whole, after a restart; signatures open one path until one moment."""

import asyncio
import hashlib
import os
import uuid
from pathlib import Path

import pytest

from limner.errors import NotFound, StorageFailed
from limner.images.blobs import Blobs, preview_path, result_path

PATH = "local/generations/file/main/0a1b2c3d-0000-4000-8000-000000000000.png"


async def test_what_is_put_is_there_and_survives_a_restart(tmp_path: Path) -> None:
    await Blobs(tmp_path).put(PATH, b"picture")
    assert await Blobs(tmp_path).get(PATH) == b"picture"
    assert await Blobs(tmp_path).exists(PATH)
    assert await Blobs(tmp_path).size(PATH) == len(b"picture")


async def test_a_second_put_replaces_the_first(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    await blobs.put(PATH, b"one")
    await blobs.put(PATH, b"two")
    assert await blobs.get(PATH) == b"two"
    await blobs.delete(PATH)
    await blobs.delete(PATH)
    assert not await blobs.exists(PATH)


async def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as missing:
        await Blobs(tmp_path).get(PATH)
    assert str(tmp_path) not in missing.value.message
    with pytest.raises(NotFound):
        await Blobs(tmp_path).size(PATH)


async def test_nobody_reads_a_half_written_picture(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    await blobs.put(PATH, b"0" * 3_000_000)
    seen: set[bytes] = set()

    async def look() -> None:
        for _ in range(10):
            seen.add((await blobs.get(PATH))[:1] + b"%d" % len(await blobs.get(PATH)))

    await asyncio.gather(look(), *(blobs.put(PATH, digit * 3_000_000) for digit in (b"1", b"2", b"3")))
    assert seen <= {b"%d3000000" % digit for digit in range(4)}


async def test_a_store_that_cannot_be_written_says_so_without_its_path(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    (tmp_path / "images" / "local").write_text("in the way")
    with pytest.raises(StorageFailed) as failed:
        await blobs.put(PATH, b"x")
    assert str(tmp_path) not in failed.value.message


async def test_inputs_are_stored_once_under_their_digest(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    digest = await blobs.put_input(b"pixels")
    assert digest == hashlib.sha256(b"pixels").hexdigest() == await blobs.put_input(b"pixels")
    assert await blobs.get_input(digest) == b"pixels"
    assert len([file for file in (tmp_path / "images").rglob("*") if file.is_file()]) == 1
    with pytest.raises(NotFound):
        await blobs.get_asset(digest)


def test_a_result_lies_where_its_address_says() -> None:
    assert result_path("local", "0a1b", "webp") == "local/generations/file/main/0a1b.webp"


def test_a_signature_opens_one_path_until_one_moment(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    signature = blobs.sign(PATH, 1_000)
    assert blobs.verify(PATH, 1_000, signature, now=999.9)
    assert not blobs.verify(PATH, 1_000, signature, now=1_000)
    assert not blobs.verify(PATH, 1_001, signature, now=0)
    assert not blobs.verify(PATH.replace("local", "other"), 1_000, signature, now=0)
    assert not blobs.verify(PATH, 1_000, "", now=0)
    assert not blobs.verify(PATH, 1_000, "ümlaut", now=0)
    for index in range(0, len(signature), 7):
        other = "0" if signature[index] != "0" else "1"
        assert not blobs.verify(PATH, 1_000, signature[:index] + other + signature[index + 1 :], now=0)


def test_the_signing_key_is_secret_and_outlives_the_process(tmp_path: Path) -> None:
    signature = Blobs(tmp_path).sign(PATH, 1_000)
    assert Blobs(tmp_path).verify(PATH, 1_000, signature, now=0)
    (key,) = tmp_path.glob("*.key*")
    assert key.stat().st_mode & 0o777 == 0o600
    assert len(key.read_bytes()) == 32


def test_another_installation_signs_otherwise(tmp_path: Path) -> None:
    assert Blobs(tmp_path / "one").sign(PATH, 1_000) != Blobs(tmp_path / "two").sign(PATH, 1_000)


async def test_partial_images_go_when_they_are_old_and_nothing_else_does(blobs: Blobs, data: Path) -> None:
    old, young = (preview_path("local", str(uuid.uuid4()), 0, "png") for _ in range(2))
    for path in (old, young):
        await blobs.put_preview(path, b"x")
    await blobs.put(old, b"a result of that name")
    for file in (data / "images").rglob("*.png"):
        if file.is_relative_to(data / "images" / "_previews") and Path(old).parent.name in file.parts:
            os.utime(file, (0, 0))
    assert await blobs.drop_previews(600) == 1
    assert await blobs.get_preview(young) == b"x"
    assert await blobs.get(old) == b"a result of that name"
    with pytest.raises(NotFound):
        await blobs.get_preview(old)
