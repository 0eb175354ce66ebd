"""What a training picture shows: frozen scene descriptions and the random choice of one.

This is not the drawing (`render.py`) and not the wording (`captions.py`).
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from limner.training.world import kinds

RING = 2
"""How much of the world there is. It grows in rings, each after the one before is drawn well enough."""
LATER = {
    "forest": 2, "city": 2, "fog": 2, "above": 2, "watercolour": 2, "line": 2, "style": 2, "light": 2, "fill": 2,
    "desert": 3, "mountains": 3, "papercut": 3, "dawn": 3, "storm": 3, "behind": 3, "front": 3, "close": 3, "far": 3,
    "camera": 3,
}  # fmt: skip
"""The ring of what was not in the first, kinds aside: those say it themselves."""


def ring_of(value: str) -> int:
    """The ring in which a kind, place, time, weather, position, size, facing, style or kind of edit came in."""
    return kinds.ALL[value].ring if value in kinds.ALL else LATER.get(value, 1)


def ring_of_scene(scene: Scene) -> int:
    """The ring in which the scene became possible; light was the usual one in the first."""
    values = [scene.place, scene.time, scene.weather, scene.style]
    values += [value for each in scene.subjects for value in (each.kind, each.position, each.size, each.facing)]
    usual = (scene.light, scene.warmth) == (LIGHTS[0], WARMTHS[0])
    return max(1 if usual else LATER["light"], *map(ring_of, values))


def _here(*values: str) -> tuple[str, ...]:
    """The values that are in the world by now."""
    return tuple(value for value in values if ring_of(value) <= RING)


KINDS = _here(*kinds.ALL)
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "white", "black", "grey")
NATURAL_SHARE = 0.3
"""Share of the subjects drawn in a natural colour on purpose; others may have one by chance."""
GROUND = ("left", "centre", "right")
ABOVE = "above"
"""The position over the middle, in the air; in a pair it is above the other, which stands in the middle."""
BEHIND = "behind"
"""The position of one of a pair that stands further back than the other in the middle, which covers a part of it."""
STACKED = {ABOVE: ("above", "below"), BEHIND: ("behind", "front")}
"""Positions of the first of a pair whose other one is in the middle: its relation to the other, and the other's."""
POSITIONS = (*GROUND, *_here(ABOVE, BEHIND))
TOGETHER = "together"
"""The position of a subject that is more than one: `STANDING` says where each of them stands."""
FRONT, BACK = "front", "back"
STANDING = {
    2: (("left", FRONT), ("right", FRONT)),
    3: (("centre", BACK), ("left", FRONT), ("right", FRONT)),
    4: (("left", BACK), ("right", BACK), ("left", FRONT), ("right", FRONT)),
}
"""Position and row of each of several, the far ones first. Two stand as a pair does."""
CLOSE, FAR = "close", "far"
"""Sizes of a single one: filling the picture, cut by its edges; and tiny, not far below the horizon."""
SIZE_SHARES = {"small": 0.25, "medium": 0.4, "large": 0.35, CLOSE: 0.12, FAR: 0.12}
SIZES = _here(*SIZE_SHARES)
USUAL_SIZES = SIZES[:3]
SIZE_OF_COUNT = {2: "medium", 3: "small", 4: "small"}
SIZE_ABOVE, SIZE_BEHIND = "small", "medium"
CAMERA = "camera"
"""Facing out of the picture; left and right are the other ways."""
FACINGS = _here("left", "right", CAMERA)
PLACES = _here("field", "road", "beach", "snow", "water", "forest", "city", "desert", "mountains")
NO_PLACE = "none"
TIME_SHARES = {"day": 0.44, "sunset": 0.26, "night": 0.30, "dawn": 0.24}
TIMES = _here(*TIME_SHARES)
WEATHER_SHARES = {"clear": 0.53, "snow": 0.21, "rain": 0.17, "fog": 0.09, "storm": 0.12}
WEATHERS = _here(*WEATHER_SHARES)
STYLE_SHARES = {"flat": 0.7, "watercolour": 0.15, "line": 0.15, "papercut": 0.15}
STYLES = _here(*STYLE_SHARES)
LIGHTS = ("right", "left")
"""Where the sun or the moon stands; the first needs no word."""
WARMTHS = ("neutral", "warm", "cold")
WARMTH_OF_TIME = {"sunset": "warm", "night": "cold"}
"""The colour of the light; by day it may be each, and at dawn it is the usual one."""
PATTERNS = 6

