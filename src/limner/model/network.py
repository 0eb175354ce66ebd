"""The denoiser: noisy latents, a time and text vectors in, velocity out. A transformer; each latent is a token.

Peebles and Xie 2023, Scalable Diffusion Models with Transformers, https://arxiv.org/abs/2212.09748 (adaLN-zero);
text enters by cross-attention, and its mean also through the modulation. The convolutional stem and head, joined by a
skip, let neighbouring latents agree on what crosses their border.
"""

import math
from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from limner.model import flow

FILTERS = 4
"""Linear filters over a latent and its neighbours, mixed as the time and the text say. Blocks norm their tokens, so
they cannot take away noise in proportion to how much of it there is; a filter can."""


@dataclass(frozen=True)
class DenoiserConfig:
    """Size of the denoiser: channels of the latent, of the convolutions, of the tokens; blocks; heads."""

    latent: int = 64
    stem: int = 96
    width: int = 192
    depth: int = 6
    heads: int = 3


def embed_time(t: Float[Tensor, " b"], width: int) -> Float[Tensor, "b d"]:
    """Sines and cosines of the time at rising frequencies. Vaswani et al. 2017, section 3.5."""
    frequencies = torch.exp(torch.linspace(0, math.log(1000), width // 2, device=t.device))
    angles = t[:, None] * frequencies[None]
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def embed_place(rows: int, columns: int) -> Float[Tensor, "n 32"]:
    """Where each token lies, relative to the picture's edges and, in tokens, to its centre."""
    y, x = torch.meshgrid(torch.arange(rows) + 0.5, torch.arange(columns) + 0.5, indexing="ij")
    relative = torch.stack([y / rows, x / columns], dim=-1).flatten(0, 1) * 2 - 1
    centred = torch.stack([y - rows / 2, x - columns / 2], dim=-1).flatten(0, 1) / 4
    scales = math.pi * torch.tensor([0.5, 1.0, 2.0, 4.0])
    angles = torch.cat([relative[:, :, None] * scales, centred[:, :, None] * scales], dim=1).flatten(1)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class Attention(nn.Module):
    """Multi-head attention. Vaswani et al. 2017, Attention Is All You Need, section 3.2, https://arxiv.org/abs/1706.03762

    Queries and keys are normed, so that high rates cannot make attention collapse onto one token. Dehghani et al. 2023,
    Scaling Vision Transformers to 22 Billion Parameters, section 2, https://arxiv.org/abs/2302.05442
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(width, 2 * width, bias=False)
        self.out = nn.Linear(width, width)
        self.query_norm = nn.RMSNorm(width // heads)
        self.key_norm = nn.RMSNorm(width // heads)

    def forward(
        self,
        x: Float[Tensor, "b n d"],
        context: Float[Tensor, "b m d"],
        present: Bool[Tensor, "b m"] | None = None,
    ) -> Float[Tensor, "b n d"]:
        """Each of `x` looks at each of `context` that is present."""
        q = rearrange(self.query(x), "b n (g e) -> b g n e", g=self.heads)
        k, v = rearrange(self.key_value(context), "b m (two g e) -> two b g m e", two=2, g=self.heads)
        mask = None if present is None else present[:, None, None, :]
        y = F.scaled_dot_product_attention(self.query_norm(q), self.key_norm(k), v, attn_mask=mask)
        out: Tensor = self.out(rearrange(y, "b g n e -> b n (g e)"))
        return out


class Block(nn.Module):
    """Self-attention, attention to the text, and a feed-forward layer, each modulated by time and text."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.text_norm = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.text_attention = Attention(width, heads)
        self.expand = nn.Linear(width, 4 * width)
        self.contract = nn.Linear(4 * width, width)
        self.modulation = nn.Linear(width, 6 * width)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)
        nn.init.zeros_(self.text_attention.out.weight)

    def forward(
        self,
        x: Float[Tensor, "b n d"],
        condition: Float[Tensor, "b d"],
        text: Float[Tensor, "b l d"],
        present: Bool[Tensor, "b l"],
    ) -> Float[Tensor, "b n d"]:
        """Same shape out as in; the identity before training."""
        shift_a, scale_a, gate_a, shift_b, scale_b, gate_b = self.modulation(condition)[:, None].chunk(6, dim=-1)
        y = torch.addcmul(shift_a, self.norm(x), 1 + scale_a)
        x = torch.addcmul(x, gate_a, self.attention(y, y))
        x = x + self.text_attention(self.text_norm(x), text, present)
        y = torch.addcmul(shift_b, self.norm(x), 1 + scale_b)
        out: Tensor = torch.addcmul(x, gate_b, self.contract(F.silu(self.expand(y))))
        return out


class Denoiser(nn.Module):
    """Predicts the velocity of noisy latents of any size; `spread` is the deviation of each channel of clean ones."""

    spread: Tensor

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        self.config = config
        width, stem = config.width, config.stem
        self.stem = nn.Sequential(
            nn.Conv2d(config.latent, stem, 3, padding=1), nn.SiLU(), nn.Conv2d(stem, stem, 3, padding=1)
        )
        self.tokens_in = nn.Linear(stem, width)
        self.place = nn.Linear(32, width)
        self.time = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.summary = nn.Linear(width, width)
        self.blocks = nn.ModuleList([Block(width, config.heads) for _ in range(config.depth)])
        self.norm = nn.LayerNorm(width)
        self.tokens_out = nn.Linear(width, stem)
        last = nn.Conv2d(stem, config.latent, 3, padding=1)
        self.head = nn.Sequential(nn.Conv2d(2 * stem, stem, 3, padding=1), nn.SiLU(), last)
        nn.init.zeros_(last.weight)
        self.filters = nn.Conv2d(config.latent, FILTERS * config.latent, 3, padding=1, bias=False)
        self.mix = nn.Linear(width, FILTERS * config.latent)
        nn.init.zeros_(self.mix.weight)
        nn.init.zeros_(self.mix.bias)
        self.register_buffer("spread", torch.ones(config.latent))

    def forward(
        self,
        x_t: Float[Tensor, "b c h w"],
        t: Float[Tensor, " b"],
        text: Float[Tensor, "b l d"],
        present: Bool[Tensor, "b l"],
    ) -> Float[Tensor, "b c h w"]:
        """The velocity at `x_t` and `t`, given the text."""
        rows, columns = x_t.shape[2:]
        linear, error, deviation = flow.linear_velocity(x_t, t, self.spread)
        even = x_t / deviation
        fine = self.stem(even)
        x = self.tokens_in(rearrange(fine, "b c h w -> b (h w) c"))
        x = x + self.place(embed_place(rows, columns).to(x))
        weights = present.to(text.dtype).unsqueeze(-1)
        mean_text = (text * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)
        condition = F.silu(self.time(embed_time(t, self.config.width)) + self.summary(mean_text))
        for block in self.blocks:
            x = block(x, condition, text, present)
        coarse = rearrange(self.tokens_out(self.norm(x)), "b (h w) c -> b c h w", h=rows)
        mixed = self.filters(even) * self.mix(condition)[:, :, None, None]
        filtered = rearrange(mixed, "b (f c) h w -> b f c h w", f=FILTERS).sum(dim=1)
        out: Tensor = linear + error * (filtered + self.head(torch.cat([fine, coarse], dim=1)))
        return out
