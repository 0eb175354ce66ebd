"""The picture world: what is drawn, what is said of it, and what is kept out of training."""

from __future__ import annotations

import random
import re
import tomllib
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray

from limner.training.quality import Asker
from limner.training.world import captions, kinds, landscape
from limner.training.world.captions import WORD, caption, tables, words
from limner.training.world.colours import subject_tokens
from limner.training.world.pairs import training_pair
from limner.training.world.render import CUT, GRID, covers, kind_fragment, render, scene_svg, stand
from limner.training.world.scene import (
    ABOVE,
    BEHIND,
    CAMERA,
    CLOSE,
    COLOURS,
    FAR,
    KINDS,
    LIGHTS,
    NO_PLACE,
    PLACES,
    POSITIONS,
    SIZE_SHARES,
    SIZES,
    STANDING,
    STYLE_SHARES,
    STYLES,
    TIME_SHARES,
    TIMES,
    TOGETHER,
    USUAL_SIZES,
    WARMTHS,
    WEATHER_SHARES,
    WEATHERS,
    Scene,
    Subject,
    draw_scene,
    is_held_out,
    ring_of,
    ring_of_scene,
    usual_facing,
)
from limner.training.world.sheet import contact_sheet

PAIRS = 3000


@pytest.fixture(scope="module")
def pairs() -> list[tuple[Scene, str]]:
    rng = random.Random(12)
    return [training_pair(rng) for _ in range(PAIRS)]


def subject(kind: str = "ox", colour: str = "brown") -> Subject:
    return Subject(kind, colour, "centre", "large", "right")


def says(text: str, phrase: str) -> bool:
    return re.search(rf"\b{re.escape(phrase.lower())}\b", text.lower()) is not None


def test_the_same_seed_gives_the_same_caption_and_the_same_bytes() -> None:
    for seed in range(8):
        first, second = training_pair(random.Random(seed)), training_pair(random.Random(seed))
        assert first == second
        assert render(first[0], 64, 64).tobytes() == render(second[0], 64, 64).tobytes()


def test_a_scene_without_a_place_is_transparent_around_its_subject() -> None:
    picture = render(Scene(NO_PLACE, "day", "clear", (subject(),)), 128, 128)
    corners = picture[[0, 0, -1, -1], [0, -1, 0, -1], 3]
    assert corners.max() == 0
    assert picture[..., 3].max() == 255
    assert 0.1 < (picture[..., 3] > 0).mean() < 0.6


def test_a_scene_with_a_place_is_opaque_in_every_shape() -> None:
    for place in PLACES:
        for width, height in ((96, 96), (144, 96), (96, 144)):
            picture = render(Scene(place, "night", "snow", (subject(),)), width, height)
            assert picture.shape == (height, width, 4)
            assert picture.dtype == np.uint8
            assert picture[..., 3].min() == 255


def test_a_held_out_scene_never_becomes_a_training_pair(pairs: list[tuple[Scene, str]]) -> None:
    assert not any(is_held_out(scene) for scene, _ in pairs)
    rng = random.Random(11)
    assert any(is_held_out(draw_scene(rng)) for _ in range(PAIRS))


def test_a_scene_is_held_out_by_one_of_its_combinations() -> None:
    assert is_held_out(Scene("road", "night", "snow", (subject("dog"), subject("ox"))))
    assert not is_held_out(Scene("road", "night", "snow", (subject("dog"),)))
    assert not is_held_out(Scene("road", "night", "clear", (subject("ox"),)))
    assert is_held_out(Scene("field", "day", "clear", (subject("ox", kinds.ALL["ox"].held_out.colour),)))
    assert is_held_out(Scene(kinds.ALL["dog"].held_out.place, "day", "clear", (subject("dog"),)))
    left, right = subject("dog"), subject(kinds.ALL["dog"].held_out.right)
    assert is_held_out(Scene("field", "day", "clear", (left, right)))
    assert not is_held_out(Scene("field", "day", "clear", (right, left)))


def test_what_is_held_out_leaves_every_kind_its_usual_colours_and_another_place() -> None:
    for name, kind in kinds.ALL.items():
        assert kind.held_out.colour in set(COLOURS) - set(kind.natural)
        assert kind.held_out.right in set(kinds.ALL) - {name}
        assert max(ring_of(kind.held_out.place), ring_of(kind.held_out.right)) <= kind.ring


