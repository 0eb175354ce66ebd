"""Where an edit starts: the input's latents moved part of the way to noise. The sampler then goes on with the new text.

Meng et al. 2022, SDEdit: Guided Image Synthesis and Editing with Stochastic Differential Equations, section 3,
https://arxiv.org/abs/2108.01073
"""

from jaxtyping import Float, UInt8
from torch import Tensor

from limner.model import flow, pixels
from limner.model.autoencoder import FACTOR, Autoencoder

STARTS = {"low": 0.9, "high": 0.75}
"""The time an edit starts from, per input fidelity: the smaller, the more of the input stays."""


def start(
    autoencoder: Autoencoder, picture: UInt8[Tensor, "1 H W 4"], noise: Float[Tensor, "1 c h w"], fidelity: str
) -> tuple[Float[Tensor, "1 c h w"], float]:
    """The noisy latents to start from, and their time. `picture` is covered and cropped to the latents' shape."""
    rows, columns = noise.shape[2] * FACTOR, noise.shape[3] * FACTOR
    latent = autoencoder.encode(pixels.cover(pixels.to_floats(picture), rows, columns))
    t = STARTS[fidelity]
    return flow.add_noise(latent, noise, noise.new_full((1,), t)), t
