"""Edits of the picture world: a scene, an instruction, and the scene as it should be afterwards. The truth is exact.

Everything an instruction does not name stays as it was, down to hills and clouds. Not the drawing and not the words
themselves: those are `render.py` and `words.toml`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from limner.training.world import kinds
from limner.training.world.captions import article, caption, tables
from limner.training.world.render import covers
from limner.training.world.scene import (
    ABOVE,
    CAMERA,
    COLOURS,
    GROUND,
    KINDS,
    LIGHTS,
    NO_PLACE,
    PLACES,
    RING,
    STYLES,
    TIMES,
    USUAL_SIZES,
    WARMTHS,
    WEATHERS,
    Scene,
    Subject,
    draw_scene,
    draw_subject,
    facings,
    is_held_out,
    ring_of,
    ring_of_scene,
    usual_facing,
)

FILLED = ("recolour", "add", "remove", "replace")
"""Kinds of edit that can be shown as the filling of a hole."""
OFTENER = {"move": 2, "resize": 2, "recolour": 2, "background": 2, "remove": 3}
"""How many times as often as others some kinds of edit are drawn: those that are learned last."""
TOLD_WHOLE = 0.2
"""Share of the edits that are told by a caption of the result instead of an instruction: people do both."""


@dataclass(frozen=True)
class Edit:
    """One edit: what kind, the scene before and after, the second input if there is one, and the subject it names."""

    kind: str
    before: Scene
    after: Scene
    named: Subject
    second: Scene | None = None

    @property
    def inputs(self) -> tuple[Scene, ...]:
        """The scenes that the model is given."""
        return (self.before,) if self.second is None else (self.before, self.second)


def _other(rng: random.Random, values: tuple[str, ...], than: str) -> str:
    return rng.choice([value for value in values if value != than])


def _swap(scene: Scene, old: Subject, *new: Subject) -> Scene:
    return replace(scene, subjects=tuple(kept for each in scene.subjects for kept in (new if each is old else (each,))))


def _recolour(rng: random.Random) -> Edit:
    scene = draw_scene(rng, place_none_share=0.05)
    named = rng.choice(scene.subjects)
    after = _swap(scene, named, replace(named, colour=_other(rng, COLOURS, named.colour)))
    return Edit("recolour", scene, after, named)


def _pair(rng: random.Random) -> tuple[Scene, Subject]:
    scene = draw_scene(rng, place_none_share=0)
    while len(scene.subjects) != 2:
        scene = draw_scene(rng, place_none_share=0)
    return scene, rng.choice(scene.subjects)


def _single(rng: random.Random) -> tuple[Scene, Subject]:
    scene = draw_scene(rng, place_none_share=0)
    while len(scene.subjects) != 1 or scene.subjects[0].count > 1:
        scene = draw_scene(rng, place_none_share=0)
    return scene, scene.subjects[0]


def _standing(rng: random.Random) -> tuple[Scene, Subject]:
    """A single one on the ground, where there is room for every size."""
    scene, named = _single(rng)
    while named.position == ABOVE or named.size not in USUAL_SIZES:
        scene, named = _single(rng)
    return scene, named


def _add(rng: random.Random) -> Edit:
    scene, named = _pair(rng)
    return Edit("add", _swap(scene, named), scene, named)


def _remove(rng: random.Random) -> Edit:
    scene, named = _pair(rng) if rng.random() < 0.6 else _single(rng)
    return Edit("remove", scene, _swap(scene, named), named)


def _replace(rng: random.Random) -> Edit:
    scene, named = _pair(rng) if rng.random() < 0.4 else _single(rng)
    others = tuple(kind for kind in KINDS if kind not in {each.kind for each in scene.subjects})
    new = draw_subject(rng, rng.choice(others), named.position, named.size)
    kept = kinds.ALL[named.kind].turns and named.facing in facings(new.kind)
    facing = named.facing if kept else usual_facing(new.position)
    return Edit("replace", scene, _swap(scene, named, replace(new, facing=facing)), named)


def _move(rng: random.Random) -> Edit:
    scene, named = _standing(rng)
    after = _swap(scene, named, replace(named, position=_other(rng, GROUND, named.position)))
    return Edit("move", scene, after, named)


def _resize(rng: random.Random) -> Edit:
    scene, named = _standing(rng)
    after = _swap(scene, named, replace(named, size=_other(rng, ("small", "large"), named.size)))
    return Edit("resize", scene, after, named)


def _surroundings(rng: random.Random, *, kind: str, values: tuple[str, ...]) -> Edit:
    scene = draw_scene(rng, place_none_share=0)
    changed = {kind: _other(rng, values, getattr(scene, kind))}
    return Edit(kind, scene, replace(scene, **changed), scene.subjects[0])  # type: ignore[arg-type]


def _light(rng: random.Random) -> Edit:
    """The light from the other side, or by day of another colour."""
    if rng.random() < 0.6:
        return replace(_surroundings(rng, kind="light", values=LIGHTS), kind="light")
    edit = _surroundings(rng, kind="warmth", values=WARMTHS)
    while edit.before.time != "day":
        edit = _surroundings(rng, kind="warmth", values=WARMTHS)
    return replace(edit, kind="light")


def _background(rng: random.Random) -> Edit:
    scene, named = _single(rng)
    after = replace(scene, place=NO_PLACE, weather="clear", warmth=WARMTHS[0], cut_out=True)
    return Edit("background", scene, after, named)


def _combine(rng: random.Random) -> Edit:
    """The subject of one picture, in its place and size, in the surroundings of another."""
    scene, named = _single(rng)
    second = draw_scene(rng, place_none_share=0)
    return Edit("combine", scene, replace(second, subjects=(named,)), named, second)


_ALL: dict[str, Callable[[random.Random], Edit]] = {
    "recolour": _recolour,
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "resize": _resize,
    "weather": partial(_surroundings, kind="weather", values=WEATHERS),
    "time": partial(_surroundings, kind="time", values=TIMES),
    "place": partial(_surroundings, kind="place", values=PLACES),
    "style": partial(_surroundings, kind="style", values=STYLES),
    "light": _light,
    "background": _background,
    "combine": _combine,
}
EDITS = {kind: draw for kind, draw in _ALL.items() if ring_of(kind) <= RING}


def draw_edit(rng: random.Random, kind: str = "", ring: int = RING) -> Edit:
    """An edit of this kind (any that has one input, if none is named), of the world up to a ring, nothing held out."""
    names = [name for name in EDITS if name != "combine"]
    kind = kind or rng.choices(names, [OFTENER.get(name, 1) for name in names])[0]
    edit = EDITS[kind](rng)
    while any(is_held_out(scene) or ring_of_scene(scene) > ring for scene in (*edit.inputs, edit.after)):
        edit = EDITS[kind](rng)
    return edit


def word_edit(edit: Edit, rng: random.Random) -> str:
    """The edit in words: an instruction, or now and then a caption of the result."""
    if edit.after.subjects and edit.kind not in ("background", "combine") and rng.random() < TOLD_WHOLE:
        return caption(edit.after, rng)
    return instruct(edit, rng)


def fill(edit: Edit, rng: random.Random) -> str:
    """What is to be seen in the hole where the edited subject is, in words, or an instruction for the same."""
    told = rng.random()
    if edit.kind == "remove" or told < 0.35:
        return instruct(edit, rng)
    if edit.named.count > 1 or told < 0.5:
        return caption(edit.after, rng)
    return _write(rng.choice(tables()["edits"]["fill"]), edit, rng)


def hole(edit: Edit, rows: int, columns: int, margin: float = 0.0) -> NDArray[np.bool_]:
    """The cells of a grid over the picture in which the edit changes anything, and `margin` units around them."""
    cells = np.zeros((rows, columns), dtype=np.bool_)
    for each in set(edit.before.subjects) ^ set(edit.after.subjects):
        cells |= covers(edit.before, each, rows, columns, margin)
    return cells


def instruct(edit: Edit, rng: random.Random) -> str:
    """An instruction for the edit; it names nothing that stays."""
    return _write(rng.choice(tables()["edits"][edit.kind]), edit, rng)


def _write(text: str, edit: Edit, rng: random.Random) -> str:
    """The text with its blanks filled in."""
    for blank, choose in _blanks(edit, rng).items():
        if "{" + blank + "}" in text:
            text = text.replace("{" + blank + "}", choose())
    return f"{text[0].upper()}{text[1:]}." if rng.random() < 0.3 else text


def _blanks(edit: Edit, rng: random.Random) -> dict[str, Callable[[], str]]:
    table, after = tables(), edit.after
    known = {each.position: each for each in after.subjects}
    made = known.get(edit.named.position, next(iter(known.values()), edit.named))

    def pick(name: str, value: str) -> str:
        word: str = rng.choice(table[name][value])
        return word

    return {
        "thing": lambda: _name(edit.named, rng),
        "new": lambda: _describe(made, rng),
        "colour": lambda: pick("colours", made.colour),
        "position": lambda: pick("positions", made.position),
        "towards": lambda: pick("towards", made.position),
        "relative": lambda: pick("relative", made.size),
        "weather": lambda: pick("weather_edits", after.weather),
        "time": lambda: pick("time_nouns", after.time),
        "time_phrase": lambda: pick("times", after.time),
        "place": lambda: pick("places", after.place),
        "style": lambda: pick("style_nouns", after.style),
        "light": lambda: (
            pick("light_edits", after.light) if after.light != edit.before.light else pick("warmth_edits", after.warmth)
        ),
        "from": lambda: pick("places_of_second", after.place),
    }


def _name(subject: Subject, rng: random.Random) -> str:
    table = tables()
    noun: str = rng.choice(table["plurals" if subject.count > 1 else "kinds"][subject.kind])
    return f"{rng.choice(table['colours'][subject.colour])} {noun}" if rng.random() < 0.25 else noun


def _describe(subject: Subject, rng: random.Random) -> str:
    table = tables()
    noun = f"{rng.choice(table['colours'][subject.colour])} {rng.choice(table['kinds'][subject.kind])}"
    if subject.size == "small" or (subject.size == "large" and rng.random() < 0.4):
        noun = f"{rng.choice(table['sizes'][subject.size])} {noun}"
    front = f" {rng.choice(table['facing'][CAMERA])}" if subject.facing == CAMERA else ""
    return f"{article(noun)} {noun}{front}"
