"""Training data: pictures known by their seeds, captions that are fresh each time and never of what is held out."""

import random
from pathlib import Path

import numpy as np
import pytest

from limner.training import data
from limner.training.progress import Progress, unwatched
from limner.training.world import captions, render, scene

SHAPE = data.Shape("square", 16, 16, 20)


def test_a_picture_is_known_by_its_seed(tmp_path: Path) -> None:
    seen: list[Progress] = []
    wide = data.Shape("landscape", 24, 16, 3)
    (shard, second) = data.draw_shards(tmp_path, (SHAPE, wide), {}, 1, seen.append)
    assert seen == [Progress("drawing", 0.5), Progress("drawing", 1.0)]
    pictures = np.load(shard.path)
    assert pictures.shape == (20, 16, 16, 4)
    assert np.array_equal(pictures[7], render.render(data.scene_of(shard.first_seed + 7), 16, 16))
    assert (shard.first_seed, second.first_seed) == (0, 10_000_000)
    assert data.draw_shards(tmp_path, (SHAPE, wide), {}, 1, lambda now: pytest.fail("drawn again")) == [shard, second]


def test_one_picture_is_worded_in_many_ways() -> None:
    rng = random.Random(0)
    assert len({data.word_caption(5, rng)[0] for _ in range(50)}) > 30


def test_captions_stay_inside_the_vocabulary_but_for_the_unknown_word() -> None:
    rng = random.Random(1)
    known = captions.words() | {"xyzzy"}
    said = {word for seed in range(500) for word in captions.WORD.findall(data.word_caption(seed, rng)[0].lower())}
    assert said <= known
    assert "xyzzy" in said


def test_only_pictures_without_a_place_carry_the_transparent_mark() -> None:
    rng = random.Random(2)
    marks = [(data.scene_of(seed).place, data.word_caption(seed, rng)[1]) for seed in range(800)]
    assert {place for place, mark in marks if mark} == {scene.NO_PLACE}


def test_the_documented_example_is_never_trained_on() -> None:
    assert not any(scene.is_held_out(data.scene_of(seed)) for seed in range(3000))


def test_an_edit_is_known_by_its_seed_and_keeps_what_it_does_not_name(tmp_path: Path) -> None:
    counts = {data.EDIT: 3, data.COMBINE: 2}
    shards = data.draw_shards(tmp_path, (), counts, 1, unwatched)
    for shard, count in zip(shards, counts.values(), strict=True):
        drawn = np.load(shard.path)
        edit = data.edit_of(shard.first_seed + 1)
        assert drawn.shape == (count, len(edit.inputs) + 1, data.EDIT_SIDE, data.EDIT_SIDE, 4)
        assert np.array_equal(drawn[1, -1], render.render(edit.after, data.EDIT_SIDE, data.EDIT_SIDE))
        assert np.array_equal(drawn[1, 0], render.render(edit.before, data.EDIT_SIDE, data.EDIT_SIDE))