POSITION_X = {"left": 0.25, "centre": 0.5, "right": 0.75, ABOVE: 0.5, BEHIND: 0.5}
SIZE_SCALE = {"small": 0.31, "medium": 0.46, "large": 0.68, CLOSE: 1.05, FAR: 0.19}
"""One scale for each size, as there is one place for each position: a small network learns a shape many times sooner
where it need not learn it for every size and every shift by a pixel."""
TURNED_SHARE, CAMERA_SHARE = 0.2, 0.15
"""Share of those that turn that do; the others face the middle of the picture, or to the right in the middle. And the
share that faces the camera, of those that have a drawing of it."""

PAIR_SHARE, GROUP_SHARE = 0.4, 0.16
"""Shares of the scenes that show two subjects, and several of one subject."""
OVER_SHARE, BEHIND_SHARE = 0.25, 0.3
"""Share of the pairs of which one is above the other, and of the rest the share of which one is behind the other."""


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
    style: str = "flat"
    light: str = LIGHTS[0]
    warmth: str = WARMTHS[0]
    """Of the light by day; `seen_warmth` tells that at any time."""
    hill: float = 0.5
    cloud: float = 0.5
    pattern: int = 0
    cut_out: bool = False
    """Whether subjects without a place stand where they stood in one, instead of in the middle."""

    @property
    def seen_warmth(self) -> str:
        """The colour of the light, which sunset and night have of their own."""
        return WARMTH_OF_TIME.get(self.time, self.warmth)

    @property
    def stacked(self) -> bool:
        """Whether one subject is above or behind the other, and not beside it."""
        return len(self.subjects) == 2 and any(subject.position in STACKED for subject in self.subjects)


def is_held_out(scene: Scene) -> bool:
    """Whether training never shows the scene: it has a combination that is kept for evaluation.

    Those are the `held_out` of the kinds, and an ox on a snowy road: the documented example of the hub's API.
    """
    if any(subject.kind == "ox" for subject in scene.subjects) and (scene.place, scene.weather) == ("road", "snow"):
        return True
    for subject in scene.subjects:
        held_out = kinds.ALL[subject.kind].held_out
        if subject.colour == held_out.colour or scene.place == held_out.place:
            return True
    return len(scene.subjects) == 2 and kinds.ALL[scene.subjects[0].kind].held_out.right == scene.subjects[1].kind


def draw_scene(rng: random.Random, *, place_none_share: float = 0.08) -> Scene:
    """Choose a scene at random; two subjects stand in their order, from the left, above or behind."""
    bare = rng.random() < place_none_share
    told = rng.random()
    if told < PAIR_SHARE:
        subjects = _draw_pair(rng)
    elif told < PAIR_SHARE + GROUP_SHARE:
        subjects = (_draw_group(rng),)
    else:
        subjects = (_draw_single(rng, bare),)
    time = "day" if bare else _of_shares(rng, TIMES, TIME_SHARES)
    return Scene(
        place=NO_PLACE if bare else _draw_place(rng, subjects),
        time=time,
        weather="clear" if bare else _of_shares(rng, WEATHERS, WEATHER_SHARES),
        subjects=subjects,
        style=_of_shares(rng, STYLES, STYLE_SHARES),
        light=rng.choices(LIGHTS, (0.8, 0.2))[0],
        warmth=WARMTHS[0] if bare or time != "day" else rng.choices(WARMTHS, (0.76, 0.12, 0.12))[0],
        hill=rng.random(),
        cloud=rng.random(),
        pattern=rng.randrange(PATTERNS),
    )


