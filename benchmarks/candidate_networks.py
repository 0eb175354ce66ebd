"""The networks on pixels that `candidates.py` trains beside the shipped one; they stand in its place.

Both say what the clean picture is, and learn from the velocity that it implies. Li and He 2025, Back to Basics: Let
Denoising Generative Models Denoise, https://arxiv.org/abs/2511.13720.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from limner.model import flow
from limner.model.autoencoder import FACTOR, PATCH, ResidualBlock
from limner.model.network import Block, KeysValues, embed_place, embed_time

WIDTH, HEADS = 192, 3
CONTRAST = 1 / 3
"""Of pixels beside the noise. At full contrast a patch's 1024 numbers show its shade through nearly all noise; so they
come out of the noise as the components do in the latents, whose times and guidance then suit pixels too. Li and He 2025
make the noise stronger instead, with the size of the picture."""
DEVIATION = 0.69
"""Of the numbers of a picture."""
MIN_TIME = 0.05
"""Clamps the division that turns a clean picture into a velocity (Li and He 2025)."""


class PixelCodec(nn.Module):
    """In the place of an autoencoder: patches of pixels, nothing lost."""

    def encode(self, picture: Tensor) -> Tensor:
        """(b, 4, H, W) to (b, 1024, h, w)."""
        return F.pixel_unshuffle(picture, FACTOR) * CONTRAST

    def decode(self, patches: Tensor) -> Tensor:
        """And back."""
        return F.pixel_shuffle(patches / CONTRAST, FACTOR)


@dataclass(frozen=True)
class Told:
    """What does not change from step to step: a vector of the text, which words there are, what each block reads."""

    summary: Tensor
    present: Tensor
    texts: list[KeysValues]


class PixelNetwork(nn.Module):
    """What both have in common; they are called as `network.Denoiser` is."""

    spread: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.time = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.SiLU(), nn.Linear(WIDTH, WIDTH))
        self.summary = nn.Linear(WIDTH, WIDTH)
        self.register_buffer("spread", torch.full((PATCH,), CONTRAST * DEVIATION))

    @property
    def middle(self) -> nn.Module:
        """The block that the second lesson asks."""
        raise NotImplementedError

    def texts(self, text: Tensor) -> list[KeysValues]:
        """The text as each block reads it."""
        raise NotImplementedError

    def see(self, patches: Tensor, condition: Tensor, context: Told) -> Tensor:
        """The clean picture, from a noisy one of unit variance, both as patches."""
        raise NotImplementedError

    def read(self, text: Tensor, present: Tensor, _references: Sequence[Tensor] = ()) -> Told:
        """What was asked for."""
        weights = present.to(text.dtype).unsqueeze(-1)
        mean = (text * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)
        return Told(self.summary(mean), present, self.texts(text))

    def denoise(self, x_t: Tensor, t: Tensor, context: Told) -> Tensor:
        """The velocity."""
        _, _, deviation = flow.linear_velocity(x_t, t, self.spread)
        condition = F.silu(self.time(embed_time(t, WIDTH)) + context.summary)
        image = self.see(x_t / deviation, condition, context) * CONTRAST
        return (x_t - image) / t.clamp(min=MIN_TIME).view(-1, 1, 1, 1)

    def forward(
        self, x_t: Tensor, t: Tensor, text: Tensor, present: Tensor, _references: Sequence[Tensor] = ()
    ) -> Tensor:
        """The velocity."""
        return self.denoise(x_t, t, self.read(text, present))


class PatchTransformer(PixelNetwork):
    """A plain transformer on patches of pixels, which enter through a bottleneck, as in Li and He 2025."""

    def __init__(self, depth: int = 7, bottleneck: int = 128) -> None:
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(PATCH, bottleneck, bias=False), nn.Linear(bottleneck, WIDTH))
        self.place = nn.Linear(32, WIDTH)
        self.blocks = nn.ModuleList([Block(WIDTH, HEADS) for _ in range(depth)])
        self.norm = nn.LayerNorm(WIDTH)
        self.out = nn.Linear(WIDTH, PATCH)
        nn.init.zeros_(self.out.weight)

    @property
    def middle(self) -> nn.Module:
        """The block that the second lesson asks."""
        return self.blocks[len(self.blocks) // 2]

    def texts(self, text: Tensor) -> list[KeysValues]:
        """The text as each block reads it."""
        return [cast(Block, block).text_attention.read(text) for block in self.blocks]

    def see(self, patches: Tensor, condition: Tensor, context: Told) -> Tensor:
        """The clean picture."""
        x = self.embed(rearrange(patches, "b p h w -> b (h w) p")) + self.place(embed_place(*patches.shape[2:]))
        for block, text in zip(self.blocks, context.texts, strict=True):
            x = block(x, condition, text, context.present, None)
        image: Tensor = rearrange(self.out(self.norm(x)), "b (h w) p -> b p h w", h=patches.shape[2])
        return image


class TimedBlock(ResidualBlock):
    """A residual block modulated by time and text. Dhariwal and Nichol 2021, https://arxiv.org/abs/2105.05233"""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.second_norm = nn.GroupNorm(8, channels, affine=False)
        self.modulation = nn.Linear(WIDTH, 2 * channels)
        nn.init.zeros_(self.modulation.weight)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:  # type: ignore[override]
        """Same shape out as in."""
        shift, scale = self.modulation(condition)[:, :, None, None].chunk(2, dim=1)
        y = torch.addcmul(shift, self.second_norm(self.first(F.silu(self.norm(x)))), 1 + scale)
        x_out: Tensor = x + self.second(F.silu(y))
        return x_out


