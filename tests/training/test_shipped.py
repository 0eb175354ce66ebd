"""A sample of what the shipped weights can do: of true pictures that differ in one thing only, the model's own must be
nearest to the one that was asked for. The whole evaluation, with a judge network, is `benchmarks/quality.py`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from limner.engines.storybook import WEIGHTS
from limner.model import checkpoint
from limner.training import evaluate
from limner.training.world import kinds
from limner.training.world.captions import article, tables
from limner.training.world.render import render
from limner.training.world.scene import (
    COLOURS,
    KINDS,
    NO_PLACE,
    PLACES,
    SIZE_OF_COUNT,
    STANDING,
    TIMES,
    TOGETHER,
    WEATHERS,
    Scene,
    Subject,
    is_held_out,
    ring_of,
)

EACH = 8
RING = 1
"""What the shipped weights know of the world."""
LEAST = 0.75
"""Share of the pictures that must be nearest to what was asked. Chance would give a third at best."""
ALPHA_ERROR = 0.05
"""Mean absolute difference to the alpha of the nearest render, of 1, in the mean of `EACH` cut-outs."""
DRAFT = evaluate.Draft(7, 2.0)


def known(values: Sequence[str]) -> list[str]:
    return [value for value in values if ring_of(value) <= RING]


Alternatives = tuple[str, Scene, Sequence[Scene]]
"""A prompt, the scene that it asks for, and scenes that differ from it in one thing."""


@pytest.fixture(scope="module")
def model() -> checkpoint.Storybook:
    return checkpoint.load(WEIGHTS)


def one(rng: random.Random) -> Scene:
    kind = rng.choice(known(KINDS))
    places = [place for place in known(PLACES) if place not in (kinds.ALL[kind].held_out.place, "water")]
    colours = [colour for colour in COLOURS if colour != kinds.ALL[kind].held_out.colour]
    return Scene(rng.choice(places), "day", "clear", (Subject(kind, rng.choice(colours), "centre", "large", "right"),))


def noun(subject: Subject) -> str:
    words = f"large {subject.colour} {tables()['kinds'][subject.kind][0]}"
    return f"{article(words)} {words} in the middle"


def at(scene: Scene) -> str:
    return str(tables()["places"][scene.place][0])


def showing(scene: Scene, subject: Subject) -> Scene:
    return replace(scene, subjects=(subject,))


def of_kinds(rng: random.Random) -> Alternatives:
    scene = one(rng)
    return (
        f"{noun(scene.subjects[0])} {at(scene)}",
        scene,
        [showing(scene, replace(scene.subjects[0], kind=kind)) for kind in known(KINDS)],
    )


def of_colours(rng: random.Random) -> Alternatives:
    scene = one(rng)
    return (
        f"{noun(scene.subjects[0])} {at(scene)}",
        scene,
        [showing(scene, replace(scene.subjects[0], colour=colour)) for colour in COLOURS],
    )


def of_counts(rng: random.Random) -> Alternatives:
    scene = one(rng)

    def several(count: int) -> Scene:
        size = SIZE_OF_COUNT[count]
        return showing(scene, replace(scene.subjects[0], position=TOGETHER, size=size, count=count))

    count, subject = rng.choice(tuple(STANDING)), scene.subjects[0]
    words = f"{tables()['counts'][str(count)][0]} {subject.colour} {tables()['plurals'][subject.kind][0]}"
    return f"{words} {at(scene)}", several(count), [several(each) for each in STANDING]


def of_surroundings(name: str, values: Sequence[str]) -> Callable[[random.Random], Alternatives]:
    def draw(rng: random.Random) -> Alternatives:
        scene = one(rng)
        scene = replace(scene, **{name: rng.choice(values)})  # type: ignore[arg-type]
        others = [replace(scene, **{name: value}) for value in values]  # type: ignore[arg-type]
        said = "" if name == "place" else f" {tables()[f'{name}s'][getattr(scene, name)][0]}"
        return f"{noun(scene.subjects[0])} {at(scene)}{said}", scene, others

    return draw


ASKED: dict[str, Callable[[random.Random], Alternatives]] = {
    "kind": of_kinds,
    "colour": of_colours,
    "count": of_counts,
    "place": of_surroundings("place", known(PLACES)),
    "time": of_surroundings("time", TIMES),
    "weather": of_surroundings("weather", known(WEATHERS)),
}


@pytest.mark.parametrize("asked", ASKED)
def test_what_is_drawn_is_nearest_to_what_was_asked(model: checkpoint.Storybook, asked: str) -> None:
    rng = random.Random(asked)
    nearest = []
    for seed in range(EACH):
        prompt, wanted, others = ASKED[asked](rng)
        while is_held_out(wanted):
            prompt, wanted, others = ASKED[asked](rng)
        made = evaluate.draw_base(model, prompt, seed, DRAFT).astype(float)
        apart = [np.abs(made - render(scene, 128, 128)).mean() for scene in others]
        nearest.append(others[int(np.argmin(apart))] == wanted)
    assert sum(nearest) / EACH >= LEAST, nearest


def test_a_cut_out_is_as_see_through_as_a_true_one(model: checkpoint.Storybook) -> None:
    rng, errors = random.Random("alpha"), []
    for seed in range(EACH):
        subject = one(rng).subjects[0]
        cuts = [
            render(Scene(NO_PLACE, "day", "clear", (replace(subject, facing=facing),)), 128, 128)
            for facing in ("left", "right")
        ]
        prompt = f"{noun(subject)} on a transparent background"
        made = evaluate.draw_base(model, prompt, seed, DRAFT, transparent=True)
        errors.append(min(np.abs(made[..., 3] / 255 - true[..., 3] / 255).mean() for true in cuts))
    assert np.mean(errors) <= ALPHA_ERROR, errors
