"""The door in a running loop: two pictures at once and no more, and the loop goes on meanwhile."""

import asyncio
import io
import threading

import numpy as np
import pytest
from PIL import Image

from limner.errors import InvalidRequest, TooLarge
from limner.images import door
from limner.images.intake import read_image


def picture(side: int) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (side, side, 3), dtype=np.uint8)).save(out, "PNG")
    return out.getvalue()


async def test_what_comes_out_is_plain_png_of_the_same_pixels() -> None:
    data = picture(20)
    png, size = await door.normalise(data, max_pixels=400)
    assert size == (20, 20)
    assert np.array_equal(read_image(png, max_pixels=400), read_image(data, max_pixels=400))
    assert await door.find_media_type(data, max_pixels=400) == "image/png"


async def test_a_refusal_comes_through_as_it_is() -> None:
    with pytest.raises(TooLarge, match="mask has more than 399 pixels"):
        await door.normalise(picture(20), max_pixels=399, field="mask")
    with pytest.raises(InvalidRequest, match="mask is not a whole"):
        await door.find_media_type(b"", max_pixels=399, field="mask")


async def test_a_file_is_read_when_its_turn_has_come() -> None:
    data, held, most = picture(300), 0, 0

    class File(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            nonlocal held, most
            held += 1
            most = max(most, held)
            return super().read(size)

    async def take() -> None:
        nonlocal held
        await door.normalise(File(data), max_pixels=10**6)
        held -= 1

    await asyncio.gather(*(take() for _ in range(20)))
    assert most <= 2 * door.AT_ONCE  # those in their turn, and those whose end this loop has not seen yet


async def test_two_pictures_are_decoded_at_once_while_the_loop_goes_on() -> None:
    data = picture(700)
    tasks = [asyncio.create_task(door.normalise(data, max_pixels=10**6)) for _ in range(12)]
    turns, most = 0, 0
    while not all(task.done() for task in tasks):
        await asyncio.sleep(0)
        turns += 1
        most = max(most, sum(thread.name.startswith("intake") for thread in threading.enumerate()))
    assert turns > len(tasks)
    assert most == door.AT_ONCE
    assert {(await task)[1] for task in tasks} == {(700, 700)}
