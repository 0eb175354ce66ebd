"""Pictures and captions for training: drawn beforehand by processes, read back as arrays. No network here.

A picture is known by its seed: the scene is drawn again from the seed to word a fresh caption each time it is used, so
that one picture is never worded only one way.
"""

import math
import multiprocessing
import random
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from limner.training.world import captions, pairs, render, scene

SHARD = 1000
"""Pictures in a shard file."""

UNKNOWN_SHARE = 0.02
"""Share of caption words replaced by one that the tokenizer does not know, so that `<unknown>` is learned too."""


@dataclass(frozen=True)
class Shape:
    """One shape of training picture, in pixels, and how many of it are drawn."""

    name: str
    width: int
    height: int
    count: int


def scene_of(seed: int) -> scene.Scene:
    """The scene of picture `seed`; the same for ever."""
    return pairs.training_pair(random.Random(seed))[0]


def word_caption(seed: int, rng: random.Random) -> tuple[str, bool]:
    """A fresh caption of picture `seed`, and whether it asks for a transparent background.

    A picture without a place may be worded as if it had one: then only the transparent mark explains the picture, which
    is what teaches the mark to win over the words.
    """
    shown = scene_of(seed)
    if shown.place != scene.NO_PLACE:
        return _blur(captions.caption(shown, rng), rng), False
    if rng.random() < 0.4:
        told = scene.Scene(
            place=rng.choice(scene.PLACES),
            time=rng.choice(scene.TIMES),
            weather=rng.choice(scene.WEATHERS),
            subjects=shown.subjects,
        )
        if not scene.is_held_out(told):
            return _blur(captions.caption(told, rng), rng), True
    return _blur(captions.caption(shown, rng), rng), rng.random() < 0.4


def _blur(text: str, rng: random.Random) -> str:
    return " ".join("xyzzy" if rng.random() < UNKNOWN_SHARE else word for word in text.split())


def draw_pictures(folder: Path, shapes: tuple[Shape, ...], processes: int) -> int:
    """Draw every shard that is not there yet and return how many were drawn; can be stopped and started again."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = []
    for number, shape in enumerate(shapes):
        for shard in range(math.ceil(shape.count / SHARD)):
            path = folder / f"{shape.name}-{shard:04d}.npy"
            if not path.exists():
                missing.append((path, shape, number * 10_000_000 + shard * SHARD))
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        list(pool.map(_draw_shard, missing))
    return len(missing)


def _draw_shard(task: tuple[Path, Shape, int]) -> None:
    path, shape, first_seed = task
    seeds = range(first_seed, first_seed + min(SHARD, shape.count))
    pictures = np.stack([render.render(scene_of(seed), shape.width, shape.height) for seed in seeds])
    partial = path.with_suffix(".part")
    with partial.open("wb") as file:
        np.save(file, pictures)
    partial.rename(path)


def shards(folder: Path, name: str) -> list[Path]:
    """The shard files of one shape that are there, in order."""
    return sorted(folder.glob(f"{name}-[0-9]*.npy"))


def first_seed(path: Path, shapes: tuple[Shape, ...]) -> int:
    """The seed of the first picture in a shard file."""
    name, shard = path.stem.rsplit("-", 1)
    number = next(i for i, shape in enumerate(shapes) if shape.name == name)
    return number * 10_000_000 + int(shard) * SHARD


def read_pictures(paths: list[Path]) -> list[NDArray[np.uint8]]:
    """Shards in memory, each (count, height, width, 4): random access to mapped files would wait for the disk."""
    return [np.load(path) for path in paths]
