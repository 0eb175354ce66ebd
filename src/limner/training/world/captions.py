"""Words for a scene: many free wordings, none of which says anything false of the picture.

This is not a language model: phrases come from `words.toml`, and leaving things out is part of the wording.
"""

from __future__ import annotations

import random
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from limner.training.world import kinds
from limner.training.world.scene import (
    ABOVE,
    BEHIND,
    CAMERA,
    COLOURS,
    FACINGS,
    KINDS,
    LIGHTS,
    NO_PLACE,
    RING,
    STACKED,
    STYLES,
    WARMTHS,
    Scene,
    Subject,
    ring_of,
    usual_facing,
)

WORD = re.compile(r"[a-z]+|[0-9]+")
BLANK = re.compile(r"\{[a-z]+\}")
VOWELS = "aeiou"
TO_CAMERA = re.compile(r"\b(camera|viewer)\b")
"""What is said only of who faces the camera, once that is in the world; the heads of side drawings look out too."""
UNUSUAL_SHARE = (0.94, 0.04)
"""How often a caption tells a style or a light: another than the usual one, and that."""
SENTENCE_SHARE = 0.2
"""How often a caption is one of the whole `sentences`."""
POSITION_SHARE = {"left": 0.97, "centre": 0.5, "right": 0.97, ABOVE: 0.98, BEHIND: 0.98}
"""How often a caption tells where its one subject is: left unsaid, it is nearly always in the middle. A model that has
to guess the place draws one thing at two of them."""


@cache
def tables() -> dict[str, Any]:
    """The wordings of `words.toml`, and the names of the kinds; only of what is in the world by now."""
    read: dict[str, Any] = tomllib.loads((Path(__file__).parent / "words.toml").read_text(encoding="utf-8"))
    found = {name: _here(table) for name, table in read.items() if ring_of(name.rpartition("_")[2]) <= RING}
    if CAMERA in FACINGS:
        every = found["verbs"]["living"]
        found["verbs"] |= {CAMERA: every, "living": [verb for verb in every if not TO_CAMERA.search(verb)]}
    found["kinds"] = {kind: list(kinds.ALL[kind].names) for kind in KINDS}
    found["plurals"] = {kind: list(kinds.ALL[kind].plurals) for kind in KINDS}
    return found


def _here(table: Any) -> Any:
    return {key: value for key, value in table.items() if ring_of(key) <= RING} if isinstance(table, dict) else table


def words() -> set[str]:
    """Every lower-case word a caption can contain; captions are split with `WORD`."""
    found = {"a", "an", "the"}
    for phrase in _phrases(tables()):
        found.update(WORD.findall(BLANK.sub(" ", phrase).lower()))
    return found


def _phrases(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, dict) else value
    return [phrase for part in parts for phrase in _phrases(part)]


def caption(scene: Scene, rng: random.Random) -> str:
    """One caption of the scene, short or long, always true."""
    brief = rng.random() < 0.12
    whole = not brief and scene.place != NO_PLACE and rng.random() < SENTENCE_SHARE
    styled = rng.random() < UNUSUAL_SHARE[scene.style == STYLES[0]]
    first = styled and not whole and rng.random() < 0.5
    body = _sentence(scene, rng) if whole else _listed(scene, rng, brief, styled=first)
    body = "".join([body, *(f", {phrase}" if rng.random() < 0.4 else f" {phrase}" for phrase in _light(scene, rng))])
    if styled and not first:
        body = f"{body}, {rng.choice(tables()['styles'][scene.style])}"
    if not brief and rng.random() < 0.06:
        body = f"{body}, {rng.choice(tables()['endings'])}"
    return _finish(body, rng)


def _listed(scene: Scene, rng: random.Random, brief: bool, *, styled: bool) -> str:
    """The subjects, and one after the other what is around them; the style before them if it is told so."""
    text = _subjects(scene, rng, brief)
    around = _surroundings(scene, rng, brief)
    if len(scene.subjects) == 1 and scene.subjects[0].count == 1 and not brief and rng.random() < 0.2:
        around.append(_afterthought(scene.subjects[0], rng))
    if styled:
        text = f"{rng.choice(tables()['style_prefixes'][scene.style])} {text}"
    front = ""
    if around and not styled and rng.random() < 0.07 and scene.place != NO_PLACE:
        front = f"{around.pop()}, "
    body = text + "".join(_joined(phrase, rng) for phrase in around)
    if not front and not styled and rng.random() < (0.1 if brief else 0.35):
        body = f"{rng.choice(tables()['prefixes'])} {body}"
    return front + body


