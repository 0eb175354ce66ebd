"""The learned upsampler: eight times the side of the base picture in one pass. No diffusion and no text here.

All convolutions run at the base resolution and one pixel shuffle makes the large picture (Shi et al. 2016, Real-Time
Single Image Super-Resolution, https://arxiv.org/abs/1609.05158); what it learns is a correction to plain interpolation,
which is a convolution here too.
"""

from dataclasses import dataclass

import torch
from einops import einsum, rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from limner.model.autoencoder import ResidualBlock

FACTOR = 8
"""Large pixels per base pixel in each direction."""


@dataclass(frozen=True)
class UpsamplerConfig:
    """Width and depth of the stack at the base resolution."""

    channels: int = 48
    blocks: int = 3


def interpolate() -> Float[Tensor, "n 4 3 3"]:
    """The convolution that, followed by the pixel shuffle, interpolates bilinearly."""
    offset = (torch.arange(FACTOR) + 0.5) / FACTOR - 0.5
    line = torch.stack([-offset, 1 - offset.abs(), offset], dim=1).clamp(min=0)
    weights = einsum(torch.eye(4), line, line, "out c, i y, j x -> out i j c y x")
    return rearrange(weights, "out i j c y x -> (out i j) c y x")


class Upsampler(nn.Module):
    """Base pictures to pictures eight times as wide and high."""

    plain: Tensor

    def __init__(self, config: UpsamplerConfig) -> None:
        super().__init__()
        self.config = config
        self.body = nn.Sequential(
            nn.Conv2d(4, config.channels, 3, padding=1),
            *[ResidualBlock(config.channels) for _ in range(config.blocks)],
            nn.SiLU(),
        )
        self.shuffle = nn.Conv2d(config.channels, 4 * FACTOR**2, 3, padding=1)
        nn.init.zeros_(self.shuffle.weight)
        self.register_buffer("plain", interpolate(), persistent=False)

    def forward(self, base: Float[Tensor, "b 4 h w"]) -> Float[Tensor, "b 4 H W"]:
        """Premultiplied floats in and out."""
        plain = F.conv2d(F.pad(base, (1, 1, 1, 1), mode="replicate"), self.plain)
        return F.pixel_shuffle(plain.add_(self.shuffle(self.body(base))), FACTOR)
