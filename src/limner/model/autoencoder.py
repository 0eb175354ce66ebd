"""An RGBA autoencoder: pictures to latents sixteen times smaller in each direction, and back. No diffusion here.

The latent has fixed noise instead of a learned variance (a variational autoencoder with constant posterior width):
the decoder learns to forgive the small errors that the denoiser makes. Rombach et al. 2022, High-Resolution Image
Synthesis with Latent Diffusion Models, section 3.1, https://arxiv.org/abs/2112.10752
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

FACTOR = 16
"""Pixels per latent in each direction."""


@dataclass(frozen=True)
class AutoencoderConfig:
    """Channel counts: of the latent, and at a quarter, an eighth and a sixteenth of the picture's side.

    The encoder has one block where the decoder has `blocks`, and none at a quarter: it runs only in training and for
    edits, and must not change once a denoiser has learned its latents; the decoder may be trained on at any time.
    """

    latent: int = 32
    quarter: int = 48
    eighth: int = 128
    sixteenth: int = 192
    blocks: int = 2
    noise: float = 0.1
    """Standard deviation added to the latent while training."""


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
    """Encoder and decoder. Latents leave `encode` with unit variance (see `calibrate`)."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(8),
            nn.Conv2d(4 * 64, config.eighth, 3, padding=1),
            ResidualBlock(config.eighth),
            nn.Conv2d(config.eighth, config.sixteenth, 2, stride=2),
            ResidualBlock(config.sixteenth),
            nn.GroupNorm(8, config.sixteenth),
            nn.SiLU(),
            nn.Conv2d(config.sixteenth, config.latent, 3, padding=1),
        )
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
        self.register_buffer("mean", torch.zeros(config.latent))
        self.register_buffer("std", torch.ones(config.latent))

    def encode(self, picture: Float[Tensor, "b 4 H W"]) -> Float[Tensor, "b c h w"]:
        """Premultiplied floats in [-1, 1] to latents of unit variance; sides must be multiples of 16 pixels."""
        return self._standardise(self.encoder(picture))

    def decode(self, latent: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 4 H W"]:
        """Latents to premultiplied floats, about in [-1, 1]."""
        raw = latent * self.std.view(1, -1, 1, 1) + self.mean.view(1, -1, 1, 1)
        picture: Tensor = self.decoder(raw)
        return picture

    def forward(self, picture: Float[Tensor, "b 4 H W"]) -> tuple[Float[Tensor, "b 4 H W"], Float[Tensor, "b c h w"]]:
        """The picture after one way in and out with the training noise, and its raw latents."""
        raw = self.encoder(picture)
        return self.decoder(raw + self.config.noise * torch.randn_like(raw)), raw

    def calibrate(self, pictures: Float[Tensor, "b 4 H W"]) -> None:
        """Measure the latents' mean and deviation per channel once training has ended."""
        with torch.no_grad():
            raw = self.encoder(pictures)
            self.mean.copy_(raw.mean(dim=(0, 2, 3)))
            self.std.copy_(raw.std(dim=(0, 2, 3)))

    def _standardise(self, raw: Tensor) -> Tensor:
        return (raw - self.mean.view(1, -1, 1, 1)) / self.std.view(1, -1, 1, 1)