def test_a_question_of_an_early_ring_never_needs_a_later_one() -> None:
    asked = [Asker(random.Random(seed), 1) for seed in range(200)]
    later = {kind for kind in KINDS if ring_of(kind) > 1} | {ABOVE}
    for asker in asked:
        for question in (asker.two(), asker.position(), asker.single()):
            assert not any(later & {each["kind"], each.get("position", "")} for each in question.subjects)


def test_no_training_caption_speaks_of_an_ox_on_a_snowy_road(pairs: list[tuple[Scene, str]]) -> None:
    for _, text in pairs:
        ox = any(says(text, noun) for noun in tables()["kinds"]["ox"])
        road = any(says(text, noun) for noun in ("road", "street", "path"))
        snow = re.search(r"snow(?!m[ae]n)|wintry", text.lower()) is not None
        assert not (ox and road and snow), text


def test_every_attribute_appears(pairs: list[tuple[Scene, str]]) -> None:
    scenes = [scene for scene, _ in pairs]
    subjects = [each for scene in scenes for each in scene.subjects]
    assert {each.kind for each in subjects} == set(KINDS)
    assert {each.colour for each in subjects} == set(COLOURS)
    assert {each.position for each in subjects} == {*POSITIONS, TOGETHER}
    assert {each.count for each in subjects} == {1, *STANDING}
    assert {each.size for each in subjects} == set(SIZES)
    assert {scene.place for scene in scenes} == {*PLACES, NO_PLACE}
    assert {scene.time for scene in scenes} == set(TIMES)
    assert {scene.weather for scene in scenes} == set(WEATHERS)
    assert {scene.style for scene in scenes} == set(STYLES)
    assert {scene.light for scene in scenes} == set(LIGHTS)
    assert {scene.warmth for scene in scenes} == set(WARMTHS)
    assert any(scene.stacked for scene in scenes)
    assert {len(scene.subjects) for scene in scenes} == {1, 2}


def test_the_known_words_cover_every_caption(pairs: list[tuple[Scene, str]]) -> None:
    known = words()
    for _, text in pairs:
        assert set(WORD.findall(text.lower())) <= known


def test_a_caption_names_every_subject_of_its_scene(pairs: list[tuple[Scene, str]]) -> None:
    for scene, text in pairs:
        for each in scene.subjects:
            nouns = tables()["plurals" if each.count > 1 else "kinds"][each.kind]
            assert any(says(text, noun) for noun in nouns), text


def test_a_caption_names_the_number_of_several_and_no_other(pairs: list[tuple[Scene, str]]) -> None:
    for scene, text in pairs:
        said = {
            int(count) for count, phrases in tables()["counts"].items() if any(says(text, each) for each in phrases)
        }
        assert said == {each.count for each in scene.subjects if each.count > 1}, text


def test_two_whose_places_are_not_told_are_named_from_the_left(pairs: list[tuple[Scene, str]]) -> None:
    found = 0
    for scene, text in pairs:
        if len(scene.subjects) < 2 or scene.stacked or re.search(r"\b(left|right)\b", text):
            continue
        at = [min(text.lower().find(noun) % 999 for noun in tables()["kinds"][each.kind]) for each in scene.subjects]
        assert at == sorted(at), text
        found += 1
    assert found > 100


@pytest.mark.parametrize(
    ("table", "attribute"),
    [("kinds", "kind"), ("plurals", "kind"), ("positions", "position"), ("sizes", "size")],
)
def test_a_caption_claims_nothing_false_of_its_subjects(
    pairs: list[tuple[Scene, str]], table: str, attribute: str
) -> None:
    for scene, text in pairs:
        present = {getattr(each, attribute) for each in scene.subjects}
        if len(scene.subjects) == 2:
            text = re.sub(r"(to the |on the |)(left|right) of", "", text)
        for value, phrases in tables()[table].items():
            if value not in present:
                assert not any(says(text, phrase) for phrase in phrases), (value, text)


def test_a_subject_that_faces_the_unusual_way_is_nearly_always_said_to(pairs: list[tuple[Scene, str]]) -> None:
    shown = [(scene.subjects[0], text) for scene, text in pairs if len(scene.subjects) == 1]
    singles = [(each, text) for each, text in shown if each.count == 1]
    turned = [(each, text) for each, text in singles if each.facing != usual_facing(each.position)]
    assert {each.kind for each, _ in turned} == {kind for kind in KINDS if kinds.ALL[kind].turns}
    said = [any(says(text, phrase) for phrase in tables()["facing"][each.facing]) for each, text in turned]
    assert sum(said) / len(said) > 0.9
    for each, text in singles:
        for other in set(tables()["facing"]) - {each.facing}:
            assert not any(says(text, phrase) for phrase in tables()["facing"][other]), text


