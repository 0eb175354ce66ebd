"""What a training picture shows: frozen scene descriptions and the random choice of one.

This is not the drawing (`render.py`) and not the wording (`captions.py`).
"""

from __future__ import annotations

import random
from dataclasses import dataclass

KINDS = ("ox", "dog", "cat", "bird", "tree", "house", "car", "boat", "ball", "cube")
KIND_SHARES = (2.0, 1.3, 1.3, 1.2, 0.9, 1.0, 0.9, 0.9, 0.8, 0.8)
"""How often each kind is drawn, beside the others: the harder a shape is to learn, the more often it is shown."""
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "white", "black")
NATURAL = {
    "ox": ("brown",),
    "dog": ("brown", "white", "black"),
    "cat": ("orange", "white", "black"),
    "bird": ("blue", "red", "yellow"),
    "tree": ("green",),
    "house": ("red", "white", "brown"),
}
"""Colours that need no word, for kinds that have some: whoever asks for an ox and says no more expects a brown one."""
NATURAL_SHARE = 0.3
"""Share of the subjects drawn in a natural colour on purpose; others may have one by chance."""
POSITIONS = ("left", "centre", "right")
SIZES = ("small", "medium", "large")
PLACES = ("field", "road", "beach", "snow", "water")
NO_PLACE = "none"
TIMES = ("day", "sunset", "night")
WEATHERS = ("clear", "snow", "rain")
PATTERNS = 6

POSITION_X = {"left": 0.25, "centre": 0.5, "right": 0.75}
SIZE_SCALE = {"small": 0.31, "medium": 0.46, "large": 0.68}
"""One scale for each size, as there is one place for each position: a small network learns a shape many times sooner
where it need not learn it for every size and every shift by a pixel."""
TURNING = ("ox", "dog", "cat", "bird", "car", "boat")
"""Kinds that can face the other way."""
TURNED_SHARE = 0.2
"""Share of those that do; the others face the middle of the picture, or to the right in the middle."""


@dataclass(frozen=True)
class Subject:
    """One thing in the picture; `scale` is a share of the shorter side, `x` a share of the width."""

    kind: str
    colour: str
    position: str
    size: str
    facing: str
    x: float
    scale: float
    shade: float


@dataclass(frozen=True)
class Scene:
    """A whole picture, independent of its resolution and shape."""

    place: str
    time: str
    weather: str
    subjects: tuple[Subject, ...]
    hill: float = 0.5
    cloud: float = 0.5
    pattern: int = 0


def is_held_out(scene: Scene) -> bool:
    """Whether the scene shows an ox on a snowy road: such scenes are kept out of training."""
    has_ox = any(subject.kind == "ox" for subject in scene.subjects)
    return has_ox and scene.place == "road" and scene.weather == "snow"


def draw_scene(rng: random.Random, *, place_none_share: float = 0.06) -> Scene:
    """Choose a scene at random; two subjects in a quarter of all scenes."""
    bare = rng.random() < place_none_share
    subjects = _draw_pair(rng) if rng.random() < 0.25 else (_draw_single(rng, bare),)
    return Scene(
        place=NO_PLACE if bare else _draw_place(rng, subjects),
        time="day" if bare else rng.choices(TIMES, (0.44, 0.26, 0.30))[0],
        weather="clear" if bare else rng.choices(WEATHERS, (0.56, 0.24, 0.20))[0],
        subjects=subjects,
        hill=rng.random(),
        cloud=rng.random(),
        pattern=rng.randrange(PATTERNS),
    )


def _draw_place(rng: random.Random, subjects: tuple[Subject, ...]) -> str:
    if any(subject.kind == "boat" for subject in subjects) and rng.random() < 0.4:
        return "water"
    return rng.choices(PLACES, (0.23, 0.25, 0.19, 0.17, 0.16))[0]


def _draw_single(rng: random.Random, bare: bool) -> Subject:
    position = rng.choices(POSITIONS, (0.2, 0.6, 0.2) if bare else (0.3, 0.4, 0.3))[0]
    size = rng.choices(SIZES, (0.25, 0.4, 0.35))[0]
    return _draw_subject(rng, _draw_kind(rng), position, size)


def _draw_kind(rng: random.Random, other_than: str = "") -> str:
    shares = [0.0 if kind == other_than else share for kind, share in zip(KINDS, KIND_SHARES, strict=True)]
    return rng.choices(KINDS, shares)[0]


def _draw_pair(rng: random.Random) -> tuple[Subject, ...]:
    subjects = []
    first = _draw_kind(rng)
    kinds = [first, _draw_kind(rng, other_than=first)]
    rng.shuffle(kinds)
    for kind, position in zip(kinds, ("left", "right"), strict=True):
        size = rng.choices(("small", "medium"), (0.3, 0.7))[0]
        subjects.append(_draw_subject(rng, kind, position, size))
    return tuple(subjects)


def usual_facing(position: str) -> str:
    """Where a subject at this position faces unless the caption says otherwise: into the picture."""
    return "left" if position == "right" else "right"


def _draw_subject(rng: random.Random, kind: str, position: str, size: str) -> Subject:
    facing = usual_facing(position)
    if kind in TURNING and rng.random() < TURNED_SHARE:
        facing = "left" if facing == "right" else "right"
    return Subject(
        kind=kind,
        colour=rng.choice(NATURAL.get(kind, COLOURS) if rng.random() < NATURAL_SHARE else COLOURS),
        position=position,
        size=size,
        facing=facing,
        x=POSITION_X[position],
        scale=SIZE_SCALE[size],
        shade=rng.uniform(0.95, 1.05),
    )