def _light(scene: Scene, rng: random.Random) -> list[str]:
    """Where the light comes from and its colour, if they are not the usual ones, and seldom else."""
    phrases = []
    if rng.random() < UNUSUAL_SHARE[scene.light == LIGHTS[0]]:
        phrases.append(rng.choice(tables()["lights"][scene.light]))
    if scene.time == "day" and scene.place != NO_PLACE and rng.random() < UNUSUAL_SHARE[scene.warmth == WARMTHS[0]]:
        phrases.append(rng.choice(tables()["warmths"][scene.warmth]))
    return phrases


def _sentence(scene: Scene, rng: random.Random) -> str:
    """A whole sentence with the subjects, the place, and now and then the time or the weather."""
    states = [scene.time] if scene.weather == "clear" else [scene.time, scene.weather]
    text: str = rng.choice(tables()["sentences"])
    place, weather_left = _place(scene, rng, said_place=True, said_weather=scene.weather != "clear")
    what = _subjects(scene, rng, brief=False)
    now: str = rng.choice(tables()["now"][scene.weather if weather_left else rng.choice(states)])
    if "{now}" not in text and (weather_left or scene.time != "day"):
        place = f"{place} {rng.choice(tables()['weathers'][scene.weather]) if weather_left else _time(scene, rng)}"
    for blank, words_of_it in (("what", what), ("place", place), ("now", now)):
        text = text.replace("{" + blank + "}", words_of_it)
    return text


def _afterthought(subject: Subject, rng: random.Random) -> str:
    """Where the one subject is and what it does, said last: here `and` joins no second subject."""
    table = tables()
    verb: str = rng.choice(table["verbs"][_sort(subject)])
    position: str = rng.choice(table["positions"][subject.position])
    return f"{position} and {verb}" if rng.random() < 0.6 else position


def _sort(subject: Subject) -> str:
    if subject.facing == CAMERA:
        return CAMERA
    return "living" if kinds.ALL[subject.kind].living else "thing"


def _joined(phrase: str, rng: random.Random) -> str:
    return f", {phrase}" if rng.random() < 0.15 else f" {phrase}"


def _finish(text: str, rng: random.Random) -> str:
    style = rng.random()
    if style < 0.15:
        return f"{text[0].upper()}{text[1:]}."
    if style < 0.25:
        return f"{text[0].upper()}{text[1:]}"
    return f"{text}." if style < 0.3 else text


def _subjects(scene: Scene, rng: random.Random, brief: bool) -> str:
    """The subjects in words. Two whose places are not told are named in their order, from the left."""
    if len(scene.subjects) == 1:
        only = scene.subjects[0]
        if only.count > 1:
            return several(only, rng)
        tells = not brief or only.position != "centre"
        return _subject(only, rng, brief, placed=tells and rng.random() < POSITION_SHARE[only.position])
    told = rng.random()
    if scene.stacked:
        return _stacked(scene, rng, brief, told)
    if brief or told < 0.4:
        return f" {rng.choice(tables()['and'])} ".join(
            _subject(each, rng, brief, placed=False) for each in scene.subjects
        )
    order = list(scene.subjects)
    rng.shuffle(order)
    if told < 0.7:
        first, second = (_subject(each, rng, brief, placed=False) for each in order)
        return f"{first} {rng.choice(tables()['relations'][order[0].position])} {second}"
    return " and ".join(_subject(each, rng, brief, placed=True) for each in order)


def _stacked(scene: Scene, rng: random.Random, brief: bool, told: float) -> str:
    """Two of which one is above or behind the other."""
    table, position = tables(), scene.subjects[0].position
    over, under = STACKED[position]
    upper, lower = (_subject(each, rng, brief, placed=False) for each in scene.subjects)
    if told < 0.35:
        return f"{upper} {rng.choice(table['relations'][over])} {lower}"
    if told < 0.7:
        return f"{lower} {rng.choice(table['relations'][under])} {upper}"
    return f"{upper} {rng.choice(table['positions'][position])} and {lower} {rng.choice(table['lower'][position])}"


