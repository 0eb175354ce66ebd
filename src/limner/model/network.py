"""The denoiser: noisy latents, a time and text vectors in, velocity out. A transformer; each latent is a token.

Peebles and Xie 2023, Scalable Diffusion Models with Transformers, https://arxiv.org/abs/2212.09748 (adaLN-zero);
text enters by cross-attention, and its mean also through the modulation. The convolutional stem and head, joined by a
skip, let neighbouring latents agree on what crosses their border. Pictures to be edited enter as context: their latents
are tokens that every block's attention can look at, as in Labs et al. 2025, FLUX.1 Kontext,
https://arxiv.org/abs/2506.15742, but are not denoised themselves; the first also enters the stem, latent by latent
(Brooks et al. 2023, InstructPix2Pix, section 3.2, https://arxiv.org/abs/2211.09800), since most of it stays.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import cast

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from limner.model import flow

MAX_REFERENCES = 2
"""Pictures that the context can hold."""

FILTERS = 4
"""Linear filters over a latent and its neighbours, mixed as the time and the text say. Blocks norm their tokens, so
they cannot take away noise in proportion to how much of it there is; a filter can."""

FIRST_COPIED = -4.0
"""Before training hardly anything is copied: the logit of a fiftieth."""
LEAST_TIME = 0.05
"""Clamps the division by the time."""


@dataclass(frozen=True)
class DenoiserConfig:
    """Size of the denoiser: channels of the latent, of the convolutions, of the tokens; blocks; heads."""

    latent: int = 64
    stem: int = 96
    width: int = 192
    depth: int = 6
    heads: int = 3
    copies: bool = False
    """Whether the network can say, place by place, that a latent is that of the first picture to be edited."""


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


KeysValues = tuple[Float[Tensor, "b g _ e"], Float[Tensor, "b g _ e"]]
"""What attention looks at."""


@dataclass(frozen=True)
class Context:
    """What one picture's steps have in common: it depends neither on the time nor on the noise, and is read once."""

    summary: Float[Tensor, "b d"]
    """Of the text, for the modulation."""
    present: Bool[Tensor, "b l"]
    texts: Sequence[KeysValues]
    """The text as each block reads it."""
    references: Sequence[KeysValues]
    """The pictures to be edited as each block reads them; empty if there are none."""
    first: Float[Tensor, "b c h w"] | None
    """The latents of the first of them."""
    aligned: Float[Tensor, "b _ h w"] | None
    """The same as the stem reads it."""


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

    def read(self, context: Float[Tensor, "b m d"]) -> KeysValues:
        """What is looked at, to be used by as many looks as there are."""
        k, v = rearrange(self.key_value(context), "b m (two g e) -> two b g m e", two=2, g=self.heads)
        return self.key_norm(k), v

    def look(
        self, x: Float[Tensor, "b n d"], read: KeysValues, present: Bool[Tensor, "b m"] | None = None
    ) -> Float[Tensor, "b n d"]:
        """Each of `x` looks at each of what was read that is present."""
        q = rearrange(self.query(x), "b n (g e) -> b g n e", g=self.heads)
        mask = None if present is None else present[:, None, None, :]
        y = F.scaled_dot_product_attention(self.query_norm(q), *read, attn_mask=mask)
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
        text: KeysValues,
        present: Bool[Tensor, "b l"],
        references: KeysValues | None,
    ) -> Float[Tensor, "b n d"]:
        """Same shape out as in; the identity before training. `text` and `references` are what this block has read."""
        shift_a, scale_a, gate_a, shift_b, scale_b, gate_b = self.modulation(condition)[:, None].chunk(6, dim=-1)
        y = torch.addcmul(shift_a, self.norm(x), 1 + scale_a)
        k, v = self.attention.read(y)
        if references is not None:
            k, v = torch.cat([k, references[0]], dim=2), torch.cat([v, references[1]], dim=2)
        x = torch.addcmul(x, gate_a, self.attention.look(y, (k, v)))
        x = x + self.text_attention.look(self.text_norm(x), text, present)
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
        self.reference = nn.Linear(config.latent, width)
        self.order = nn.Embedding(MAX_REFERENCES, width)
        self.aligned = nn.Conv2d(config.latent, stem, 3, padding=1, bias=False)
        nn.init.zeros_(self.aligned.weight)
        if config.copies:
            self.copied = nn.Conv2d(2 * stem, 1, 3, padding=1)
            nn.init.zeros_(self.copied.weight)
            nn.init.constant_(self.copied.get_parameter("bias"), FIRST_COPIED)
        self.register_buffer("spread", torch.ones(config.latent))

    def read_references(self, latents: Sequence[Float[Tensor, "b c h w"]]) -> Float[Tensor, "b m d"]:
        """The context tokens of up to `MAX_REFERENCES` clean pictures, in the order of the request."""
        read = []
        for number, latent in enumerate(latents):
            even = rearrange(latent / self.spread.view(1, -1, 1, 1), "b c h w -> b (h w) c")
            where = self.place(embed_place(*latent.shape[2:]).to(latent))
            read.append(self.reference(even) + where + self.order.weight[number])
        return torch.cat(read, dim=1)

    def read(
        self,
        text: Float[Tensor, "b l d"],
        present: Bool[Tensor, "b l"],
        references: Sequence[Float[Tensor, "b c h w"]] = (),
    ) -> Context:
        """All that can be known before the first step, of the text and the latents of the pictures to be edited."""
        weights = present.to(text.dtype).unsqueeze(-1)
        mean_text = (text * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)
        tokens = self.read_references(references) if references else None
        blocks = cast(Sequence[Block], self.blocks)
        return Context(
            summary=self.summary(mean_text),
            present=present,
            texts=[block.text_attention.read(text) for block in blocks],
            references=[] if tokens is None else [block.attention.read(tokens) for block in blocks],
            first=references[0] if references else None,
            aligned=self.aligned(references[0] / self.spread.view(1, -1, 1, 1)) if references else None,
        )

    def forward(
        self,
        x_t: Float[Tensor, "b c h w"],
        t: Float[Tensor, " b"],
        text: Float[Tensor, "b l d"],
        present: Bool[Tensor, "b l"],
        references: Sequence[Float[Tensor, "b c h w"]] = (),
    ) -> Float[Tensor, "b c h w"]:
        """The velocity at `x_t` and `t`, given the text and the latents of the pictures to be edited."""
        return self.denoise(x_t, t, self.read(text, present, references))

    def denoise(
        self, x_t: Float[Tensor, "b c h w"], t: Float[Tensor, " b"], context: Context
    ) -> Float[Tensor, "b c h w"]:
        """The velocity at `x_t` and `t`, given what was read."""
        rows, columns = x_t.shape[2:]
        linear, error, deviation = flow.linear_velocity(x_t, t, self.spread)
        even = x_t / deviation
        fine = self.stem(even)
        if context.aligned is not None:
            fine = fine + context.aligned
        x = self.tokens_in(rearrange(fine, "b c h w -> b (h w) c"))
        x = x + self.place(embed_place(rows, columns).to(x))
        condition = F.silu(self.time(embed_time(t, self.config.width)) + context.summary)
        for block, text, references in zip_longest(self.blocks, context.texts, context.references):
            x = block(x, condition, text, context.present, references)
        coarse = rearrange(self.tokens_out(self.norm(x)), "b (h w) c -> b c h w", h=rows)
        mixed = self.filters(even) * self.mix(condition)[:, :, None, None]
        filtered = rearrange(mixed, "b (f c) h w -> b f c h w", f=FILTERS).sum(dim=1)
        features = torch.cat([fine, coarse], dim=1)
        made: Tensor = linear + error * (filtered + self.head(features))
        if context.first is None or not self.config.copies:
            return made
        straight = (x_t - context.first) / t.clamp(min=LEAST_TIME).view(-1, 1, 1, 1)
        return torch.lerp(made, straight, self.copied(features).sigmoid())
