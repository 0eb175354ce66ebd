"""Between pixels and the floats that networks see. No files and no codecs: uint8 arrays in, uint8 arrays out.

Networks see premultiplied RGBA in [-1, 1]: where alpha is 0 the colour is 0 too, so that nothing invisible has to be
learned and edges blend without a halo (Porter and Duff 1984, Compositing Digital Images).
"""

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F


def to_floats(rgba: UInt8[Tensor, "b h w 4"]) -> Float[Tensor, "b 4 h w"]:
    """Straight-alpha bytes to premultiplied floats in [-1, 1]."""
    unit = rgba.permute(0, 3, 1, 2).float() / 255
    return torch.cat([unit[:, :3] * unit[:, 3:], unit[:, 3:]], dim=1) * 2 - 1


def to_bytes(floats: Float[Tensor, "b 4 h w"], *, opaque: bool) -> UInt8[Tensor, "b h w 4"]:
    """Premultiplied floats to straight-alpha bytes; with `opaque` alpha is 255 everywhere."""
    unit = (floats.clamp(-1, 1) + 1) / 2
    colour, alpha = unit[:, :3], unit[:, 3:]
    if opaque:
        # What the network left see-through is seen against white paper.
        colour, alpha = colour + (1 - alpha).clamp(min=0), torch.ones_like(alpha)
    else:
        colour = colour / alpha.clamp(min=1 / 255)
    straight = torch.cat([colour.clamp(0, 1), alpha], dim=1)
    return (straight * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def shrink(floats: Float[Tensor, "b c H W"], height: int, width: int) -> Float[Tensor, "b c h w"]:
    """Area-average down to (height, width), which must divide the size."""
    return F.adaptive_avg_pool2d(floats, (height, width))


def from_array(rgba: NDArray[np.uint8]) -> UInt8[Tensor, "1 h w 4"]:
    """One picture as a batch of one."""
    return torch.tensor(rgba).unsqueeze(0)


def cover(floats: Float[Tensor, "b c H W"], height: int, width: int) -> Float[Tensor, "b c h w"]:
    """Resize until (height, width) is covered, then crop the centre."""
    scale = max(height / floats.shape[2], width / floats.shape[3])
    rows, columns = (
        max(round(side * scale), least) for side, least in zip(floats.shape[2:], (height, width), strict=True)
    )
    resized = F.interpolate(floats, size=(rows, columns), mode="bilinear", antialias=True, align_corners=False)
    top, left = (rows - height) // 2, (columns - width) // 2
    return resized[:, :, top : top + height, left : left + width]
