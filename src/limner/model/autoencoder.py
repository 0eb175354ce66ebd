"""An RGBA autoencoder: pictures to latents sixteen times smaller in each direction, and back. No diffusion here.

The way in is not learned but computed: each patch of 16x16 pixels is written in the principal components of all patches
(a Karhunen-Loeve transform, as in JPEG with the cosines replaced by the best basis there is), and the first few dozen
are kept. The way back is the transposed transform and a convolutional network beside it, which learns what the lost
components were and forgives the small errors that the denoiser makes.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

FACTOR = 16
"""Pixels per latent in each direction."""


PATCH = 4 * FACTOR**2
"""Numbers in a patch."""


@dataclass(frozen=True)
class AutoencoderConfig:
    """Channel counts: of the latent, and of the decoder at a quarter, an eighth, a sixteenth of the picture's side."""

    latent: int = 64
    quarter: int = 48
    eighth: int = 128
    sixteenth: int = 192
    blocks: int = 2


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a skip. He et al. 2016, Identity Mappings, https://arxiv.org/abs/1603.05027"""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8, channels)
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Same shape out as in."""
        x_out: Tensor = x + self.second(F.silu(self.first(F.silu(self.norm(x)))))
        return x_out


class Autoencoder(nn.Module):
    """Encoder and decoder. The encoder must not change once a denoiser has learned its latents (see `fit`)."""

    basis: Tensor
    mean: Tensor
    scale: Tensor

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.config = config
        self.decoder = nn.Sequential(
            nn.Conv2d(config.latent, config.sixteenth, 3, padding=1),
            *[ResidualBlock(config.sixteenth) for _ in range(config.blocks)],
            nn.Conv2d(config.sixteenth, config.eighth * 4, 1),
            nn.PixelShuffle(2),
            *[ResidualBlock(config.eighth) for _ in range(config.blocks)],
            nn.Conv2d(config.eighth, config.quarter * 4, 1),
            nn.PixelShuffle(2),
            *[ResidualBlock(config.quarter) for _ in range(config.blocks)],
            nn.GroupNorm(8, config.quarter),
            nn.SiLU(),
            nn.Conv2d(config.quarter, 4 * 16, 3, padding=1),
            nn.PixelShuffle(4),
        )
        self.register_buffer("basis", nn.init.orthogonal_(torch.empty(config.latent, PATCH)))
        self.register_buffer("mean", torch.zeros(PATCH))
        self.register_buffer("scale", torch.ones(config.latent))

    def encode(self, picture: Float[Tensor, "b 4 H W"]) -> Float[Tensor, "b c h w"]:
        """Premultiplied floats in [-1, 1] to latents; sides must be multiples of 16 pixels."""
        patches = F.pixel_unshuffle(picture, FACTOR) - self.mean.view(1, -1, 1, 1)
        return F.conv2d(patches, (self.basis / self.scale[:, None])[:, :, None, None])

    def encode_nothing(self) -> Float[Tensor, "1 c 1 1"]:
        """The latent of a patch that is wholly see-through."""
        return self.encode(-torch.ones(1, 4, FACTOR, FACTOR, device=self.mean.device))

    def decode(self, latent: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 4 H W"]:
        """Latents to premultiplied floats, about in [-1, 1]."""
        patches = F.conv2d(latent, (self.basis * self.scale[:, None]).T[:, :, None, None], self.mean)
        return F.pixel_shuffle(patches, FACTOR) + self.decoder(latent)  # type: ignore[no-any-return]

    @torch.no_grad()
    def fit(self, patches: Float[Tensor, "n p"], weights: Float[Tensor, " n"]) -> Float[Tensor, " c"]:
        """Set the encoder to the principal components of weighted patches; returns the latents' deviations.

        A latent is its component over the square root of the component's deviation. Undivided, the diffusion would come
        to the fine components at its very end; divided by the whole deviation it would draw them together with the
        coarse ones. So it goes from coarse to fine, in few steps. All latents together have unit variance.
        """
        weights = (weights / weights.sum()).unsqueeze(1)
        mean = (patches * weights).sum(dim=0)
        centred = patches - mean
        variances, vectors = torch.linalg.eigh((centred * weights).T @ centred)
        spread = variances[-self.config.latent :].flip(0).clamp(min=1e-8).sqrt()
        # Weights are shipped in half precision; a denoiser must have learned the very encoder that it is shipped with.
        self.basis.copy_(vectors[:, -self.config.latent :].T.flip(0).half())
        self.mean.copy_(mean.half())
        self.scale.copy_((spread * spread.mean()).sqrt().half())
        deviations: Tensor = spread / self.scale
        return deviations
