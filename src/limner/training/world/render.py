"""Draws a scene: builds one SVG text and has resvg turn it into pixels.

This is not a general SVG writer, and it knows nothing of captions. Coordinates: the shorter side is 100 units.
"""

from __future__ import annotations

import io
import math
from functools import cache
from pathlib import Path

import numpy as np
import resvg_py
from numpy.typing import NDArray
from PIL import Image

from limner.training.world import colours, kinds, landscape, places, styles
from limner.training.world.scene import (
    ABOVE,
    BACK,
    BEHIND,
    CAMERA,
    CLOSE,
    FAR,
    NO_PLACE,
    POSITION_X,
    SIZE_SCALE,
    Scene,
    Subject,
    usual_facing,
)

SINK = 9.0
GRID = 12.5
"""Subjects stand on a grid of the latents' spacing at the base resolution: 16 of 128 pixels."""
CUT = 4.0
"""Units of a subject's box, which is empty at its edges, that may lie outside the picture."""
SHADOW, REACH = 0.1, 0.6
"""Shares of its box that a subject's shadow and ripples reach below its ground line, and to each side of its middle."""
ROWS = 2 * GRID
"""Units from the back row of several to the front one."""
HEIGHT_ABOVE = 0.375
"""How far down the frame, as a share of it, the ground line of what is in the air is."""
HEIGHT_FAR = 0.6875
"""The same of what is far away."""
ASIDE = 2 * GRID
"""Units that one behind another stands to the right of it, and half of them above: any higher seems to be on top."""
BELOW = 1.5 * GRID
"""Units below the picture's edge that one which is close stands on."""
WARMTH_TINTS = {"neutral": None, "warm": (1.05, 0.98, 0.80), "cold": (0.82, 0.96, 1.10)}
"""What the light by day does to red, green and blue."""


def render(scene: Scene, width: int, height: int) -> NDArray[np.uint8]:
    """The picture as (height, width, 4) straight-alpha bytes."""
    svg = scene_svg(scene, width, height)
    png = resvg_py.svg_to_bytes(svg_string=svg, width=width, height=height, skip_system_fonts=True)
    with Image.open(io.BytesIO(bytes(png))) as picture:
        drawn = np.array(picture.convert("RGBA"), dtype=np.uint8)
    tint = WARMTH_TINTS[scene.warmth]
    if tint is not None:
        drawn[..., :3] = np.clip(drawn[..., :3] * np.array(tint, np.float32), 0, 255)
    return styles.apply(scene.style, drawn, scene.pattern)


def scene_svg(scene: Scene, width: int, height: int) -> str:
    """The whole scene as SVG text for a picture of this shape."""
    wide, high = frame_of(width, height)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 '
        f'{wide:.3f} {high:.3f}">'
    ]
    if scene.place != NO_PLACE:
        parts.append(places.backdrop(scene, wide, high))
    each = [(subject, at) for subject in scene.subjects for at in subject.standing()]
    for number, (subject, at) in enumerate(each):
        parts.append(_subject(scene, subject, at, number, (wide, high)))
    if scene.place != NO_PLACE:
        parts.append(landscape.falling(scene, wide, high))
    parts.append("</svg>")
    return styles.redraw(scene.style, "".join(parts))


def frame_of(width: int, height: int) -> tuple[float, float]:
    """A picture's width and height in units, of which its shorter side has 100."""
    unit = min(width, height) / 100
    return width / unit, height / unit


@cache
def kind_fragment(kind: str, facing: str = "right") -> str:
    """The text of a kind's data file, placeholders included; facing left is the mirror image of facing right."""
    name = f"{kind}-front" if facing == CAMERA else kind
    return (Path(__file__).parent / "kinds" / f"{name}.svg").read_text(encoding="utf-8")


