"""The flow between noise and image: the one file that knows which way time runs. It holds no network.

t is a float32 of shape (b). t = 1 is pure noise, t = 0 is a clean image.
x_t = (1 - t) * image + t * noise, so velocity = d x_t / d t = noise - image.
Here an image is whatever the network works on: the latents of `autoencoder`, all together of unit variance.

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


def linear_velocity(
    x_t: Float[Tensor, "b c h w"], t: Float[Tensor, " b"], spread: Float[Tensor, " c"]
) -> tuple[Float[Tensor, "b c h w"], Float[Tensor, "b c 1 1"], Float[Tensor, "b c 1 1"]]:
    """What can be said of the velocity from each number of x_t alone, and the deviations of the error and of x_t.

    `spread` is each channel's deviation in clean images, whose channels are uncorrelated. A network then has to learn
    the rest only, which has unit variance at every time. Karras et al. 2022, Elucidating the Design Space of
    Diffusion-Based Generative Models, section 5, https://arxiv.org/abs/2206.00364, there with one deviation for all.
    """
    t, s = t.view(-1, 1, 1, 1), spread.view(1, -1, 1, 1)
    variance = ((1 - t) * s).square() + t.square()
    return x_t * (t - (1 - t) * s.square()) / variance, s / variance.sqrt(), variance.sqrt()


def draw_times(count: int, shift: float, generator: torch.Generator) -> Float[Tensor, " b"]:
    """Times to train at: logit-normal, shifted by `shift`, and one in eight evenly from the last stretch before noise.

    Esser et al. 2024, Scaling Rectified Flow Transformers, section 3.1, https://arxiv.org/abs/2403.03206. Almost none
    of their times is near 1, where only the words can tell day from night (at 0.9 a picture's mean shows through the
    noise); sampling starts there. Quantiles are spread evenly, which takes chance out of which times a batch sees.
    """
    quantiles = (torch.arange(count) + torch.rand(count, generator=generator)) / count
    inner = shift_times(torch.sigmoid(torch.special.ndtri(quantiles.clamp(1e-4, 1 - 1e-4))), shift)
    return torch.where(torch.arange(count) % 8 == 4, 0.95 + 0.05 * quantiles, inner)


def shift_times(t: Float[Tensor, " b"], shift: float) -> Float[Tensor, " b"]:
    """Bend times towards noise (shift > 1) and keep both ends. Esser et al. 2024, equation 23."""
    return shift * t / (1 + (shift - 1) * t)


def schedule(steps: int, shift: float, start: float = 1.0, last: float = 0.0) -> Float[Tensor, " s"]:
    """The `steps` + 1 times that sampling visits, from `start` down to 0; the last step begins at `last`, if given.

    From there it takes the mean of all images that x_t may stand for. What a network could not learn about the finest
    components would else be drawn at random, as grain.
    """
    if steps < 1 or not 0 <= last < start <= 1:
        raise ValueError(f"needs steps >= 1 and 0 <= last < start <= 1, got steps={steps}, start={start}, last={last}")
    first, end = (t / (shift + t * (1 - shift)) for t in (start, last))
    if last == 0 or steps == 1:
        return shift_times(torch.linspace(first, 0, steps + 1), shift)
    return torch.cat([shift_times(torch.linspace(first, end, steps), shift), torch.zeros(1)])
