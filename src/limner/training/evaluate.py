"""Looking at a model: contact sheets of fixed prompts and seeds 0 to 9, all ten, good and bad. It gives no score."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from limner.model import flow, pixels, sampler
from limner.model.autoencoder import FACTOR as LATENT_FACTOR
from limner.model.checkpoint import Storybook
from limner.training.world import sheet

SEEDS = range(10)

PROMPTS = (
    "An ox standing in the middle of a long open road, in the snow, centered and staring at the camera. "
    "It is quietly snowing around him.",
    "a red car on the left on a road at night",
    "a blue bird on the right in a field on a sunny day",
    "a small white dog on the beach at sunset",
    "a large yellow boat on the water in the rain",
    "a pink house in the snow at night",
    "a green tree on the left and a black cat on the right in a meadow",
    "a purple ball on a transparent background",
    "a big orange cube in a rainy street",
    "a brown ox in a field at sunset",
)
"""The first is the documented example of the hub's API; no training scene shows what it asks for."""


@torch.inference_mode()
def draw_base(
    model: Storybook, prompt: str, seed: int, *, steps: int, guidance: float, transparent: bool = False
) -> NDArray[np.uint8]:
    """One square picture at the base resolution, (128, 128, 4), without the upsampler."""
    text, present = model.text(model.tokenizer.encode([prompt, ""], transparent=[transparent, False]))
    side = 128 // LATENT_FACTOR
    noise = sampler.draw_noise((model.config.autoencoder.latent, side, side), seed)
    velocity = sampler.guide(model.denoiser, text, present, guidance)
    *_, last = sampler.heun(velocity, noise, flow.schedule(steps, model.config.shift, last=model.config.last))
    opaque = not (transparent or "transparent" in prompt)
    drawn: NDArray[np.uint8] = pixels.to_bytes(model.autoencoder.decode(last.x_t), opaque=opaque)[0].numpy()
    return drawn


def write_sheets(model: Storybook, path: Path, *, steps: int, guidance: float, seeds: range = SEEDS) -> None:
    """A row of seeds for each prompt, into one PNG."""
    pictures = [draw_base(model, prompt, seed, steps=steps, guidance=guidance) for prompt in PROMPTS for seed in seeds]
    Image.fromarray(sheet.contact_sheet(pictures, len(seeds))).save(path)