class Looking(nn.Module):
    """A transformer block on a grid of a U-Net, with the text and the condition in the grid's width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.words, self.told = nn.Linear(WIDTH, width), nn.Linear(WIDTH, width)
        self.place = nn.Linear(32, width)
        self.block = Block(width, width // 64)

    def forward(self, x: Tensor, condition: Tensor, text: KeysValues, present: Tensor) -> Tensor:
        """Same shape out as in."""
        rows = x.shape[2]
        tokens = rearrange(x, "b c h w -> b (h w) c") + self.place(embed_place(*x.shape[2:]))
        tokens = self.block(tokens, self.told(condition), text, present, None)
        grid: Tensor = rearrange(tokens, "b (h w) c -> b c h w", h=rows)
        return grid.contiguous(memory_format=torch.channels_last)


class UNet(PixelNetwork):
    """Convolutions at 32x32, 16x16 and 8x8 places, attention to each other and to the text at the last two.

    Ronneberger et al. 2015, U-Net, https://arxiv.org/abs/1505.04597; Rombach et al. 2022, High-Resolution Image
    Synthesis with Latent Diffusion Models, section 3.3, https://arxiv.org/abs/2112.10752.
    """

    def __init__(self, widths: tuple[int, int, int] = (64, 128, 192)) -> None:
        super().__init__()
        a, b, c = widths
        self.enter = nn.Conv2d(64, a, 3, padding=1)
        self.down = nn.ModuleList([nn.Conv2d(a, b, 3, 2, padding=1), nn.Conv2d(b, c, 3, 2, padding=1)])
        self.up = nn.ModuleList([nn.Conv2d(c, 4 * b, 1), nn.Conv2d(b, 4 * a, 1)])
        self.merge = nn.ModuleList([nn.Conv2d(2 * b, b, 1), nn.Conv2d(2 * a, a, 1)])
        self.timed = nn.ModuleList([TimedBlock(width) for width in (a, b, c, c, c, b, a)])
        self.looks = nn.ModuleList([Looking(width) for width in (b, c, c, c, b)])
        last = nn.Conv2d(a, 64, 3, padding=1)
        self.leave = nn.Sequential(nn.GroupNorm(8, a), nn.SiLU(), last)
        nn.init.zeros_(last.weight)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # twice as fast

    @property
    def middle(self) -> nn.Module:
        """The block that the second lesson asks."""
        return cast(Looking, self.looks[2]).block

    def texts(self, text: Tensor) -> list[KeysValues]:
        """The text as each block reads it."""
        return [look.block.text_attention.read(look.words(text)) for look in cast(Sequence[Looking], self.looks)]

    def see(self, patches: Tensor, condition: Tensor, context: Told) -> Tensor:
        """The clean picture."""

        def work(number: int, look: int, x: Tensor) -> Tensor:
            seen: Tensor = self.looks[look](
                self.timed[number](x, condition), condition, context.texts[look], context.present
            )
            return seen

        quarter = F.pixel_unshuffle(F.pixel_shuffle(patches, FACTOR), 4)
        fine = self.timed[0](self.enter(quarter.contiguous(memory_format=torch.channels_last)), condition)
        half = work(1, 0, self.down[0](fine))
        x = self.down[1](half)
        for number in (2, 3, 4):
            x = work(number, number - 1, x)
        x = self.merge[0](torch.cat([half, F.pixel_shuffle(self.up[0](x), 2)], dim=1))
        x = work(5, 4, x)
        x = self.merge[1](torch.cat([fine, F.pixel_shuffle(self.up[1](x), 2)], dim=1))
        return F.pixel_unshuffle(F.pixel_shuffle(self.leave(self.timed[6](x, condition)).contiguous(), 4), FACTOR)


PIXEL_NETWORKS: dict[str, Callable[[], PixelNetwork]] = {"pixels": PatchTransformer, "unet": UNet}
