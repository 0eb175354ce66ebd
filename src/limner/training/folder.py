"""A person's own pictures as a source: what they are to the stages. Nobody knows what a picture shows.

The folder itself is read by `captioned.py`.
"""

import json
import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from limner.errors import InvalidRequest
from limner.model.text import MARKS, split_words
from limner.training import data
from limner.training.captioned import Picture, fit, fit_shard, read_folder, wrong
from limner.training.data import SHARD, Shape, Shard
from limner.training.progress import Watch
from limner.training.recipe import Recipe
from limner.training.source import LARGE_SIDE, MANIFEST
from limner.training.world.scene import Scene

LEAST_SEEN = 2
"""A word that is seen less often is an unknown one: nothing could be learned about it alone."""
PROMPTS = 10
CLEAR, CLEAR_SHARE = 128, 0.01
"""A picture more than this share of which has an alpha below this has a transparent background."""


class Folder:
    """The captioned pictures of a folder; InvalidRequest says what is wrong with them."""

    def __init__(self, folder: Path, recipe: Recipe, processes: int) -> None:
        pictures = read_folder(folder)
        batch = max(recipe.denoiser.batch, recipe.decoder.batch)
        if len(pictures) < batch:
            raise wrong(f"{len(pictures)} pictures are too few: one batch of the recipe {recipe.size} takes {batch}")
        random.Random(0).shuffle(pictures)  # neighbours by name are often alike, and batches are cut from neighbours
        self.prompts: Sequence[str] = [picture.captions[0] for picture in pictures[:PROMPTS]]
        self._groups = by_shape(pictures, recipe.shapes, batch)
        self._pictures = [picture for _, group in self._groups for picture in group]
        self._processes, self._most_words = processes, recipe.text_length - MARKS
        self._clear: list[bool] = []
        for picture in pictures:
            for text in picture.captions:
                if not split_words(text):
                    message = f"the caption {text!r} of {picture.name} has no word"
                    raise wrong(f"{message}; words are made of the letters a to z, or of digits")
        if not self.words():
            raise wrong(f"no word is in the captions {LEAST_SEEN} times, so that there is none to learn")

    def remarks(self) -> Iterator[str]:
        """What the person should know before the hours begin."""
        names = ", ".join(f"{len(group)} {shape.name}" for shape, group in self._groups)
        yield f"{len(self._pictures)} pictures ({names}), {len(self.words())} words"
        long = sum(len(split_words(text)) > self._most_words for text in self._captions())
        if long:
            yield f"{long} captions have more than {self._most_words} words; what follows those is not read"
        if not any(map(_is_large, self._pictures)):
            yield f"no picture has {LARGE_SIDE} pixels on each side: the upsampler stays as it begins"

    def _captions(self) -> Iterator[str]:
        return (text for picture in self._pictures for text in picture.captions)

    def words(self) -> set[str]:
        """Those seen at least twice."""
        seen = Counter(word for text in self._captions() for word in split_words(text))
        return {word for word, count in seen.items() if count >= LEAST_SEEN}

    def shards(self, kept: Path, watch: Watch) -> list[Shard]:
        """Each picture scaled to cover its shape and cropped; InvalidRequest if `kept` has other pictures already."""
        manifest = [
            [shape.name, picture.name, picture.file.stat().st_size, *picture.captions]
            for shape, group in self._groups
            for picture in group
        ]
        path = kept / MANIFEST
        kept.mkdir(parents=True, exist_ok=True)
        if not path.exists() and not any(kept.glob("*.npy")):
            path.write_text(json.dumps(manifest, indent=0), encoding="utf-8")
        if not path.exists() or json.loads(path.read_text(encoding="utf-8")) != manifest:
            raise InvalidRequest(
                f"{kept.parent} was begun with other pictures or captions; take another --folder", field="folder"
            )
        tasks = list(self._cut(kept))
        missing = [task for task in tasks if not task[0].path.exists()]
        data.make_files("reading", fit_shard, missing, self._processes, watch)
        shards = [shard for shard, _, _ in tasks]
        alphas = (np.load(shard.path, mmap_mode="r")[..., 3] for shard in shards)
        self._clear = [bool((alpha < CLEAR).mean() > CLEAR_SHARE) for shard in alphas for alpha in shard]
        return shards

    def _cut(self, kept: Path) -> Iterator[tuple[Shard, Shape, list[Picture]]]:
        """Shards of nearly one size: each must hold a batch."""
        first = 0
        for shape, group in self._groups:
            count = math.ceil(len(group) / SHARD)
            for number in range(count):
                part = group[len(group) * number // count : len(group) * (number + 1) // count]
                yield Shard(kept / f"{shape.name}-{number:04d}.npy", first), shape, part
                first += len(part)

    def word(self, seed: int, rng: random.Random) -> tuple[str, bool]:
        """One of the picture's captions; transparent is what has a transparent background."""
        return data.blur(rng.choice(self._pictures[seed].captions), rng), self._clear[seed]

    def fill(self, seed: int, rng: random.Random) -> None:
        """There are no edits."""

    def scenes(self, seeds: Sequence[int]) -> list[Scene]:
        """Nobody knows what they show."""
        return []

    def large(self, kept: Path, count: int) -> list[Path]:
        """The first of those that need not be enlarged for it."""
        paths = []
        for seed in [i for i, picture in enumerate(self._pictures) if _is_large(picture)][:count]:
            paths.append(kept / f"{seed}.png")
            if not paths[-1].exists():
                data.save_picture(paths[-1], fit(self._pictures[seed], LARGE_SIDE, LARGE_SIDE))
        return paths


def by_shape(pictures: list[Picture], shapes: tuple[Shape, ...], least: int) -> list[tuple[Shape, list[Picture]]]:
    """The pictures by the shape nearest to theirs, of those shapes that `least` pictures are nearest to."""

    def nearest(picture: Picture, among: Sequence[Shape]) -> Shape:
        aspect = picture.width / picture.height
        return min(among, key=lambda shape: abs(math.log(aspect * shape.height / shape.width)))

    counts = Counter(nearest(picture, shapes) for picture in pictures)
    enough = [shape for shape in shapes if counts[shape] >= least] or [shapes[0]]
    return [(shape, [each for each in pictures if nearest(each, enough) == shape]) for shape in enough]


def _is_large(picture: Picture) -> bool:
    return min(picture.width, picture.height) >= LARGE_SIDE
