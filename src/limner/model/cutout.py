"""The edges of what stands on a transparent background. No network here.

Where the denoiser could not decide whether a latent shows the subject, its alpha is the mean of both: a veil that
nothing in its world has. What is nearly there is made to be there, what is hardly there goes, and a soft edge stays.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

VEIL = (0.25, 0.75)
"""Alpha up to the first becomes 0, from the second on 1, and in between it rises evenly."""
REACH = 2
"""Pixels within which an edge takes its colour from what is certainly there; of its own it has too little."""


def settle(painted: Float[Tensor, "b 4 h w"]) -> Float[Tensor, "b 4 h w"]:
    """Premultiplied floats in [-1, 1] without veils: pixels of the base picture, before it is enlarged."""
    unit = ((painted + 1) / 2).clamp(0, 1)
    colour, alpha = unit[:, :3], unit[:, 3:]
    straight = (colour / alpha.clamp(min=1 / 255)).clamp(max=1)
    certainty = alpha**4
    near = _mean(straight * certainty) / _mean(certainty).clamp(min=1e-4)
    straight = torch.lerp(near, straight, (2 * alpha - 1).clamp(min=0))
    settled = ((alpha - VEIL[0]) / (VEIL[1] - VEIL[0])).clamp(0, 1)
    return torch.cat([straight.clamp(max=1) * settled, settled], dim=1) * 2 - 1


def _mean(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    return F.avg_pool2d(x, 2 * REACH + 1, stride=1, padding=REACH)
