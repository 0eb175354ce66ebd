"""From noise to latents: Euler and Heun steps along the velocity, with classifier-free guidance. No clock of its own.

Each sampler is a generator that yields after every step, so that its caller can stop, show progress or a preview.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from limner.model import flow
from limner.model.network import Denoiser

Velocity = Callable[[Float[Tensor, "b c h w"], Float[Tensor, " b"]], Float[Tensor, "b c h w"]]


GUIDED = (0.2, 0.9)
"""Times between which guidance works."""


@dataclass(frozen=True)
class Step:
    """Where sampling stands: `x_t`, and the clean image that the last velocity points to."""

    x_t: Tensor
    estimate: Tensor


def guide(
    denoiser: Denoiser, text: Float[Tensor, "two l d"], present: Bool[Tensor, "two l"], guidance: float
) -> Velocity:
    """The velocity pushed away from the second text by `guidance` (1 = none), for a batch of one picture.

    Ho and Salimans 2022, Classifier-Free Diffusion Guidance, equation 6, https://arxiv.org/abs/2207.12598. Only between
    `GUIDED` times: near noise it makes all pictures of a prompt alike, near the image it changes nothing but their
    contrast. Kynkäänniemi et al. 2024, Applying Guidance in a Limited Interval, https://arxiv.org/abs/2404.07724
    """

    def velocity(x_t: Tensor, t: Tensor) -> Tensor:
        if guidance == 1 or not GUIDED[0] <= float(t[0]) <= GUIDED[1]:
            return denoiser(x_t, t, text[:1], present[:1])  # type: ignore[no-any-return]
        wanted, unwanted = denoiser(x_t.repeat(2, 1, 1, 1), t.repeat(2), text, present).chunk(2)
        guided: Tensor = unwanted + guidance * (wanted - unwanted)
        return guided

    return velocity


def euler(velocity: Velocity, x_t: Float[Tensor, "b c h w"], times: Float[Tensor, " s"]) -> Iterator[Step]:
    """First-order steps through `times`; one evaluation each."""
    for now, after in pairwise(times):
        t = now.expand(len(x_t))
        v = velocity(x_t, t)
        estimate = flow.estimate_image(x_t, v, t)
        x_t = x_t + (after - now) * v
        yield Step(x_t, estimate)


def heun(velocity: Velocity, x_t: Float[Tensor, "b c h w"], times: Float[Tensor, " s"]) -> Iterator[Step]:
    """Second-order steps through `times`; two evaluations each but for the last. Karras et al. 2022, algorithm 1."""
    for now, after in pairwise(times):
        t = now.expand(len(x_t))
        v = velocity(x_t, t)
        estimate = flow.estimate_image(x_t, v, t)
        if float(after) > 0:
            v = (v + velocity(x_t + (after - now) * v, after.expand(len(x_t)))) / 2
        x_t = x_t + (after - now) * v
        yield Step(x_t, estimate)


def draw_noise(shape: tuple[int, int, int], seed: int) -> Float[Tensor, "1 c h w"]:
    """The noise that `seed` stands for; the same alone and in any company."""
    return torch.randn((1, *shape), generator=torch.Generator().manual_seed(seed))
