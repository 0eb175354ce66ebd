"""The learned upsampler: eight times the side of the base picture in one pass. No diffusion and no text here.

All convolutions run at the base resolution and one pixel shuffle makes the large picture (Shi et al. 2016, Real-Time
Single Image Super-Resolution, https://arxiv.org/abs/1609.05158); what it adds is a correction to plain interpolation.
"""

from dataclasses import dataclass

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


class Upsampler(nn.Module):
    """Base pictures to pictures eight times as wide and high."""

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

    def forward(self, base: Float[Tensor, "b 4 h w"]) -> Float[Tensor, "b 4 H W"]:
        """Premultiplied floats in and out."""
        plain = F.interpolate(base, scale_factor=FACTOR, mode="bilinear", align_corners=False)
        large: Tensor = F.pixel_shuffle(self.shuffle(self.body(base)), FACTOR)
        return large.add_(plain)  # in place: at this size every copy takes longer than a sum
