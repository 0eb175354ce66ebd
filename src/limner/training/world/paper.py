"""What paper and pigment do to the pixels of a picture: the second half of a style.

Everything is measured against the shorter side, and the sheets of paper are few and fixed, so that a small network can
learn them. This is not the drawing: it knows neither shapes nor scenes.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Fields = NDArray[np.float32]

SHEETS = 4
"""Sheets of paper: one fixed sheet, and what is left of it when it is mirrored. The seed picks one."""
BASE_SIDE = 128
"""The shorter side that lengths in pixels are given for."""

# What the paper does to each of red, green and blue.
PAPER = np.array((253, 251, 244), np.float32)
CREAM = np.array((255, 248, 228), np.float32) / np.float32(255)

UNEVEN = ((4, 0.3), (9, 0.2))
"""Cells and strength of the clouds of pigment in a wash."""
MARGIN = 5.0
"""Width of the white border, in pixels of the base side as all lengths here."""
RAGGED = ((7, 2.6), (20, 1.6))
"""Cells and lengths by which the border goes in and out."""
FADE, POOL, POOL_AT, POOL_WIDTH = 2.4, 0.45, 1.4, 1.7
"""How wide the paint ends; and the pool of pigment at its end: how much more, how far inside, how wide."""
WOBBLE, WOBBLES = 1.5, (12, 13)
"""How far edges run, and the cells of that down and across."""
BLEED, GATHER = 0.7, 2.6
"""Radii of the softening and of the rims."""
RIMS = 0.9
"""How much of a wash gathers at its rim, on the darker side of an edge; as much is missing on the lighter side."""
DARKEST = 6
"""A byte as dark as this is as dark as pigment gets."""
DENSITY = -np.log(np.maximum(np.arange(256, dtype=np.float32), DARKEST) / np.float32(255))
LOAD = (DENSITY * 0.8 / (1 + 0.2 * DENSITY)).astype(np.float32)
"""Of a byte of colour, the pigment in the wash: less than there was, and least where it was dark."""


def paint(picture: NDArray[np.uint8], seed: int) -> Fields:
    """The colours (height, width, 3) of a picture in watercolours, with a white border unless it is see-through."""
    height, width = picture.shape[:2]
    scale = min(height, width) / BASE_SIDE
    blur = ImageFilter.GaussianBlur(BLEED * scale)
    sheet = _sheet(height, width, seed % SHEETS)
    if picture[..., 3].min() == 255:
        wet = laid = Image.fromarray(sheet.bleed(picture[..., :3])).filter(blur)
        border = sheet.border
    else:
        wet = Image.fromarray(picture).convert("RGBa").filter(blur).convert("RGBA").convert("RGB")
        laid = Image.new("RGBA", wet.size, "white")
        laid.alpha_composite(Image.fromarray(picture))
        laid, border = laid.convert("RGB"), np.ones_like(sheet.border)
    load, around = LOAD[np.asarray(wet)], LOAD[np.asarray(laid.filter(ImageFilter.BoxBlur(GATHER * scale)))]
    load = np.maximum(load + RIMS * (load - around), 0) * sheet.pigment * border
    return np.asarray(PAPER * np.exp(-load), dtype=np.float32)


class _Sheet:
    """A sheet of watercolour paper for one shape of picture: how pigment lies, its border, where edges bleed to."""

    def __init__(self, height: int, width: int, sheet: int) -> None:
        scale = min(height, width) / BASE_SIDE
        flip = (slice(None, None, -1 if sheet & 1 else 1), slice(None, None, -1 if sheet & 2 else 1))

        def smooth(cells: int) -> Fields:
            return _smooth(cells, height, width)[flip]

        y, x = np.indices((height, width), dtype=np.float32)
        inwards = np.minimum(np.minimum(y, height - 1 - y), np.minimum(x, width - 1 - x)) / scale - MARGIN
        for cells, length in RAGGED:
            inwards += length * smooth(cells)
        pool = POOL * np.exp(-(((inwards - POOL_AT) / POOL_WIDTH) ** 2))
        self.border = (np.clip(inwards / FADE + 0.5, 0, 1) * (1 + pool))[..., None]
        self.pigment = np.ones((height, width, 1), np.float32)
        for cells, strength in UNEVEN:
            self.pigment += strength * smooth(cells)[..., None]
        below_last = 1.001  # there is a pixel to the lower right of every source
        rows = np.clip(y + WOBBLE * scale * smooth(WOBBLES[0]), 0, height - below_last)
        columns = np.clip(x + WOBBLE * scale * smooth(WOBBLES[1]), 0, width - below_last)
        self.first = (rows.astype(np.intp) * width + columns.astype(np.intp)).ravel()
        self.down, self.across = (rows % 1).reshape(-1, 1), (columns % 1).reshape(-1, 1)

    def bleed(self, colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The colours (height, width, 3) with their edges moved a little, to and fro."""
        flat = colours.reshape(-1, 3).astype(np.float32)
        slope = np.diff(flat, axis=0, append=flat[-1:])
        upper, lower = (
            flat[first] + slope[first] * self.across for first in (self.first, self.first + colours.shape[1])
        )
        moved = (upper + (lower - upper) * self.down + 0.5).astype(np.uint8)
        return np.asarray(moved).reshape(colours.shape)


_sheet = lru_cache(maxsize=SHEETS * 4)(_Sheet)


def _smooth(cells: int, height: int, width: int) -> Fields:
    """Fixed noise from -1 to 1 that is smooth: so many cells along the shorter side, other noise for another number."""
    side, most = min(height, width), 4 * cells
    rows, columns = (np.arange(max(2, round(cells * length / side))) % most for length in (height, width))
    grid = np.random.default_rng(cells).uniform(-1, 1, (most, most)).astype(np.float32)[np.ix_(rows, columns)]
    return np.asarray(Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC), dtype=np.float32)