def _of_shares(rng: random.Random, values: tuple[str, ...], shares: dict[str, float]) -> str:
    return rng.choices(values, [shares[value] for value in values])[0]


def _draw_place(rng: random.Random, subjects: tuple[Subject, ...]) -> str:
    if any(subject.kind == "boat" for subject in subjects) and rng.random() < 0.4:
        return "water"
    return rng.choice(PLACES)


def _draw_single(rng: random.Random, bare: bool) -> Subject:
    kind = _draw_kind(rng)
    if ABOVE in POSITIONS and not bare and rng.random() < (0.4 if kinds.ALL[kind].flies else 0.08):
        return draw_subject(rng, kind, ABOVE, SIZE_ABOVE)
    position = rng.choices(GROUND, (0.2, 0.6, 0.2) if bare else (0.3, 0.4, 0.3))[0]
    size = _of_shares(rng, USUAL_SIZES if bare else SIZES, SIZE_SHARES)
    return draw_subject(rng, kind, "centre" if size == CLOSE else position, size)


def _draw_group(rng: random.Random) -> Subject:
    count = rng.choice(tuple(STANDING))
    kind = _draw_kind(rng)
    return Subject(kind, _draw_colour(rng, kind), TOGETHER, SIZE_OF_COUNT[count], "right", _draw_shade(rng), count)


def _draw_kind(rng: random.Random, other_than: str = "") -> str:
    return rng.choices(KINDS, [0.0 if kind == other_than else kinds.ALL[kind].share for kind in KINDS])[0]


def _draw_pair(rng: random.Random) -> tuple[Subject, ...]:
    first = _draw_kind(rng)
    pair = [first, _draw_kind(rng, other_than=first)]
    rng.shuffle(pair)
    sizes = [rng.choices(("small", "medium"), (0.3, 0.7))[0] for _ in pair]
    positions = ("left", "right")
    if ABOVE in POSITIONS and rng.random() < OVER_SHARE:
        pair.sort(key=lambda kind: not kinds.ALL[kind].flies)
        positions, sizes[0] = (ABOVE, "centre"), SIZE_ABOVE
    elif BEHIND in POSITIONS and rng.random() < BEHIND_SHARE:
        positions, sizes = (BEHIND, "centre"), [SIZE_BEHIND, SIZE_BEHIND]
    return tuple(draw_subject(rng, *each) for each in zip(pair, positions, sizes, strict=True))


def usual_facing(position: str) -> str:
    """Where a subject at this position faces unless the caption says otherwise: into the picture."""
    return "left" if position == "right" else "right"


def facings(kind: str) -> tuple[str, ...]:
    """Where a kind can be told to face; one that does not turn, nowhere."""
    turns, fronts = kinds.ALL[kind].turns, kinds.ALL[kind].fronts
    return tuple(facing for facing in FACINGS if turns and (fronts or facing != CAMERA))


def draw_subject(rng: random.Random, kind: str, position: str, size: str) -> Subject:
    """A single subject of this kind, in a colour and facing a side or the camera by chance."""
    facing = usual_facing(position)
    if kinds.ALL[kind].turns and rng.random() < TURNED_SHARE:
        facing = "left" if facing == "right" else "right"
    if CAMERA in facings(kind) and rng.random() < CAMERA_SHARE:
        facing = CAMERA
    return Subject(kind, _draw_colour(rng, kind), position, size, facing, _draw_shade(rng))


def _draw_colour(rng: random.Random, kind: str) -> str:
    natural = kinds.ALL[kind].natural
    return rng.choice(natural if natural and rng.random() < NATURAL_SHARE else COLOURS)


def _draw_shade(rng: random.Random) -> float:
    return rng.uniform(0.95, 1.05)
