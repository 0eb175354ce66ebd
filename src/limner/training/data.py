"""Pictures of the world and captions for them: drawn beforehand by processes, kept as arrays. No network here.

A picture is known by its seed: the scene is drawn again from the seed to word a fresh caption each time it is used, so
that one picture is never worded only one way.
"""

import math
import multiprocessing
import random
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from limner.model.autoencoder import FACTOR
from limner.training.progress import Progress, Watch
from limner.training.world import captions, edits, pairs, render, scene

Task = TypeVar("Task")

SHARD = 1000
"""Pictures, or edits, in a shard file."""

EDIT_SIDE = 128
EDIT, COMBINE = "edit", "combine"
FIRST_EDIT = {EDIT: 50_000_000, COMBINE: 60_000_000}
"""Names of the shards of edits with one input and with two, and the seed of the first of each."""
SEEDS_A_SHAPE = 10_000_000

HOLE_CELLS = (EDIT_SIDE // FACTOR, EDIT_SIDE // FACTOR)
HOLE_MARGINS = (0.0, 0.0, 8.0)
"""Units around what an edit changes that its hole has too; people paint masks closely or widely."""

UNKNOWN_SHARE = 0.02
"""Share of caption words replaced by one that the tokenizer does not know, so that `<unknown>` is learned too."""


@dataclass(frozen=True)
class Shape:
    """One shape of training picture, in pixels, and how many of it are drawn."""

    name: str
    width: int
    height: int
    count: int


@dataclass(frozen=True)
class Shard:
    """A file of pictures (count, height, width, 4), or of edits (count, inputs and result, height, width, 4)."""

    path: Path
    first_seed: int


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
        return blur(captions.caption(shown, rng), rng), False
    if rng.random() < 0.4:
        told = scene.Scene(
            place=rng.choice(scene.PLACES),
            time=rng.choice(scene.TIMES),
            weather=rng.choice(scene.WEATHERS),
            subjects=shown.subjects,
            style=shown.style,
            light=shown.light,
        )
        if not scene.is_held_out(told):
            return blur(captions.caption(told, rng), rng), True
    return blur(captions.caption(shown, rng), rng), rng.random() < 0.4


def edit_of(seed: int) -> edits.Edit:
    """The edit `seed`; the same for ever."""
    return edits.draw_edit(random.Random(seed), "combine" if seed >= FIRST_EDIT[COMBINE] else "")


def word_edit(seed: int, rng: random.Random) -> tuple[str, bool]:
    """A fresh wording of edit `seed`, and whether the result has a transparent background."""
    edit = edit_of(seed)
    return blur(edits.word_edit(edit, rng), rng), edit.after.place == scene.NO_PLACE


def fill_edit(seed: int, rng: random.Random) -> tuple[str, NDArray[np.bool_]] | None:
    """Edit `seed` as the filling of a hole: words for it, and the hole in cells of a latent; None if it cannot be."""
    edit = edit_of(seed)
    if edit.kind not in edits.FILLED:
        return None
    cells = edits.hole(edit, *HOLE_CELLS, rng.choice(HOLE_MARGINS))
    return blur(edits.fill(edit, rng), rng), cells


def blur(text: str, rng: random.Random) -> str:
    """The text with a word here and there that the tokenizer does not know."""
    return " ".join("xyzzy" if rng.random() < UNKNOWN_SHARE else word for word in text.split())


def draw_shards(
    folder: Path, shapes: tuple[Shape, ...], edit_counts: dict[str, int], processes: int, watch: Watch
) -> list[Shard]:
    """Every shard of the shapes and of so many edits; those missing are drawn, so that a stopped run goes on."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [(shape, number * SEEDS_A_SHAPE) for number, shape in enumerate(shapes)]
    wanted += [(Shape(name, EDIT_SIDE, EDIT_SIDE, count), FIRST_EDIT[name]) for name, count in edit_counts.items()]
    tasks = [
        (Shard(folder / f"{shape.name}-{number:04d}.npy", first_seed + number * SHARD), shape)
        for shape, first_seed in wanted
        for number in range(math.ceil(shape.count / SHARD))
    ]
    make_files("drawing", _draw_shard, [task for task in tasks if not task[0].path.exists()], processes, watch)
    return [shard for shard, _ in tasks]


def make_files(stage: str, make: Callable[[Task], None], tasks: list[Task], processes: int, watch: Watch) -> None:
    """Do every task in one of the processes; the first error ends them all."""
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        for made, _ in enumerate(pool.map(make, tasks), start=1):
            watch(Progress(stage, made / len(tasks)))


def _draw_shard(task: tuple[Shard, Shape]) -> None:
    shard, shape = task
    seeds = range(shard.first_seed, shard.first_seed + min(SHARD, shape.count))
    if shape.name in FIRST_EDIT:
        found = map(edit_of, seeds)
        drawn = [np.stack([_render(each, shape) for each in (*edit.inputs, edit.after)]) for edit in found]
    else:
        drawn = [_render(scene_of(seed), shape) for seed in seeds]
    save_shard(shard.path, drawn)


def save_shard(path: Path, pictures: list[NDArray[np.uint8]]) -> None:
    """Write a shard; a file that was only begun never has its name."""
    partial = path.with_suffix(".part")
    with partial.open("wb") as file:
        np.save(file, np.stack(pictures))
    partial.rename(path)


def save_picture(path: Path, picture: NDArray[np.uint8]) -> None:
    """The same for one picture, as PNG."""
    partial = path.with_suffix(".part")
    Image.fromarray(picture).save(partial, "PNG", compress_level=1)
    partial.rename(path)


def _render(shown: scene.Scene, shape: Shape) -> NDArray[np.uint8]:
    return render.render(shown, shape.width, shape.height)
