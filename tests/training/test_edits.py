"""Edits of the world: the result differs from the input in what the instruction names, and in nothing else."""

import random
from dataclasses import replace

import numpy as np
import pytest

from limner.training.world.captions import WORD, tables, words
from limner.training.world.edits import EDITS, FILLED, Edit, draw_edit, fill, hole, instruct, word_edit
from limner.training.world.render import render
from limner.training.world.scene import Scene, is_held_out, ring_of


def drawn(kind: str) -> list[Edit]:
    rng = random.Random(kind)
    return [draw_edit(rng, kind) for _ in range(60)]


@pytest.mark.parametrize("kind", EDITS)
def test_no_scene_of_an_edit_is_held_out_and_its_words_are_known(kind: str) -> None:
    rng = random.Random(4)
    for edit in drawn(kind):
        assert edit.kind == kind
        assert not any(is_held_out(scene) for scene in (*edit.inputs, edit.after))
        assert edit.before != edit.after
        text = word_edit(edit, rng)
        assert "{" not in text
        assert set(WORD.findall(text.lower())) <= words(), text


@pytest.mark.parametrize("kind", ["recolour", "add", "remove", "replace", "move", "resize"])
def test_an_edit_of_a_subject_leaves_the_surroundings_and_the_others(kind: str) -> None:
    for edit in drawn(kind):
        nobody: Scene = replace(edit.before, subjects=())
        assert nobody == replace(edit.after, subjects=())
        gone, new = (
            set(edit.before.subjects) - set(edit.after.subjects),
            set(edit.after.subjects) - set(edit.before.subjects),
        )
        assert len(gone) == (kind != "add")
        assert len(new) == (kind != "remove")


@pytest.mark.parametrize("kind", ["weather", "time", "place", "style", "light", "background"])
def test_an_edit_of_the_surroundings_leaves_the_subjects(kind: str) -> None:
    for edit in drawn(kind):
        assert edit.before.subjects == edit.after.subjects
        assert (edit.before.hill, edit.before.cloud) == (edit.after.hill, edit.after.cloud)


def test_two_inputs_give_the_subject_of_the_first_and_all_else_of_the_second() -> None:
    for edit in drawn("combine"):
        assert edit.second is not None
        assert edit.after == replace(edit.second, subjects=edit.before.subjects)


def test_an_instruction_says_what_the_result_has() -> None:
    rng = random.Random(5)
    for edit in drawn("recolour"):
        (new,) = set(edit.after.subjects) - set(edit.before.subjects)
        told = instruct(edit, rng).lower()
        assert any(word in told for word in tables()["colours"][new.colour]), told
    for edit in drawn("time"):
        told = instruct(edit, rng).lower()
        phrases = [*tables()["times"][edit.after.time], *tables()["time_nouns"][edit.after.time]]
        assert any(phrase in told for phrase in phrases), told


@pytest.mark.parametrize("kind", FILLED)
def test_the_hole_of_an_edit_covers_all_that_it_changes(kind: str) -> None:
    rng = random.Random(6)
    for edit in drawn(kind)[:20]:
        before, after = (render(replace(scene, style="flat"), 128, 128) for scene in (edit.before, edit.after))
        changed = (np.abs(before.astype(int) - after).max(axis=-1) > 40).reshape(8, 16, 8, 16).any(axis=(1, 3))
        cells = hole(edit, 8, 8)
        assert (cells | ~changed).all(), edit
        assert (hole(edit, 8, 8, 8.0) | ~cells).all()
        assert set(WORD.findall(fill(edit, rng).lower())) <= words()


@pytest.mark.parametrize("kind", [kind for kind in EDITS if ring_of(kind) == 1])
def test_an_edit_of_the_first_ring_shows_nothing_later(kind: str) -> None:
    rng = random.Random(7)
    for edit in (draw_edit(rng, kind, ring=1) for _ in range(10)):
        for scene in (*edit.inputs, edit.after):
            assert (scene.style, scene.light, scene.warmth) == ("flat", "right", "neutral")
            assert ring_of(scene.place) == ring_of(scene.weather) == 1
            assert all(ring_of(each.kind) == 1 and each.position != "above" for each in scene.subjects)
