"""Where an edit starts, and what it may change: the input's latents moved part of the way to noise, some of them held.

Meng et al. 2022, SDEdit: Guided Image Synthesis and Editing with Stochastic Differential Equations, section 3,
https://arxiv.org/abs/2108.01073; Lugmayr et al. 2022, RePaint: Inpainting using Denoising Diffusion Probabilistic
Models, section 4.1, https://arxiv.org/abs/2201.09865
"""

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from limner.model import flow, pixels
from limner.model.autoencoder import FACTOR, Autoencoder
from limner.model.sampler import Velocity

STARTS = {"low": 0.9, "high": 0.75}
"""The time an edit starts from, per input fidelity: the smaller, the more of the input stays."""

MASKED_STARTS = {"low": 1.0, "high": 0.9}
"""The same with a mask, inside of which something else is wanted: the surroundings are kept by the mask."""


def read_input(
    autoencoder: Autoencoder, picture: UInt8[Tensor, "1 H W 4"], noise: Float[Tensor, "1 c h w"]
) -> Float[Tensor, "1 c h w"]:
    """The latents of `picture`, covered and cropped to the shape of `noise`."""
    rows, columns = noise.shape[2] * FACTOR, noise.shape[3] * FACTOR
    return autoencoder.encode(pixels.cover(pixels.to_floats(picture), rows, columns))


def open_places(mask: UInt8[Tensor, "1 1 H W"], noise: Float[Tensor, "1 c h w"]) -> Bool[Tensor, "1 1 h w"]:
    """The latents that may change: those with any pixel that is not wholly kept (255)."""
    rows, columns = noise.shape[2:]
    editable = pixels.cover(255 - mask.float(), rows * FACTOR, columns * FACTOR)
    return F.adaptive_max_pool2d(editable, (rows, columns)) > 0


def hold(
    velocity: Velocity,
    latent: Float[Tensor, "1 c h w"],
    noise: Float[Tensor, "1 c h w"],
    places: Bool[Tensor, "1 1 h w"],
) -> Velocity:
    """A velocity that leads to `latent` at all other places: straight from its noise, however many steps are taken."""
    straight = flow.velocity(latent, noise)
    return lambda x_t, t: torch.where(places, velocity(x_t, t), straight)