@pytest.mark.parametrize(("wide", "high"), [(100, 100), (150, 100), (100, 150)])
def test_subjects_stand_on_the_grid_of_the_latents_and_keep_apart(
    pairs: list[tuple[Scene, str]], wide: float, high: float
) -> None:
    for scene, _ in pairs:
        usual = [each for each in scene.subjects if each.size in USUAL_SIZES]
        stands = [stand(scene, each, at, (wide, high)) for each in usual for at in each.standing()]
        for middle, base, box in stands:
            assert middle % GRID == base % GRID == 0
            assert box / 2 - CUT <= middle <= wide - box / 2 + CUT
        assert len({(middle, base) for middle, base, _ in stands}) == len(stands)


def test_a_caption_names_no_colour_that_no_subject_has(pairs: list[tuple[Scene, str]]) -> None:
    for scene, text in pairs:
        plain = re.sub(r"(orange|blue) sky", "sky", text.lower())
        present = {each.colour for each in scene.subjects}
        for value, phrases in tables()["colours"].items():
            if value not in present:
                assert not any(says(plain, phrase) for phrase in phrases), (value, text)


def test_a_caption_claims_nothing_false_of_time_and_weather(pairs: list[tuple[Scene, str]]) -> None:
    for scene, text in pairs:
        lower = text.lower()
        for value, phrases in tables()["times"].items():
            if value != scene.time:
                assert not any(says(text, phrase) for phrase in phrases), (value, text)
        if re.search(r"snow(?!m[ae]n)|wintry", lower):
            assert scene.weather == "snow" or scene.place == "snow", text
        if re.search(r"falling snow|snow is falling|snowfall|snowflakes|snows", lower):
            assert scene.weather == "snow", text
        if re.search(r"\brain|\bwet\b", lower):
            assert scene.weather == "rain", text
        if re.search(r"\bfog|\bmist", lower):
            assert scene.weather == "fog", text
        star = any(each.kind == "star" for each in scene.subjects)
        if re.search(r"\bstarry" if star else r"\bstars?\b|\bstarry|\bsunny|sunshine|\bclear\b|blue sky", lower):
            assert scene.weather == "clear", text


def test_a_caption_claims_no_other_place(pairs: list[tuple[Scene, str]]) -> None:
    signs = {
        "road": r"\b(road|street|path)\b",
        "beach": r"\b(beach|(?<!desert )sand(?! dunes)|seaside|shore)\b",
        "water": r"\b(water|sea|lake)\b",
        "forest": r"\b(forest|woods?)\b",
        "city": r"\b(city|town|buildings)\b",
        NO_PLACE: r"background|cut out|isolated",
    }
    for scene, text in pairs:
        for place, sign in signs.items():
            if place != scene.place:
                assert re.search(sign, text.lower()) is None, text


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_file_is_well_formed_and_leaves_no_placeholder_behind(kind: str) -> None:
    ElementTree.fromstring(kind_fragment(kind))
    for colour in COLOURS:
        svg = scene_svg(Scene("water", "night", "snow", (subject(kind, colour),)), 128, 128)
        ElementTree.fromstring(svg)
        assert "{" not in svg


def test_white_stays_pale_and_black_stays_dark_under_every_light() -> None:
    for time in TIME_SHARES:
        white, black = (subject_tokens(colour, time, 1.0)["main"] for colour in ("white", "black"))
        assert min(int(white[place : place + 2], 16) for place in (1, 3, 5)) > 180
        assert max(int(black[place : place + 2], 16) for place in (1, 3, 5)) < 70


def test_a_caption_can_be_long_or_short() -> None:
    rng = random.Random(2)
    scene = Scene("field", "night", "rain", (subject(),))
    lengths = {len(caption(scene, rng).split()) for _ in range(300)}
    assert min(lengths) <= 3
    assert max(lengths) >= 15


@pytest.mark.parametrize("style", STYLE_SHARES)
def test_no_two_times_and_no_two_weathers_look_alike(style: str) -> None:
    flower = replace(subject("flower"), size="small")
    shown = Scene("field", "day", "clear", (flower,), style)
    for name, values in (("time", TIME_SHARES), ("weather", WEATHER_SHARES)):
        scenes = [replace(shown, **{name: value}) for value in values]  # type: ignore[arg-type]
        skies = [render(scene, 128, 128)[:64, :, :3].astype(int) for scene in scenes]
        for one, other in combinations(skies, 2):
            assert np.abs(one - other).mean() > 5


