"""Contact sheets: many pictures in one, to be looked at by a person.

Not part of training: nothing here changes a picture that the model sees.
"""

from __future__ import annotations

import textwrap

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

GAP = 6
LINE = 12
CHECK = 8


def contact_sheet(
    pictures: list[NDArray[np.uint8]], columns: int, captions: list[str] | None = None
) -> NDArray[np.uint8]:
    """One RGB picture with all pictures in a grid, transparent pixels over a checkerboard."""
    height, width = pictures[0].shape[:2]
    wrapped = [textwrap.wrap(text, max(8, width // 6)) for text in captions or []]
    room = LINE * max((len(lines) for lines in wrapped), default=0)
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * (width + GAP) + GAP, rows * (height + room + GAP) + GAP), "#ffffff")
    draw = ImageDraw.Draw(sheet)
    for number, picture in enumerate(pictures):
        x = GAP + (number % columns) * (width + GAP)
        y = GAP + (number // columns) * (height + room + GAP)
        sheet.paste(Image.fromarray(_over_checks(picture)), (x, y))
        if wrapped:
            for row, text in enumerate(wrapped[number]):
                draw.text((x, y + height + row * LINE), text, fill="#222222")
    return np.array(sheet, dtype=np.uint8)


def _over_checks(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if picture.shape[2] == 3:
        return picture
    rows, columns = np.indices(picture.shape[:2])
    checks = np.where((rows // CHECK + columns // CHECK) % 2 == 0, 235.0, 200.0)[..., None]
    alpha = picture[..., 3:4].astype(np.float64) / 255.0
    blended = picture[..., :3] * alpha + checks * (1.0 - alpha)
    return np.asarray(blended.round(), dtype=np.uint8)
