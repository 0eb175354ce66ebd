"""Intake for a process that must go on answering: pictures are decoded in threads of their own, two at once.

A decoded picture takes up to a gigabyte on its way, so the number of threads is what bounds the memory.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, BinaryIO, TypeVar

from limner.images.encode import encode
from limner.images.intake import read_image, read_media_type

AT_ONCE = 2
_threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="intake")
Found = TypeVar("Found")


async def normalise(data: bytes | BinaryIO, **checks: Any) -> tuple[bytes, tuple[int, int]]:
    """A picture as plain PNG and its (width, height); `checks` and errors are those of `read_image`.

    A file is read when its turn has come, so that those that wait take no memory.
    """
    return await _in_line(_normalise, data, **checks)


async def find_media_type(data: bytes, **checks: Any) -> str:
    """The media type of a whole picture; `checks` and errors are those of `read_media_type`."""
    return await _in_line(read_media_type, data, **checks)


async def _in_line(work: Callable[..., Found], data: bytes | BinaryIO, **checks: Any) -> Found:
    return await asyncio.get_running_loop().run_in_executor(_threads, partial(work, data, **checks))


def _normalise(data: bytes | BinaryIO, **checks: Any) -> tuple[bytes, tuple[int, int]]:
    rgba = read_image(data if isinstance(data, bytes) else data.read(), **checks)
    return encode(rgba, "png"), (rgba.shape[1], rgba.shape[0])
