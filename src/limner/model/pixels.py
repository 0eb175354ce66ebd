"""Between pixels and the floats that networks see. No files and no codecs: uint8 arrays in, uint8 arrays out.

Networks see premultiplied RGBA in [-1, 1]: where alpha is 0 the colour is 0 too, so that nothing invisible has to be
learned and edges blend without a halo (Porter and Duff 1984, Compositing Digital Images).
"""

import math

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

STRIP_ROWS = 256
"""Rows of a picture that are floats at a time."""


def to_floats(rgba: UInt8[Tensor, "b h w 4"]) -> Float[Tensor, "b 4 h w"]:
    """Straight-alpha bytes to premultiplied floats in [-1, 1]."""
    unit = rgba.permute(0, 3, 1, 2).float().div_(255)
    unit[:, :3] *= unit[:, 3:]
    return unit.mul_(2).sub_(1)


def to_bytes(floats: Float[Tensor, "b 4 h w"], *, opaque: bool) -> UInt8[Tensor, "b h w 4"]:
    """Premultiplied floats to straight-alpha bytes; with `opaque` alpha is 255 everywhere."""
    scaled = (floats + 1).mul_(127.5).clamp_(0, 255)  # one copy; memory is what takes the time here
    colour, alpha = scaled[:, :3], scaled[:, 3:]
    if opaque:
        # What the network left see-through is seen against white paper.
        colour.add_(255 - alpha)
        alpha.fill_(255)
    else:
        colour.div_((alpha / 255).clamp_(min=1 / 255))
    return scaled.clamp_(max=255).round_().to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def shrink(floats: Float[Tensor, "b c H W"], height: int, width: int) -> Float[Tensor, "b c h w"]:
    """Area-average down to (height, width), which must divide the size."""
    return F.adaptive_avg_pool2d(floats, (height, width))


def from_array(rgba: NDArray[np.uint8]) -> UInt8[Tensor, "1 h w 4"]:
    """One picture as a batch of one."""
    return torch.tensor(rgba).unsqueeze(0)


def cover(floats: Float[Tensor, "b c H W"], height: int, width: int) -> Float[Tensor, "b c h w"]:
    """Resize until (height, width) is covered, then crop the centre."""
    down, across, size = _find_centre(floats.shape[2], floats.shape[3], height, width)
    return _crop(_resize(floats[:, :, down, across], size), height, width)


def cover_bytes(rgba: UInt8[Tensor, "1 H W 4"], height: int, width: int) -> Float[Tensor, "1 4 h w"]:
    """What `cover` makes of the picture's floats, some rows at a time: all of a large one's would fill the memory."""
    down, across, size = _find_centre(rgba.shape[1], rgba.shape[2], height, width)
    strips = torch.split(rgba[:, down, across], STRIP_ROWS, dim=1)
    narrow = torch.cat([_resize(to_floats(strip), (strip.shape[1], size[1])) for strip in strips], dim=2)
    return _crop(_resize(narrow, size), height, width)


def _find_centre(rows: int, columns: int, height: int, width: int) -> tuple[slice, slice, tuple[int, int]]:
    """The part of a picture that is resized so that its centre can be cropped to (height, width), and its new size.

    Of a picture more than twice as long as what is shown of it the ends are left out: a single row of 16,384 pixels
    would else become 16,384 times as many.
    """
    scale = max(height / rows, width / columns)
    cuts = [max(0, (side - math.ceil(2 * least / scale)) // 2) for side, least in ((rows, height), (columns, width))]
    down, across = slice(cuts[0], rows - cuts[0]), slice(cuts[1], columns - cuts[1])
    size = max(round((rows - 2 * cuts[0]) * scale), height), max(round((columns - 2 * cuts[1]) * scale), width)
    return down, across, size


def _resize(floats: Float[Tensor, "b c H W"], size: tuple[int, int]) -> Float[Tensor, "b c h w"]:
    if floats.shape[2:] == size:
        return floats
    return F.interpolate(floats, size=size, mode="bilinear", antialias=True, align_corners=False)


def _crop(floats: Float[Tensor, "b c H W"], height: int, width: int) -> Float[Tensor, "b c h w"]:
    top, left = (floats.shape[2] - height) // 2, (floats.shape[3] - width) // 2
    return floats[:, :, top : top + height, left : left + width]
