"""From noise to latents: Euler steps along the velocity, with classifier-free guidance. No clock of its own.

The sampler is a generator that yields after every step, so that its caller can stop, show progress or a preview.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from limner.model import flow
from limner.model.network import Denoiser

Velocity = Callable[[Float[Tensor, "b c h w"], Float[Tensor, " b"]], Float[Tensor, "b c h w"]]


GUIDED = (0.2, 0.88)
"""Times between which guidance works."""


@dataclass(frozen=True)
class Step:
    """Where sampling stands: `x_t`, and the clean image that the last velocity points to."""

    x_t: Tensor
    estimate: Tensor


def guide(
    denoiser: Denoiser,
    text: Float[Tensor, "two l d"],
    present: Bool[Tensor, "two l"],
    guidance: float,
    references: Sequence[Float[Tensor, "1 c h w"]] = (),
) -> Velocity:
    """The velocity pushed away from the second text by `guidance` (1 = none), for a batch of one picture.

    `references` are the latents of pictures to be edited; both texts see them, so guidance strengthens the words alone.

    Ho and Salimans 2022, Classifier-Free Diffusion Guidance, equation 6, https://arxiv.org/abs/2207.12598. Only between
    `GUIDED` times: near noise it makes all pictures of a prompt alike, near the image it changes nothing but their
    contrast. Kynkäänniemi et al. 2024, Applying Guidance in a Limited Interval, https://arxiv.org/abs/2404.07724
    """

    wish = denoiser.read(text[:1], present[:1], references)
    if guidance == 1:
        return lambda x_t, t: denoiser.denoise(x_t, t, wish)
    both = denoiser.read(text, present, [latent.repeat(2, 1, 1, 1) for latent in references])

    def velocity(x_t: Tensor, t: Tensor) -> Tensor:
        if not GUIDED[0] <= float(t[0]) <= GUIDED[1]:
            return denoiser.denoise(x_t, t, wish)
        wanted, unwanted = denoiser.denoise(x_t.repeat(2, 1, 1, 1), t.repeat(2), both).chunk(2)
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


def draw_noise(shape: tuple[int, int, int], seed: int) -> Float[Tensor, "1 c h w"]:
    """The noise that `seed` stands for; the same alone and in any company."""
    return torch.randn((1, *shape), generator=torch.Generator().manual_seed(seed))
