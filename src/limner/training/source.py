"""Where the pictures come from that a run learns from: a seam, and the world as one of its two sides (see `folder.py`).

A picture is known by a number, its seed.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from limner.errors import InvalidRequest
from limner.model.upsampler import FACTOR as LARGE_FACTOR
from limner.training import data, evaluate
from limner.training.data import Shape, Shard
from limner.training.progress import Watch
from limner.training.world import captions, render
from limner.training.world.scene import Scene

MANIFEST = "captions.json"
"""Kept beside the shards of a person's own pictures (`folder.py`); those of the world need none."""
FIRST_LARGE = 90_000_000

SIDE = 128
LARGE_SIDE = SIDE * LARGE_FACTOR
"""Pixels on each side of a square picture, at the base resolution and as large as the upsampler makes it."""


class Source(Protocol):
    """Pictures and the words for them."""

    @property
    def prompts(self) -> Sequence[str]:
        """What the contact sheets are drawn from."""

    def words(self) -> set[str]:
        """The words that the model shall know."""

    def shards(self, kept: Path, watch: Watch) -> list[Shard]:
        """All pictures, in files of the folder `kept`; those missing are made. Edits come last."""

    def word(self, seed: int, rng: random.Random) -> tuple[str, bool]:
        """A wording of a picture or an edit, and whether it asks for a transparent background."""

    def fill(self, seed: int, rng: random.Random) -> tuple[str, NDArray[np.bool_]] | None:
        """An edit as the filling of a hole in its input: words, and the latents that the hole covers."""

    def scenes(self, seeds: Sequence[int]) -> list[Scene]:
        """What the pictures, or the results of the edits, show; empty if nobody knows."""

    def large(self, kept: Path, count: int) -> list[Path]:
        """At most `count` square pictures of LARGE_SIDE, in files of the folder `kept`."""


@dataclass(frozen=True)
class World:
    """The picture world, drawn by so many processes: it has as many pictures and wordings as one likes, and edits."""

    shapes: tuple[Shape, ...]
    edits: dict[str, int]
    processes: int
    prompts: Sequence[str] = evaluate.PROMPTS

    def words(self) -> set[str]:
        """All that a caption or an instruction can contain."""
        return captions.words()

    def shards(self, kept: Path, watch: Watch) -> list[Shard]:
        """Drawn from their seeds; InvalidRequest if the folder has somebody's own pictures."""
        if (kept / MANIFEST).exists():
            raise InvalidRequest(f"{kept.parent} was begun with --data; take another --folder", field="folder")
        return data.draw_shards(kept, self.shapes, self.edits, self.processes, watch)

    def word(self, seed: int, rng: random.Random) -> tuple[str, bool]:
        """A fresh wording each time."""
        return data.word_edit(seed, rng) if _is_edit(seed) else data.word_caption(seed, rng)

    def fill(self, seed: int, rng: random.Random) -> tuple[str, NDArray[np.bool_]] | None:
        """Those of which a subject changes."""
        return data.fill_edit(seed, rng)

    def scenes(self, seeds: Sequence[int]) -> list[Scene]:
        """Drawn again from the seeds."""
        return [data.edit_of(seed).after if _is_edit(seed) else data.scene_of(seed) for seed in seeds]

    def large(self, kept: Path, count: int) -> list[Path]:
        """Scenes of their own, drawn at the full size."""
        paths = []
        for seed in range(FIRST_LARGE, FIRST_LARGE + count):
            paths.append(kept / f"{seed}.png")
            if not paths[-1].exists():
                data.save_picture(paths[-1], render.render(data.scene_of(seed), LARGE_SIDE, LARGE_SIDE))
        return paths


def _is_edit(seed: int) -> bool:
    return min(data.FIRST_EDIT.values()) <= seed < FIRST_LARGE
