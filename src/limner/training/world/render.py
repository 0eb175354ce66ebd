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

from limner.training.world import colours, landscape
from limner.training.world.scene import BACK, NO_PLACE, POSITION_X, SIZE_SCALE, Scene, Subject, usual_facing

KIND_FACTOR = {
    "ox": 1.1,
    "car": 1.2,
    "tree": 1.1,
    "flower": 0.9,
    "house": 1.0,
    "ball": 0.84,
    "cube": 0.86,
    "bird": 0.96,
}
SINK = 9.0
GRID = 12.5
"""Subjects stand on a grid of the latents' spacing at the base resolution: 16 of 128 pixels."""
CUT = 4.0
"""Units of a subject's box, which is empty at its edges, that may lie outside the picture."""
ROWS = 2 * GRID
"""Units from the back row of several to the front one."""


def render(scene: Scene, width: int, height: int) -> NDArray[np.uint8]:
    """The picture as (height, width, 4) straight-alpha bytes."""
    svg = scene_svg(scene, width, height)
    png = resvg_py.svg_to_bytes(svg_string=svg, width=width, height=height, skip_system_fonts=True)
    with Image.open(io.BytesIO(bytes(png))) as picture:
        return np.array(picture.convert("RGBA"), dtype=np.uint8)


def scene_svg(scene: Scene, width: int, height: int) -> str:
    """The whole scene as SVG text for a picture of this shape."""
    unit = min(width, height) / 100
    wide, high = width / unit, height / unit
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 '
        f'{wide:.3f} {high:.3f}">'
    ]
    if scene.place != NO_PLACE:
        parts.append(landscape.backdrop(scene, wide, high))
    each = [(subject, at) for subject in scene.subjects for at in subject.standing()]
    for number, (subject, at) in enumerate(each):
        parts.append(_subject(scene, subject, at, number, (wide, high)))
    if scene.place != NO_PLACE:
        parts.append(landscape.falling(scene, wide, high))
    parts.append("</svg>")
    return "".join(parts)


@cache
def kind_fragment(kind: str) -> str:
    """The text of a kind's data file, placeholders included."""
    return (Path(__file__).parent / "kinds" / f"{kind}.svg").read_text(encoding="utf-8")


def _subject(scene: Scene, subject: Subject, at: tuple[str, str], number: int, frame: tuple[float, float]) -> str:
    middle, base, box = stand(scene, subject, at, frame)
    tokens = colours.subject_tokens(subject.colour, scene.time, subject.shade)
    definitions = _definitions(tokens, number)
    tokens |= {"body": f"url(#b{number})", "sphere": f"url(#s{number})", "gloss": f"url(#g{number})"}
    drawing = kind_fragment(subject.kind)
    for name, value in tokens.items():
        drawing = drawing.replace("{" + name + "}", value)
    scale = box / 100
    facing = subject.facing if subject.count == 1 else usual_facing(at[0])
    mirror = -scale if facing == "left" else scale
    sunk = scene.place == "water"
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
    shadow = landscape.shadow(scene, middle, base, box) if scene.place != NO_PLACE else ""
    return f"{definitions}{shadow}{shape}"


def stand(
    scene: Scene, subject: Subject, at: tuple[str, str], frame: tuple[float, float]
) -> tuple[float, float, float]:
    """Where a subject stands in a frame of (wide, high) units: its middle, its ground line, the side of its box."""
    (position, row), (wide, high) = at, frame
    box = SIZE_SCALE[subject.size] * KIND_FACTOR.get(subject.kind, 1.0) * 100
    margin = math.ceil((box / 2 - CUT) / GRID) * GRID
    middle = min(max(POSITION_X[position] * wide, margin), wide - margin)
    base = high - GRID
    if scene.place == NO_PLACE and not scene.cut_out:
        tall = box * 0.94 + (ROWS if subject.count > 2 else 0)
        base = round((high + tall) / 2 / GRID) * GRID
    return middle, base - (ROWS if row == BACK else 0), box


def _definitions(tokens: dict[str, str], number: int) -> str:
    top, middle, low = colours.mix(tokens["main"], tokens["light"], 0.55), tokens["main"], tokens["dark"]
    return (
        f'<linearGradient id="b{number}" gradientUnits="userSpaceOnUse" x1="40" y1="5" x2="50" y2="105">'
        f'<stop offset="0" stop-color="{top}"/><stop offset=".5" stop-color="{middle}"/>'
        f'<stop offset="1" stop-color="{colours.mix(middle, low, 0.6)}"/></linearGradient>'
        f'<radialGradient id="s{number}" cx=".36" cy=".28" r=".8"><stop offset="0" stop-color="{tokens["light"]}"/>'
        f'<stop offset=".35" stop-color="{middle}"/><stop offset="1" stop-color="{low}"/></radialGradient>'
        f'<radialGradient id="g{number}" cx=".36" cy=".28" r=".8"><stop offset=".5" stop-color="#181030" '
        f'stop-opacity="0"/>'
        f'<stop offset="1" stop-color="#181030" stop-opacity=".4"/></radialGradient>'
    )
