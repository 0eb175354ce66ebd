"""Facing the camera: the drawings from the front, and the third ring, in which they come, in a process of its own."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray

from limner.training.world import kinds
from limner.training.world.pairs import training_pair
from limner.training.world.render import CUT, frame_of, kind_fragment, render, scene_svg, stand
from limner.training.world.scene import (
    CAMERA,
    COLOURS,
    FACINGS,
    NO_PLACE,
    RING,
    STYLE_SHARES,
    Scene,
    Subject,
    ring_of,
    ring_of_scene,
)

FRONTS = [name for name, kind in kinds.ALL.items() if kind.fronts]
SIDE = 128
TO_CAMERA = ("the camera", "the viewer", "us", "from the front")
TO_A_SIDE = ("facing left", "facing right", "facing the left", "facing the right", "looking left", "looking right")

OF_THE_THIRD_RING = """
import importlib.util, json, random, re, sys
from pathlib import Path

spec = importlib.util.find_spec("limner.training.world.scene")
scene = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
source = re.sub(r"^RING = .*", "RING = 3", Path(spec.origin).read_text(encoding="utf-8"), flags=re.MULTILINE)
exec(compile(source, spec.origin, "exec"), scene.__dict__)

from limner.training import judge, quality
from limner.training.world import captions, edits, pairs