def several(subject: Subject, rng: random.Random) -> str:
    """A subject that is more than one: its number, often its colour, and its name."""
    table = tables()
    noun: str = rng.choice(table["plurals"][subject.kind])
    if rng.random() < _colour_share(subject, brief=False):
        noun = f"{rng.choice(table['colours'][subject.colour])} {noun}"
    return f"{rng.choice(table['counts'][str(subject.count)])} {noun}"


def _subject(subject: Subject, rng: random.Random, brief: bool, placed: bool) -> str:
    table = tables()
    noun: str = rng.choice(table["kinds"][subject.kind])
    if rng.random() < _colour_share(subject, brief):
        noun = f"{rng.choice(table['colours'][subject.colour])} {noun}"
    size_share = 0.15 if subject.position == ABOVE else 0.4 if brief else 0.75
    if subject.size in table["sizes"] and rng.random() < size_share:
        noun = f"{rng.choice(table['sizes'][subject.size])} {noun}"
    if not (brief and rng.random() < 0.4):
        noun = f"{'the' if rng.random() < 0.04 else article(noun)} {noun}"
    if not brief and rng.random() < 0.25:
        noun = f"{noun} {rng.choice(table['verbs'][_sort(subject)])}"
    turned = subject.facing != usual_facing(subject.position)
    if kinds.ALL[subject.kind].turns and rng.random() < (0.95 if turned else 0.08):
        noun = f"{noun} {rng.choice(table['facing'][subject.facing])}"
    if subject.size in table["distances"] and rng.random() < (0.7 if brief else 0.95):
        noun = rng.choice(table["distances"][subject.size]).replace("{it}", noun)
    return f"{noun} {rng.choice(table['positions'][subject.position])}" if placed else noun


def article(noun: str) -> str:
    """`a` or `an`."""
    return "an" if noun[0] in VOWELS else "a"


def _colour_share(subject: Subject, brief: bool) -> float:
    """How often a caption tells the colour: left unsaid, it is nearly always one that nobody needs to say."""
    if subject.colour in (kinds.ALL[subject.kind].natural or COLOURS):
        return 0.3 if brief else 0.6
    return 0.97


def _surroundings(scene: Scene, rng: random.Random, brief: bool) -> list[str]:
    if scene.place == NO_PLACE:
        return [rng.choice(tables()["places"][NO_PLACE])]
    said_place = rng.random() < (0.5 if brief else 0.9)
    said_weather = scene.weather != "clear" and rng.random() < (0.5 if brief else 0.9)
    place, weather_left = _place(scene, rng, said_place, said_weather)
    phrases = [place] if place else []
    if weather_left:
        phrases.append(rng.choice(tables()["weathers"][scene.weather]))
    elif scene.weather == "clear" and rng.random() < 0.05:
        phrases.append(rng.choice(tables()["weathers"]["clear"]))
    if rng.random() < (0.35 if scene.time == "day" else 0.85) * (0.5 if brief else 1.0):
        phrases.append(_time(scene, rng))
    return phrases


def _place(scene: Scene, rng: random.Random, said_place: bool, said_weather: bool) -> tuple[str, bool]:
    """The place phrase, and whether the weather still has to be said."""
    if not said_place:
        return "", said_weather
    adjectives = tables().get(f"places_{scene.weather}", {})
    if said_weather and scene.place in adjectives and rng.random() < 0.55:
        adjective = rng.choice(tables()["adjectives"][scene.weather])
        pattern: str = rng.choice(adjectives[scene.place])
        return pattern.replace("{adj}", adjective), rng.random() < 0.15
    return rng.choice(tables()["places"][scene.place]), said_weather


def _time(scene: Scene, rng: random.Random) -> str:
    choices: list[str] = list(tables()["times"][scene.time])
    if scene.weather == "clear":
        choices += tables()["times_clear"].get(scene.time, [])
    return rng.choice(choices)
