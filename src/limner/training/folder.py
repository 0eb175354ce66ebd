"""A person's own pictures as training data: a folder of PNG, JPEG or WebP files and their captions.

The captions of `ox.png` are the lines of `ox.txt` beside it; or all stand in one `captions.jsonl` or `metadata.jsonl`,
as in Hugging Face's imagefolder. Nothing here knows what a picture shows, and nobody's folder is written to.
"""

import json
import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from limner.errors import InvalidRequest
from limner.images import compose, intake
from limner.model.text import split_words
from limner.training import data
from limner.training.data import SHARD, Shape, Shard
from limner.training.progress import Watch
from limner.training.recipe import Recipe
from limner.training.source import LARGE_SIDE, MANIFEST
from limner.training.world.scene import Scene

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
LISTS = ("captions.jsonl", "metadata.jsonl")
MAX_PIXELS = 100_000_000
LEAST_SEEN = 2
"""A word that is seen less often is an unknown one: nothing could be learned about it alone."""
PROMPTS = 10
MARKS = 2
"""Tokens before the words of a caption."""
CLEAR, CLEAR_SHARE = 128, 0.01
"""A picture more than this share of which has an alpha below this has a transparent background."""


@dataclass(frozen=True)
class Picture:
    """One picture: its name in the folder, its size, upright, and its captions, of which one is taken each time."""

    file: Path
    name: str
    width: int
    height: int
    captions: tuple[str, ...]


class Folder:
    """The captioned pictures of a folder; InvalidRequest says what is wrong with them."""

    def __init__(self, folder: Path, recipe: Recipe, processes: int) -> None:
        pictures = read_folder(folder)
        batch = max(recipe.denoiser.batch, recipe.decoder.batch)
        if len(pictures) < batch:
            raise _wrong(f"{len(pictures)} pictures are too few: one batch of the recipe {recipe.size} takes {batch}")
        random.Random(0).shuffle(pictures)  # neighbours by name are often alike, and batches are cut from neighbours
        self.prompts: Sequence[str] = [picture.captions[0] for picture in pictures[:PROMPTS]]
        self._groups = by_shape(pictures, recipe.shapes, batch)
        self._pictures = [picture for _, group in self._groups for picture in group]
        self._processes, self._most_words = processes, recipe.text_length - MARKS
        self._clear: list[bool] = []
        if not self.words():
            raise _wrong(f"no word is in the captions {LEAST_SEEN} times, so that there is none to learn")

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
        data.make_files("reading", _fit_shard, missing, self._processes, watch)
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

    def scenes(self, seeds: Sequence[int]) -> list[Scene]:
        """Nobody knows what they show."""
        return []

    def large(self, kept: Path, count: int) -> list[Path]:
        """The first of those that need not be enlarged for it."""
        paths = []
        for seed in [i for i, picture in enumerate(self._pictures) if _is_large(picture)][:count]:
            paths.append(kept / f"{seed}.png")
            if not paths[-1].exists():
                data.save_picture(paths[-1], _fit(self._pictures[seed], LARGE_SIDE, LARGE_SIDE))
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


def _fit_shard(task: tuple[Shard, Shape, list[Picture]]) -> None:
    shard, shape, pictures = task
    data.save_shard(shard.path, [_fit(picture, shape.width, shape.height) for picture in pictures])


def _fit(picture: Picture, width: int, height: int) -> NDArray[np.uint8]:
    encoded = _read_bytes(picture.file, picture.name)
    rgba = intake.read_image(encoded, max_pixels=MAX_PIXELS, field=f"--data: {picture.name}")
    return compose.fit(rgba, width, height)


def _read_bytes(file: Path, name: str) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise _wrong(f"{name} cannot be read: {error.strerror}") from None


def read_folder(folder: Path) -> list[Picture]:
    """Every picture below the folder with its captions, sorted by name; hidden files count as none. Decodes nothing."""
    names = {
        file.relative_to(folder).as_posix(): file
        for file in sorted(folder.rglob("*"))
        if file.suffix.lower() in SUFFIXES and not _is_hidden(file, folder)
    }
    if not names:
        raise _wrong(f"{folder} has no PNG, JPEG or WebP picture")
    captions: dict[str, list[str]] = {}
    for name, text in _read_captions(folder, names):
        captions.setdefault(name, []).append(text)
    silent = [name for name in names if name not in captions]
    if silent:
        where = PurePosixPath(silent[0]).with_suffix(".txt")
        raise _wrong(
            f"{len(silent)} of {len(names)} pictures have no caption; the first is {silent[0]}. Write it into {where}, "
            f"or give every picture a line in {LISTS[0]}"
        )
    pictures = []
    for name, file in names.items():
        width, height = intake.read_size(_read_bytes(file, name), max_pixels=MAX_PIXELS, field=f"--data: {name}")
        pictures.append(Picture(file, name, width, height, tuple(captions[name])))
    return pictures


def _read_captions(folder: Path, names: dict[str, Path]) -> Iterator[tuple[str, str]]:
    """Names of pictures and their captions, checked."""
    lists = [folder / name for name in LISTS if (folder / name).is_file()]
    if len(lists) > 1:
        raise _wrong(f"{folder} has both {' and '.join(LISTS)}; keep one")
    for where, name, text in _read_list(lists[0]) if lists else _read_texts(folder, names):
        if name not in names:
            raise _wrong(f"{where} is about {name}, but there is no such picture")
        if not split_words(text):
            raise _wrong(f"{where} has no word for {name}; words are made of the letters a to z, or of digits")
        yield name, text


def _read_list(file: Path) -> Iterator[tuple[str, str, str]]:
    """Of each line of the list: where it stands, the picture, the caption."""
    for number, line in enumerate(_read_text(file).splitlines(), start=1):
        if line.strip():
            where = f"{file.name}, line {number},"
            try:
                told = json.loads(line)
                name, text = told["file_name"], told["text"]
            except (ValueError, TypeError, LookupError):
                name, text = None, None
            if not isinstance(name, str) or not isinstance(text, str):
                raise _wrong(f'{where} is not like {{"file_name": "ox.png", "text": "an ox in the snow"}}')
            yield where, PurePosixPath(name).as_posix(), text


def _read_texts(folder: Path, names: dict[str, Path]) -> Iterator[tuple[str, str, str]]:
    """The same of each line of each text file that has a picture beside it."""
    beside: dict[Path, list[str]] = {}
    for name, file in names.items():
        beside.setdefault(file.with_suffix(".txt"), []).append(name)
    for file in sorted(folder.rglob("*.txt")):
        if _is_hidden(file, folder):
            continue
        where = file.relative_to(folder).as_posix()
        lines = [line for line in _read_text(file).splitlines() if line.strip()] or [""]
        for name in beside.get(file, [PurePosixPath(where).with_suffix(".png").as_posix()]):
            yield from ((where, name, line) for line in lines)


def _read_text(file: Path) -> str:
    try:
        return _read_bytes(file, file.name).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _wrong(f"{file.name} is not text in UTF-8") from None


def _is_hidden(file: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(folder).parts)


def _wrong(message: str) -> InvalidRequest:
    return InvalidRequest(f"--data: {message}", field="data")
