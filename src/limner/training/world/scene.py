"""What a training picture shows: frozen scene descriptions and the random choice of one.

This is not the drawing (`render.py`) and not the wording (`captions.py`).
"""

from __future__ import annotations

import random
from dataclasses import dataclass

KINDS = ("ox", "dog", "cat", "bird", "rabbit", "tree", "flower", "house", "car", "boat", "ball", "cube")
KIND_SHARES = (2.0, 1.3, 1.3, 1.2, 1.3, 0.9, 0.9, 1.0, 0.9, 0.9, 0.8, 0.8)
"""How often each kind is drawn, beside the others: the harder a shape is to learn, the more often it is shown."""
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "white", "black", "grey")
NATURAL = {
    "ox": ("brown",),
    "dog": ("brown", "white", "black"),
    "cat": ("orange", "white", "black", "grey"),
    "bird": ("blue", "red", "yellow"),
    "rabbit": ("white", "brown", "grey"),
    "tree": ("green",),
    "flower": ("red", "yellow", "pink"),
    "house": ("red", "white", "brown"),
}
"""Colours that need no word, for kinds that have some: whoever asks for an ox and says no more expects a brown one."""
NATURAL_SHARE = 0.3
"""Share of the subjects drawn in a natural colour on purpose; others may have one by chance."""
POSITIONS = ("left", "centre", "right")
TOGETHER = "together"
"""The position of a subject that is more than one: `STANDING` says where each of them stands."""
FRONT, BACK = "front", "back"
STANDING = {
    2: (("left", FRONT), ("right", FRONT)),
    3: (("centre", BACK), ("left", FRONT), ("right", FRONT)),
    4: (("left", BACK), ("right", BACK), ("left", FRONT), ("right", FRONT)),
}
"""Position and row of each of several, the far ones first. Two stand as a pair does."""
SIZES = ("small", "medium", "large")
SIZE_OF_COUNT = {2: "medium", 3: "small", 4: "small"}
PLACES = ("field", "road", "beach", "snow", "water")
NO_PLACE = "none"
TIMES = ("day", "sunset", "night")
WEATHERS = ("clear", "snow", "rain")
PATTERNS = 6

POSITION_X = {"left": 0.25, "centre": 0.5, "right": 0.75}
SIZE_SCALE = {"small": 0.31, "medium": 0.46, "large": 0.68}
"""One scale for each size, as there is one place for each position: a small network learns a shape many times sooner
where it need not learn it for every size and every shift by a pixel."""
TURNING = ("ox", "dog", "cat", "bird", "rabbit", "car", "boat")
"""Kinds that can face the other way."""
TURNED_SHARE = 0.2
"""Share of those that do; the others face the middle of the picture, or to the right in the middle."""

PAIR_SHARE, GROUP_SHARE = 0.38, 0.17
"""Shares of the scenes that show two subjects, and several of one subject."""

HELD_OUT_COLOURS = {
    "ox": "blue", "dog": "green", "cat": "purple", "bird": "grey", "rabbit": "red", "tree": "white",
    "flower": "black", "house": "orange", "car": "pink", "boat": "green", "ball": "brown", "cube": "pink",
}  # fmt: skip
HELD_OUT_PLACES = {
    "ox": "beach", "dog": "water", "cat": "snow", "bird": "road", "rabbit": "water", "tree": "road",
    "flower": "beach", "house": "water", "car": "snow", "boat": "road", "ball": "snow", "cube": "water",
}  # fmt: skip
HELD_OUT_PAIRS = {left: KINDS[(i + 5) % len(KINDS)] for i, left in enumerate(KINDS)}
"""A colour and a place that each kind is never shown in, and the kind that is never shown to its right: what a model
makes of them it has put together by itself."""


@dataclass(frozen=True)
class Subject:
    """One thing in the picture, or `count` of the same; `shade` varies its colour a little."""

    kind: str
    colour: str
    position: str
    size: str
    facing: str
    shade: float = 1.0
    count: int = 1

    def standing(self) -> tuple[tuple[str, str], ...]:
        """Position and row of each, the far ones first."""
        return ((self.position, FRONT),) if self.count == 1 else STANDING[self.count]


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
    cut_out: bool = False
    """Whether subjects without a place stand where they stood in one, instead of in the middle."""


def is_held_out(scene: Scene) -> bool:
    """Whether training never shows the scene: it has a combination that is kept for evaluation.

    Those are the tables above, and an ox on a snowy road: the documented example of the hub's API.
    """
    if any(subject.kind == "ox" for subject in scene.subjects) and (scene.place, scene.weather) == ("road", "snow"):
        return True
    for subject in scene.subjects:
        if subject.colour == HELD_OUT_COLOURS[subject.kind] or scene.place == HELD_OUT_PLACES[subject.kind]:
            return True
    return len(scene.subjects) == 2 and HELD_OUT_PAIRS[scene.subjects[0].kind] == scene.subjects[1].kind


def draw_scene(rng: random.Random, *, place_none_share: float = 0.08) -> Scene:
    """Choose a scene at random; two subjects stand in their order, from the left."""
    bare = rng.random() < place_none_share
    told = rng.random()
    if told < PAIR_SHARE:
        subjects = _draw_pair(rng)
    elif told < PAIR_SHARE + GROUP_SHARE:
        subjects = (_draw_group(rng),)
    else:
        subjects = (_draw_single(rng, bare),)
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
    return draw_subject(rng, _draw_kind(rng), position, size)


def _draw_group(rng: random.Random) -> Subject:
    count = rng.choice(tuple(STANDING))
    kind = _draw_kind(rng)
    return Subject(kind, _draw_colour(rng, kind), TOGETHER, SIZE_OF_COUNT[count], "right", _draw_shade(rng), count)


def _draw_kind(rng: random.Random, other_than: str = "") -> str:
    shares = [0.0 if kind == other_than else share for kind, share in zip(KINDS, KIND_SHARES, strict=True)]
    return rng.choices(KINDS, shares)[0]


def _draw_pair(rng: random.Random) -> tuple[Subject, ...]:
    first = _draw_kind(rng)
    kinds = [first, _draw_kind(rng, other_than=first)]
    rng.shuffle(kinds)
    return tuple(
        draw_subject(rng, kind, position, rng.choices(("small", "medium"), (0.3, 0.7))[0])
        for kind, position in zip(kinds, ("left", "right"), strict=True)
    )


def usual_facing(position: str) -> str:
    """Where a subject at this position faces unless the caption says otherwise: into the picture."""
    return "left" if position == "right" else "right"


def draw_subject(rng: random.Random, kind: str, position: str, size: str) -> Subject:
    """A single subject of this kind, in a colour and facing a side by chance."""
    facing = usual_facing(position)
    if kind in TURNING and rng.random() < TURNED_SHARE:
        facing = "left" if facing == "right" else "right"
    return Subject(kind, _draw_colour(rng, kind), position, size, facing, _draw_shade(rng))


def _draw_colour(rng: random.Random, kind: str) -> str:
    return rng.choice(NATURAL.get(kind, COLOURS) if rng.random() < NATURAL_SHARE else COLOURS)


def _draw_shade(rng: random.Random) -> float:
    return rng.uniform(0.95, 1.05)
