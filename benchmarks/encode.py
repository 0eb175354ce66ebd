"""What it costs to write a finished picture into a file, in time and in bytes, beside other ways to write a PNG.

    .venv/bin/python -m benchmarks.encode [--quick] [--picture a.png]

Without `--picture` storybook makes one. benchmarks/README.md says what each line means.
"""

import argparse
import io
import time
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from isal import isal_zlib
from PIL import Image

import limner
from benchmarks.results import Figure, Results, read_arguments
from limner.images.compose import flatten, paste_by_mask
from limner.images.encode import encode
from limner.images.intake import Pixels, read_image

PROMPT = "a large brown ox standing on a snowy road"
SEED = 3
MAX_PIXELS = 64_000_000
TIMES, QUICK_TIMES = 50, 3

Way = Callable[[], object]
"""One way to write the picture; answers the file's bytes, if it is a file."""


def filter_rows(rgb: Pixels, name: str) -> bytes:
    """The rows of a PNG before they are packed: as they are, or as differences to the left (`sub`) or above (`up`)."""
    rows = rgb.reshape(len(rgb), -1)
    filtered = np.zeros((len(rows), rows.shape[1] + 1), np.uint8)
    filtered[:, 0] = ("none", "sub", "up").index(name)
    filtered[:, 1:] = rows
    if name == "sub":
        filtered[:, 4:] -= rows[:, :-3]
    if name == "up":
        filtered[1:, 1:] -= rows[:-1]
    return filtered.tobytes()


def save(image: Image.Image, level: int) -> bytes:
    """A PNG by Pillow."""
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=level)
    return out.getvalue()


def find_ways(rgba: Pixels) -> dict[str, Way]:
    """What is measured, by name; the first is how a PNG is written here."""
    rgb = np.ascontiguousarray(rgba[..., :3])
    mask = np.zeros(rgba.shape[:2], np.uint8)
    mask[: len(mask) // 2] = 255
    clear = rgba.copy()
    clear[: len(clear) // 2, :, 3] = 128
    rows = {name: filter_rows(rgb, name) for name in ("none", "sub", "up")}
    return {
        "encode png": partial(encode, rgba, "png"),
        **{f"png by Pillow, level {level}": partial(save, Image.fromarray(rgb), level) for level in (1, 6)},
        **{f"isal 1 of filter {name}": partial(isal_zlib.compress, rows[name], 1) for name in rows},
        **{f"isal {level} of filter up": partial(isal_zlib.compress, rows["up"], level) for level in (0, 2)},
        "zlib 1 of filter up": partial(zlib.compress, rows["up"], 1),
        "encode png with alpha": partial(encode, clear, "png"),
        "encode jpeg": partial(encode, rgba, "jpeg"),
        "encode webp": partial(encode, rgba, "webp"),
        "encode webp, lossless": partial(encode, rgba, "webp", 100),
        "flatten what is opaque": partial(flatten, rgba),
        "flatten what is half clear": partial(flatten, clear),
        "paste by a mask": partial(paste_by_mask, rgba, clear, mask),
    }


def measure(rgba: Pixels, times: int, results: Results) -> None:
    """Time every way, in turns, so that none has the machine at a better moment."""
    ways = find_ways(rgba)
    took: dict[str, list[float]] = {name: [] for name in ways}
    made: dict[str, object] = {}
    for _ in range(times):
        for name, way in ways.items():
            began = time.thread_time()
            made[name] = way()
            took[name].append(time.thread_time() - began)
    figures = {name: Figure.median(seconds) for name, seconds in took.items()}
    for name, figure in figures.items():
        others = [other for other in figures if other.startswith("png by") and name == "encode png"]
        size = {"size": f"{len(data) / 1e3:.0f} kB"} if isinstance(data := made[name], bytes) else {}
        results.add(name, figure, {other: figure.times_better(figures[other]) for other in others}, **size)


def main() -> None:
    """Make or read the picture, then measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--picture", type=Path, help="file to encode in place of a picture of storybook")
    arguments = read_arguments(parser)
    if arguments.picture is None:
        quality = "low" if arguments.quick else "medium"
        data = limner.generate(PROMPT, seed=SEED, quality=quality)[0].bytes
    else:
        data = arguments.picture.read_bytes()
    results = Results("encode", arguments)
    rgba = flatten(read_image(data, max_pixels=MAX_PIXELS))
    measure(rgba, QUICK_TIMES if arguments.quick else TIMES, results)


if __name__ == "__main__":
    main()
