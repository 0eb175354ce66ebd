"""What of an input an edit may change: the latents that a mask opens, or those that the model itself changed.

The input's latents reach the denoiser as context (`network.py`); nothing here reads the prompt.
Lugmayr et al. 2022, RePaint: Inpainting using Denoising Diffusion Probabilistic Models, section 4.1,
https://arxiv.org/abs/2201.09865; Couairon et al. 2022, DiffEdit: Diffusion-based Semantic Image Editing with Mask
Guidance, https://arxiv.org/abs/2210.11427 (there the mask is known before sampling, here it is read off the result).
"""

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from limner.model import flow, pixels
from limner.model.autoencoder import FACTOR, PATCH, Autoencoder
from limner.model.sampler import Velocity

UNCHANGED = 0.2
"""Two latents whose patches of pixels differ by less than this, root mean square in [-1, 1], show the same."""


def read_input(
    autoencoder: Autoencoder, picture: UInt8[Tensor, "1 H W 4"], noise: Float[Tensor, "1 c h w"]
) -> Float[Tensor, "1 c h w"]:
    """The latents of `picture`, covered and cropped to the shape of `noise`."""
    rows, columns = noise.shape[2] * FACTOR, noise.shape[3] * FACTOR
    return autoencoder.encode(pixels.cover_bytes(picture, rows, columns))


def open_places(mask: UInt8[Tensor, "1 1 H W"], noise: Float[Tensor, "1 c h w"]) -> Bool[Tensor, "1 1 h w"]:
    """The latents that may change: those with any pixel that is not wholly kept (255)."""
    rows, columns = noise.shape[2:]
    editable = pixels.cover(255 - mask.float(), rows * FACTOR, columns * FACTOR)
    return F.adaptive_max_pool2d(editable, (rows, columns)) > 0


def erase(
    autoencoder: Autoencoder, latent: Float[Tensor, "b c h w"], places: Bool[Tensor, "b 1 h w"]
) -> Float[Tensor, "b c h w"]:
    """The latents of the input with holes in it: nothing at those places."""
    return torch.where(places, autoencoder.encode_nothing(), latent)


def hold(
    velocity: Velocity,
    latent: Float[Tensor, "1 c h w"],
    noise: Float[Tensor, "1 c h w"],
    places: Bool[Tensor, "1 1 h w"],
) -> Velocity:
    """A velocity that leads to `latent` at all other places: straight from its noise, however many steps are taken."""
    straight = flow.velocity(latent, noise)
    return lambda x_t, t: torch.where(places, velocity(x_t, t), straight)


def changed_places(
    autoencoder: Autoencoder, made: Float[Tensor, "b c h w"], latent: Float[Tensor, "b c h w"]
) -> Bool[Tensor, "b 1 h w"]:
    """The latents of the result that show something else than those of the input."""
    apart = (made - latent) * autoencoder.scale.view(1, -1, 1, 1)
    return apart.square().sum(dim=1, keepdim=True) / PATCH > UNCHANGED**2


def keep_unchanged(
    painted: Float[Tensor, "1 4 H W"], picture: Float[Tensor, "1 4 H W"], places: Bool[Tensor, "1 1 h w"]
) -> Float[Tensor, "1 4 H W"]:
    """`painted` at the changed places and a latent around them, the very pixels of the input further away."""
    around = F.max_pool2d(places.float(), 3, stride=1, padding=1)
    share = F.interpolate(around, size=painted.shape[2:], mode="bilinear", align_corners=False)
    return torch.lerp(picture, painted, share)