@pytest.mark.parametrize("place", [*PLACES, "desert", "mountains"])
def test_lightning_is_to_be_seen_in_a_storm_wherever_it_is(place: str) -> None:
    rainy = Scene(place, "night", "rain", (subject(),))
    red, _, blue = np.moveaxis(render(replace(rainy, weather="storm"), 128, 128)[:64, :, :3].astype(int), 2, 0)
    assert (red - blue > 100).sum() > 100


def changed(scene: Scene, without: Scene) -> NDArray[np.bool_]:
    """Which of 8 x 8 cells of the picture are not as in the other one."""
    one, other = (render(each, 128, 128).astype(int) for each in (scene, without))
    return np.asarray((np.abs(one - other).max(axis=-1) > 40).reshape(8, 16, 8, 16).any(axis=(1, 3)))


@pytest.mark.parametrize("kind", KINDS[::4])
def test_one_behind_another_is_higher_up_and_partly_covered(kind: str) -> None:
    back, front = Subject(kind, "red", BEHIND, "medium", "right"), replace(subject("house"), size="medium")
    scene = Scene("field", "day", "clear", (back, front))
    alone = replace(scene, subjects=(front,))
    (x, base, box), (front_x, front_base, front_box) = (
        stand(scene, each, each.standing()[0], (100, 100)) for each in (back, front)
    )
    assert scene.stacked
    assert base < front_base
    assert x - box / 2 < front_x + front_box / 2
    seen = changed(scene, alone)
    assert seen.sum() >= 3
    assert (covers(scene, back, 8, 8) | ~seen).all()
    assert (changed(replace(scene, subjects=(back,)), replace(scene, subjects=())) >= seen).all()


@pytest.mark.parametrize("kind", KINDS[::4])
def test_what_is_close_fills_the_picture_and_what_is_far_is_tiny_under_the_horizon(kind: str) -> None:
    nobody = Scene("road", "day", "clear", ())
    close, far = (Subject(kind, "red", "centre", size, "right") for size in (CLOSE, FAR))
    near = changed(replace(nobody, subjects=(close,)), nobody)
    assert near[-1].any()
    assert near.mean() > 0.3
    seen = changed(replace(nobody, subjects=(far,)), nobody)
    assert 0 < seen.mean() < 0.15
    assert (covers(nobody, far, 8, 8) | ~seen).all()
    _, base, _ = stand(nobody, far, far.standing()[0], (100, 100))
    assert 100 * landscape.HORIZON < base < 100 - GRID


def test_a_scene_is_of_the_ring_of_the_last_that_it_shows() -> None:
    first = Scene("field", "day", "clear", (subject(),))
    assert ring_of_scene(first) == 1
    others = (replace(subject(), size=FAR), replace(subject(), position=BEHIND))
    shown = [replace(first, subjects=(each,)) for each in others]
    for scene in (replace(first, time="dawn"), replace(first, weather="storm"), *shown):
        assert ring_of_scene(scene) == 3


def test_there_are_words_for_every_value_of_every_ring() -> None:
    written = tomllib.loads((Path(captions.__file__).parent / "words.toml").read_text(encoding="utf-8"))
    weathers = set(WEATHER_SHARES)
    assert set(written["times"]) == set(written["time_nouns"]) == set(TIME_SHARES)
    assert set(written["weathers"]) == set(written["weather_edits"]) == weathers
    assert set(written["now"]) == {*TIME_SHARES, *weathers} - {"clear"}
    assert set(written["adjectives"]) == weathers - {"clear"}
    assert {name.removeprefix("places_") for name in written if name.startswith("places_")} == {
        *weathers,
        "of_second",
    } - {"clear"}
    assert {*written["sizes"], *written["distances"], "medium"} == set(SIZE_SHARES)
    assert {"behind", "front"} <= set(written["relations"])
    assert BEHIND in written["positions"]
    assert set(written["facing"]) == {"left", "right", CAMERA}


def test_a_contact_sheet_holds_all_pictures() -> None:
    pictures = [render(Scene(NO_PLACE, "day", "clear", (subject(kind),)), 32, 32) for kind in KINDS]
    sheet = contact_sheet(pictures, 5, list(KINDS))
    assert sheet.shape[1] == 5 * (32 + 6) + 6
    assert sheet.shape[2] == 3
