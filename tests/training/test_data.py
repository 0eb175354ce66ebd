"""Training data: pictures known by their seeds, captions that are fresh each time and never of what is held out."""

import random
from pathlib import Path

import numpy as np

from limner.training import data
from limner.training.world import captions, render, scene

SHAPE = data.Shape("square", 16, 16, 20)


def test_a_picture_is_known_by_its_seed(tmp_path: Path) -> None:
    assert data.draw_pictures(tmp_path, (SHAPE,), processes=1) == 1
    (shard,) = data.shards(tmp_path, "square")
    pictures = data.read_pictures([shard])[0]
    assert pictures.shape == (20, 16, 16, 4)
    seed = data.first_seed(shard, (SHAPE,)) + 7
    assert np.array_equal(pictures[7], render.render(data.scene_of(seed), 16, 16))
    assert data.draw_pictures(tmp_path, (SHAPE,), processes=1) == 0


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
