"""Captioned pictures in a folder: found, checked, decoded and scaled. No network, and nothing is written to the folder.

The captions of `ox.png` are the lines of `ox.txt` beside it; or all stand in one `captions.jsonl` or `metadata.jsonl`,
as in Hugging Face's imagefolder. Processes that decode load this file without PyTorch.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from limner.errors import InvalidRequest
from limner.images import compose, intake
from limner.training import data
from limner.training.data import Shape, Shard

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
LISTS = ("captions.jsonl", "metadata.jsonl")
MAX_PIXELS = 100_000_000


@dataclass(frozen=True)
class Picture:
    """One picture: its name in the folder, its size, upright, and its captions, of which one is taken each time."""

    file: Path
    name: str
    width: int
    height: int
    captions: tuple[str, ...]


def read_folder(folder: Path) -> list[Picture]:
    """Every picture below the folder with its captions, sorted by name; hidden files count as none. Decodes nothing."""
    names = {
        file.relative_to(folder).as_posix(): file
        for file in sorted(folder.rglob("*"))
        if file.suffix.lower() in SUFFIXES and not _is_hidden(file, folder)
    }
    if not names:
        raise wrong(f"{folder} has no PNG, JPEG or WebP picture")
    captions: dict[str, list[str]] = {}
    for name, text in _read_captions(folder, names):
        captions.setdefault(name, []).append(text)
    silent = [name for name in names if name not in captions]
    if silent:
        where = PurePosixPath(silent[0]).with_suffix(".txt")
        raise wrong(
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
        raise wrong(f"{folder} has both {' and '.join(LISTS)}; keep one")
    for where, name, text in _read_list(lists[0]) if lists else _read_texts(folder, names):
        if name not in names:
            raise wrong(f"{where} is about {name}, but there is no such picture")
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
                raise wrong(f'{where} is not like {{"file_name": "ox.png", "text": "an ox in the snow"}}')
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
        raise wrong(f"{file.name} is not text in UTF-8") from None


def _is_hidden(file: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(folder).parts)


def wrong(message: str) -> InvalidRequest:
    """The error that says what is wrong with the folder."""
    return InvalidRequest(f"--data: {message}", field="data")


def fit_shard(task: tuple[Shard, Shape, list[Picture]]) -> None:
    """Write the pictures of one shard, in its shape."""
    shard, shape, pictures = task
    data.save_shard(shard.path, [fit(picture, shape.width, shape.height) for picture in pictures])


def fit(picture: Picture, width: int, height: int) -> NDArray[np.uint8]:
    """The picture scaled to cover the size and cropped; InvalidRequest if it cannot be decoded."""
    encoded = _read_bytes(picture.file, picture.name)
    rgba = intake.read_image(encoded, max_pixels=MAX_PIXELS, field=f"--data: {picture.name}")
    return compose.fit(rgba, width, height)


def _read_bytes(file: Path, name: str) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise wrong(f"{name} cannot be read: {error.strerror}") from None