rng = random.Random(5)
drawn = [pairs.training_pair(rng) for _ in range(3000)]
replaced = [edits.draw_edit(rng, "replace") for _ in range(400)]
truths = [judge.truths(each).tolist() for each, _ in drawn[:500]]
told = [
    [answers[truth[q]] for q, (_, name, answers) in enumerate(judge.questions()) if name == "facing" and truth[q] >= 0]
    for truth in truths
]
asked = [quality.Asker(random.Random(seed), ring).facing() for ring in (2, 3) for seed in range(200)]
shown = lambda each: [(one.kind, one.facing, one.count) for one in each.subjects]
print(json.dumps({
    "pairs": [(shown(each), text) for each, text in drawn],
    "told": told,
    "replaced": [(shown(edit.before), shown(edit.after), edits.instruct(edit, rng)) for edit in replaced],
    "asked": [(each.prompt, each.subjects[0]["kind"], each.subjects[0]["facing"]) for each in asked],
    "words": sorted(captions.words()),
}))
"""


@pytest.fixture(scope="module")
def later() -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-c", OF_THE_THIRD_RING], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def shown(kind: str, facing: str, colour: str = "green", light: str = "right") -> Scene:
    return Scene(NO_PLACE, "day", "clear", (Subject(kind, colour, "centre", "large", facing),), light=light)


def picture(scene: Scene) -> NDArray[np.int_]:
    return render(scene, SIDE, SIDE).astype(int)


def says(text: str, phrases: tuple[str, ...]) -> bool:
    return any(f" {phrase} " in f" {text.lower().replace(',', ' ').replace('.', ' ')} " for phrase in phrases)


def test_every_animal_that_turns_is_drawn_from_the_front_and_no_vehicle_is() -> None:
    assert set(FRONTS) == {name for name, kind in kinds.ALL.items() if kind.turns and kind.living}


@pytest.mark.parametrize("kind", FRONTS)
def test_a_front_drawing_is_unlike_both_side_drawings(kind: str) -> None:
    front = picture(shown(kind, CAMERA))
    for facing in ("left", "right"):
        side = picture(shown(kind, facing))
        either = (front[..., 3] > 127) | (side[..., 3] > 127)
        assert (np.abs(front - side).max(axis=-1) > 40)[either].mean() > 0.3


@pytest.mark.parametrize("kind", FRONTS)
def test_a_front_drawing_is_nearly_its_own_mirror_image(kind: str) -> None:
    front, side = (picture(shown(kind, facing))[..., 3] > 127 for facing in (CAMERA, "right"))

    def likeness(outline: NDArray[np.bool_]) -> float:
        return float((outline & outline[:, ::-1]).sum() / (outline | outline[:, ::-1]).sum())

    assert likeness(front) > 0.75  # a tail may peep out at one side
    assert likeness(front) > likeness(side) + 0.1


@pytest.mark.parametrize("kind", FRONTS)
def test_a_front_drawing_stands_in_its_box_and_fills_it(kind: str) -> None:
    scene = shown(kind, CAMERA)
    middle, base, box = stand(scene, scene.subjects[0], ("centre", "front"), frame_of(SIDE, SIDE))
    rows, columns = (np.flatnonzero(picture(scene)[..., 3].any(axis=1 - axis)) * 100 / SIDE for axis in (0, 1))
    assert middle - box / 2 - CUT <= columns.min() <= columns.max() <= middle + box / 2 + CUT
    assert base - box - CUT <= rows.min() < base - 0.8 * box
    assert base - 0.1 * box < rows.max() <= base + CUT


@pytest.mark.parametrize("kind", FRONTS)
def test_a_front_drawing_has_the_colour_of_its_subject(kind: str) -> None:
    bodies = []
    for colour in COLOURS:
        drawn = picture(shown(kind, CAMERA, colour))
        bodies.append(np.median(drawn[drawn[..., 3] == 255][:, :3], axis=0))
    assert all(np.abs(one - other).max() > 8 for i, one in enumerate(bodies) for other in bodies[:i])
    red, green, blue, alpha = np.moveaxis(picture(shown(kind, CAMERA)), -1, 0)
    assert ((green > red + 20) & (green > blue + 20))[alpha == 255].mean() > 0.4


@pytest.mark.parametrize("kind", FRONTS)
def test_a_front_drawing_is_well_formed_in_every_style_and_leaves_no_placeholder_behind(kind: str) -> None:
    assert 'id="' not in kind_fragment(kind, CAMERA)
    for style in STYLE_SHARES:
        svg = scene_svg(replace(shown(kind, CAMERA), place="water", style=style), SIDE, SIDE)
        ElementTree.fromstring(svg)
        assert "{" not in svg


def test_light_falls_on_a_front_drawing_from_where_the_sun_stands() -> None:
    right, left = (picture(shown("sheep", CAMERA, light=light)) for light in ("right", "left"))
    assert np.abs(right - left[:, ::-1]).mean() < np.abs(right - left).mean() / 2


def test_nothing_faces_the_camera_before_its_ring() -> None:
    assert ring_of(CAMERA) == ring_of_scene(shown("ox", CAMERA)) == 3
    assert ring_of_scene(shown("ox", "left")) == 1
    assert (CAMERA in FACINGS) == (RING >= 3)
    rng = random.Random(5)
    scenes = [training_pair(rng)[0] for _ in range(1000)]
    assert any(each.facing == CAMERA for scene in scenes for each in scene.subjects) == (CAMERA in FACINGS)


def test_a_modest_share_of_those_who_can_faces_the_camera_in_the_third_ring(later: dict[str, Any]) -> None:
    singles = [(kind, facing) for subjects, _ in later["pairs"] for kind, facing, count in subjects if count == 1]
    could = [facing == CAMERA for kind, facing in singles if kind in FRONTS]
    assert 0.1 < sum(could) / len(could) < 0.2
    assert {kind for kind, facing in singles if facing == CAMERA} == set(FRONTS)
    assert {facing for _, facing in singles} == {"left", "right", CAMERA}


def test_a_caption_nearly_always_tells_who_faces_the_camera_and_never_says_it_of_others(later: dict[str, Any]) -> None:
    said = []
    for subjects, text in later["pairs"]:
        facings = {facing for _, facing, _ in subjects}
        if facings == {CAMERA}:
            assert not says(text, TO_A_SIDE), text
        if CAMERA in facings:
            said.append(says(text, TO_CAMERA))
        else:
            assert not says(text, TO_CAMERA), text
    assert sum(said) / len(said) > 0.9
    assert {"camera", "us", "front"} <= set(later["words"])


def test_the_judge_is_asked_who_faces_the_camera(later: dict[str, Any]) -> None:
    for (subjects, _), told in zip(later["pairs"], later["told"], strict=False):
        assert (CAMERA in told) == any(facing == CAMERA for _, facing, _ in subjects)


def test_a_question_about_the_camera_is_asked_of_animals_and_from_its_ring_on(later: dict[str, Any]) -> None:
    early, late = later["asked"][:200], later["asked"][200:]
    assert {facing for _, _, facing in early} == {"left", "right"}
    assert {facing for _, _, facing in late} == {"left", "right", CAMERA}
    for prompt, kind, facing in late:
        assert says(prompt, TO_CAMERA) == (facing == CAMERA), prompt
        assert facing != CAMERA or kind in FRONTS


def test_what_replaces_who_faces_the_camera_does_so_and_is_said_to_if_it_can(later: dict[str, Any]) -> None:
    kept = 0
    for before, after, text in later["replaced"]:
        [(old, new)] = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
        assert (new[1] == CAMERA) == (old[1] == CAMERA and new[0] in FRONTS)
        assert says(text, TO_CAMERA) == (new[1] == CAMERA), text
        kept += new[1] == CAMERA
    assert kept > 0
