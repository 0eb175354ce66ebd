"""The styles of the picture world: what each does to a picture, and what none of them may do."""

from __future__ import annotations

import io
from itertools import combinations

import numpy as np
import pytest
import resvg_py
from numpy.typing import NDArray
from PIL import Image

from limner.training.world import paper, render, styles
from limner.training.world.scene import COLOURS, KINDS, NO_PLACE, STYLE_SHARES, TIME_SHARES, Scene, Subject

PAINTED = tuple(style for style in STYLE_SHARES if style != styles.FLAT)


def picture(
    style: str, place: str = NO_PLACE, time: str = "day", kind: str = "ox", colour: str = "red", side: int = 128
) -> NDArray[np.uint8]:
    shown = Scene(place, time, "clear", (Subject(kind, colour, "centre", "large", "right"),))
    return styles.apply(style, pixels(styles.redraw(style, render.scene_svg(shown, side, side)), side), seed=0)


def pixels(svg: str, side: int) -> NDArray[np.uint8]:
    png = resvg_py.svg_to_bytes(svg_string=svg, width=side, height=side, skip_system_fonts=True)
    with Image.open(io.BytesIO(bytes(png))) as drawn:
        return np.array(drawn.convert("RGBA"), dtype=np.uint8)


def body(drawn: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The median colour of what is not see-through: that of the subject's body."""
    return np.asarray(np.median(drawn[drawn[..., 3] == 255][:, :3].astype(np.float32), axis=0), dtype=np.float32)


def distance(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(np.abs(one[..., :3].astype(np.float32) - other[..., :3]).mean())


@pytest.mark.parametrize("kind", KINDS[::3])
def test_a_cut_out_keeps_its_outline_and_nothing_lies_around_it(kind: str) -> None:
    flat, *painted = (picture(style, kind=kind)[..., 3] for style in STYLE_SHARES)

    for alpha in painted:
        assert not alpha[flat == 0].any()
        assert (alpha > 127).sum() > 0.85 * (flat > 127).sum()  # an outline may be missing, a limb may not


@pytest.mark.parametrize("style", PAINTED)
def test_colours_can_be_told_apart(style: str) -> None:
    bodies = [body(picture(style, kind="cube", colour=colour)) for colour in COLOURS]

    assert min(np.abs(one - other).max() for one, other in combinations(bodies, 2)) > 40


@pytest.mark.parametrize("time", TIME_SHARES)
def test_no_two_styles_look_alike(time: str) -> None:
    drawn = [picture(style, "field", time) for style in STYLE_SHARES]

    assert min(distance(one, other) for one, other in combinations(drawn, 2)) > 8


@pytest.mark.parametrize("style", PAINTED)
def test_a_picture_looks_the_same_at_every_size(style: str) -> None:
    flat, small, large = picture(styles.FLAT, "field"), picture(style, "field"), picture(style, "field", side=256)
    shrunk = np.asarray(Image.fromarray(large).resize((128, 128), Image.Resampling.BOX))

    assert distance(small, shrunk) < distance(small, flat) / 2


def test_a_watercolour_has_a_white_border_and_a_cut_out_has_none() -> None:
    landscape = picture(styles.WATERCOLOUR, "field")
    edge = np.concatenate([landscape[0], landscape[-1], landscape[:, 0], landscape[:, -1]])[:, :3]

    assert np.median(edge) > 240
    assert body(picture(styles.WATERCOLOUR)).min() < 150


def test_a_pen_drawing_is_paler_and_has_more_ink() -> None:
    flat, line = (picture(style, "field", kind="house")[..., :3].mean(axis=-1) for style in (styles.FLAT, styles.LINE))

    assert np.median(line) > np.median(flat)
    assert (line < 60).sum() > (flat < 60).sum()


@pytest.mark.parametrize("mirror", [1, -1])
def test_card_casts_its_shadow_to_the_lower_right_whichever_way_the_subject_faces(mirror: int) -> None:
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100"><linearGradient id="sky"/>'
        f'<rect width="100" height="100" fill="#ffffff"/><g transform="translate(50 50) scale({mirror} 1)" '
        'stroke="#400000" stroke-linejoin="round"><path d="M-20,-20 H20 V20 H-20 Z" fill="#ff0000"/></g></svg>'
    )
    card = pixels(styles.redraw(styles.PAPERCUT, svg), 100)[..., 1]

    assert card[50, 28] == card[28, 50] == 255
    assert card[50, 71] < 230
    assert card[71, 50] < 230


@pytest.mark.parametrize("style", STYLE_SHARES)
def test_paper_is_one_of_a_few_sheets_and_leaves_alpha_alone(style: str) -> None:
    cut_out, landscape = picture(styles.FLAT), picture(styles.FLAT, "field")
    before = landscape.copy()
    sheets = {styles.apply(style, landscape, seed).tobytes() for seed in range(2 * paper.SHEETS)}

    assert len(sheets) == (paper.SHEETS if style == styles.WATERCOLOUR else 1)
    assert np.array_equal(landscape, before)
    assert np.array_equal(styles.apply(style, cut_out, 3)[..., 3], cut_out[..., 3])
