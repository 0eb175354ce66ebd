"""Pixels to pixels: fit a picture to a size, flatten it on a colour, paste through a mask. It decodes nothing."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from limner.images.intake import Pixels


def fit(rgba: Pixels, width: int, height: int) -> Pixels:
    """Scale a picture to cover width x height (Lanczos) and crop it to the centre; equal pixels if it fits already."""
    have_height, have_width = rgba.shape[:2]
    if (have_width, have_height) == (width, height):
        return rgba
    scale = max(width / have_width, height / have_height)
    crop_width, crop_height = min(width / scale, have_width), min(height / scale, have_height)
    left, top = (have_width - crop_width) / 2, (have_height - crop_height) / 2
    # Pillow multiplies the colours by alpha while it resizes, so that the colour of clear pixels never bleeds.
    resized = Image.fromarray(rgba, "RGBA").resize(
        (width, height), Image.Resampling.LANCZOS, box=(left, top, left + crop_width, top + crop_height)
    )
    return np.array(resized, dtype=np.uint8)


def fit_mask(mask: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Scale a mask (height, width) like `fit`, but by the nearest pixel, so that no new value appears."""
    have_height, have_width = mask.shape
    scale = max(width / have_width, height / have_height)
    columns = (np.arange(width) + 0.5 - width / 2) / scale + have_width / 2
    rows = (np.arange(height) + 0.5 - height / 2) / scale + have_height / 2
    return np.ascontiguousarray(
        mask[
            np.clip(rows.astype(np.int64), 0, have_height - 1)[:, None],
            np.clip(columns.astype(np.int64), 0, have_width - 1)[None, :],
        ]
    )


def is_opaque(rgba: Pixels) -> bool:
    """Whether alpha is 255 everywhere."""
    return int(rgba[..., 3].min(initial=255)) == 255


def flatten(rgba: Pixels, colour: tuple[int, int, int] = (255, 255, 255)) -> Pixels:
    """Lay a picture on one colour: the same size, alpha 255 everywhere; the picture itself if it is opaque already."""
    if is_opaque(rgba):
        return rgba
    alpha = rgba[..., 3].astype(np.uint16)
    flat = np.full_like(rgba, 255)
    for channel, shade in enumerate(colour):
        flat[..., channel] = (rgba[..., channel] * alpha + shade * (255 - alpha) + 127) // 255
    return flat


def paste_by_mask(original: Pixels, made: Pixels, mask: NDArray[np.uint8]) -> Pixels:
    """`made` where the mask (height, width) is 0 and `original` where it is 255, exactly; a blend between the two."""
    pasted = np.where((mask == 255)[..., None], original, made)
    between = (mask > 0) & (mask < 255)
    if between.any():
        keep = mask[between, None].astype(np.uint16)
        pasted[between] = (original[between] * keep + made[between] * (255 - keep) + 127) // 255
    return pasted
