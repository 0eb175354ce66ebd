"""The flow between noise and image: the one file that knows which way time runs. It holds no network.

t is a float32 of shape (b). t = 1 is pure noise, t = 0 is a clean image.
x_t = (1 - t) * image + t * noise, so velocity = d x_t / d t = noise - image.
Here an image is whatever the network works on: the latents of `autoencoder`, scaled to unit variance.

Axis letters, fixed for the whole project: b batch, c channel, h w row and column, n image token, l text token,
d width, g head, e head width, p patch.

Lipman et al. 2023, Flow Matching for Generative Modeling, https://arxiv.org/abs/2210.02747 and Liu et al. 2023,
Flow Straight and Fast, https://arxiv.org/abs/2209.03003 (their time runs the other way).
"""

import torch
from jaxtyping import Float
from torch import Tensor


def add_noise(
    image: Float[Tensor, "b c h w"], noise: Float[Tensor, "b c h w"], t: Float[Tensor, " b"]
) -> Float[Tensor, "b c h w"]:
    """Move each image the fraction `t` of the way to its noise."""
    t = t.view(-1, 1, 1, 1)
    return (1 - t) * image + t * noise


def velocity(image: Float[Tensor, "b c h w"], noise: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """The direction in which x_t moves as t grows; what the network is taught."""
    return noise - image


def estimate_image(
    x_t: Float[Tensor, "b c h w"], v: Float[Tensor, "b c h w"], t: Float[Tensor, " b"]
) -> Float[Tensor, "b c h w"]:
    """The clean image that the velocity `v` at `x_t` points to."""
    return x_t - t.view(-1, 1, 1, 1) * v


def draw_times(count: int, shift: float, generator: torch.Generator) -> Float[Tensor, " b"]:
    """Times to train at: logit-normal, shifted towards noise, and two in ten evenly from the last stretch before it.

    Esser et al. 2024, Scaling Rectified Flow Transformers, section 3.1, https://arxiv.org/abs/2403.03206. Almost none
    of their times is near 1, where only the words can tell day from night (at 0.9 a picture's mean shows through the
    noise); sampling starts there. Quantiles are spread evenly, which takes chance out of which times a batch sees.
    """
    quantiles = (torch.arange(count) + torch.rand(count, generator=generator)) / count
    inner = shift_times(torch.sigmoid(torch.special.ndtri(quantiles.clamp(1e-4, 1 - 1e-4))), shift)
    return torch.where(torch.arange(count) % 5 == 2, 0.95 + 0.05 * quantiles, inner)


def shift_times(t: Float[Tensor, " b"], shift: float) -> Float[Tensor, " b"]:
    """Bend times towards noise (shift > 1) and keep both ends. Esser et al. 2024, equation 23."""
    return shift * t / (1 + (shift - 1) * t)


def schedule(steps: int, shift: float, start: float = 1.0) -> Float[Tensor, " s"]:
    """The `steps` + 1 times that sampling visits, from `start` down to 0."""
    if steps < 1 or not 0 < start <= 1:
        raise ValueError(f"needs steps >= 1 and 0 < start <= 1, got steps={steps}, start={start}")
    unshifted = start / (shift + start * (1 - shift))
    return shift_times(torch.linspace(unshifted, 0, steps + 1), shift)