def _subject(scene: Scene, subject: Subject, at: tuple[str, str], number: int, frame: tuple[float, float]) -> str:
    middle, base, box = stand(scene, subject, at, frame)
    tokens = colours.subject_tokens(subject.colour, scene.time, subject.shade)
    facing = subject.facing if subject.count == 1 else usual_facing(at[0])
    mirrored = facing == "left"
    definitions = _definitions(tokens, number, lit_from_right=mirrored == (scene.light == "left"))
    tokens |= {"body": f"url(#b{number})", "sphere": f"url(#s{number})", "gloss": f"url(#g{number})"}
    drawing = kind_fragment(subject.kind, facing)
    for name, value in tokens.items():
        drawing = drawing.replace("{" + name + "}", value)
    scale = box / 100
    mirror = -scale if mirrored else scale
    aloft = at[0] == ABOVE
    sunk = scene.place == "water" and not aloft
    sink = (SINK if subject.kind != "boat" else 5.0) * scale if sunk else 0.0
    left = middle - 50 * mirror
    shape = (
        f'<g transform="translate({left:.3f} {base + sink - 100 * scale:.3f}) scale({mirror:.5f} {scale:.5f})" '
        f'stroke="{tokens["line"]}" stroke-width="2.2" stroke-linejoin="round" stroke-linecap="round">{drawing}</g>'
    )
    if sunk:
        clip = (
            f'<clipPath id="c{number}"><rect x="-50" y="-50" width="{frame[0] + 100:.2f}" '
            f'height="{base + 50:.3f}"/></clipPath>'
        )
        ripple = landscape.ripple(scene, middle, base, box)
        return f'{definitions}{clip}<g clip-path="url(#c{number})">{shape}</g>{ripple}'
    shadow = landscape.shadow(scene, middle, base, box) if scene.place != NO_PLACE and not aloft else ""
    return f"{definitions}{shadow}{shape}"


def stand(
    scene: Scene, subject: Subject, at: tuple[str, str], frame: tuple[float, float]
) -> tuple[float, float, float]:
    """Where a subject stands in a frame of (wide, high) units: its middle, its ground line, the side of its box."""
    (position, row), (wide, high) = at, frame
    box = SIZE_SCALE[subject.size] * kinds.ALL[subject.kind].scale * 100
    if subject.size == CLOSE:
        return POSITION_X[position] * wide, high + BELOW, box
    margin = math.ceil((box / 2 - CUT) / GRID) * GRID
    middle = POSITION_X[position] * wide + (ASIDE if position == BEHIND else 0)
    middle = min(max(middle, margin), wide - margin)
    base = high - GRID
    if position == ABOVE:
        return middle, round(high * HEIGHT_ABOVE / GRID) * GRID, box
    if subject.size == FAR:
        return middle, high * HEIGHT_FAR, box
    if scene.place == NO_PLACE and not scene.cut_out and not scene.stacked and position != BEHIND:
        tall = box * 0.94 + (ROWS if subject.count > 2 else 0)
        base = round((high + tall) / 2 / GRID) * GRID
    return middle, base - (ROWS if row == BACK else GRID if position == BEHIND else 0), box


def covers(scene: Scene, subject: Subject, rows: int, columns: int, margin: float = 0.0) -> NDArray[np.bool_]:
    """The cells of a (rows, columns) grid over the picture that a subject and its shadow touch, and `margin` units."""
    frame = frame_of(columns, rows)
    top, left = np.arange(rows) / rows * frame[1], np.arange(columns) / columns * frame[0]
    low, right = top + frame[1] / rows, left + frame[0] / columns
    covered = np.zeros((rows, columns), dtype=np.bool_)
    for at in subject.standing():
        middle, base, box = stand(scene, subject, at, frame)
        reach = REACH * box + margin
        down = (low > base - box - margin) & (top < base + SHADOW * box + margin)
        covered |= down[:, None] & ((right > middle - reach) & (left < middle + reach))[None]
    return covered


def _definitions(tokens: dict[str, str], number: int, *, lit_from_right: bool) -> str:
    """The gradients of one subject, lit from the right of its drawing or from the left: mirroring undoes light."""
    top, middle, low = colours.mix(tokens["main"], tokens["light"], 0.55), tokens["main"], tokens["dark"]
    near, far, bright = (66, 34, 0.66) if lit_from_right else (34, 66, 0.34)
    return (
        f'<linearGradient id="b{number}" gradientUnits="userSpaceOnUse" x1="{near}" y1="5" x2="{far}" y2="105">'
        f'<stop offset="0" stop-color="{top}"/><stop offset=".5" stop-color="{middle}"/>'
        f'<stop offset="1" stop-color="{colours.mix(middle, low, 0.6)}"/></linearGradient>'
        f'<radialGradient id="s{number}" cx="{bright}" cy=".28" r=".8">'
        f'<stop offset="0" stop-color="{tokens["light"]}"/>'
        f'<stop offset=".35" stop-color="{middle}"/><stop offset="1" stop-color="{low}"/></radialGradient>'
        f'<radialGradient id="g{number}" cx="{bright}" cy=".28" r=".8"><stop offset=".5" stop-color="#181030" '
        f'stop-opacity="0"/><stop offset="1" stop-color="#181030" stop-opacity=".4"/></radialGradient>'
    )
