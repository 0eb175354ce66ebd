"""The world as a source: edits among its pictures, scenes known by their seeds, and no folder that is not its own."""

import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from limner.errors import InvalidRequest
from limner.training import data
from limner.training.data import COMBINE, EDIT, FIRST_EDIT
from limner.training.progress import unwatched
from limner.training.source import FIRST_LARGE, LARGE_SIDE, MANIFEST, World
from limner.training.world.render import render

WORLD = World((), {EDIT: 1, COMBINE: 1}, processes=1)


def test_a_seed_says_whether_it_is_a_picture_or_an_edit() -> None:
    edits = [FIRST_EDIT[EDIT] + 3, FIRST_EDIT[COMBINE] + 3]
    assert WORLD.scenes([3, *edits]) == [data.scene_of(3), *(data.edit_of(seed).after for seed in edits)]
    for seed in (3, FIRST_LARGE):
        assert WORLD.word(seed, random.Random(1)) == data.word_caption(seed, random.Random(1))
    for seed in edits:
        assert WORLD.word(seed, random.Random(1)) == data.word_edit(seed, random.Random(1))


def test_a_run_folder_of_somebodys_own_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run" / "pictures").mkdir(parents=True)
    (tmp_path / "run" / "pictures" / MANIFEST).touch()
    with pytest.raises(InvalidRequest, match="run was begun with --data; take another --folder"):
        WORLD.shards(tmp_path / "run" / "pictures", unwatched)


def test_large_pictures_are_drawn_once(tmp_path: Path) -> None:
    [path] = WORLD.large(tmp_path, 1)
    made_at = path.stat().st_mtime_ns
    assert WORLD.large(tmp_path, 1) == [path]
    assert path.stat().st_mtime_ns == made_at
    with Image.open(path) as picture:
        assert np.array_equal(np.asarray(picture), render(data.scene_of(FIRST_LARGE), LARGE_SIDE, LARGE_SIDE))
