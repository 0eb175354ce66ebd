"""Looking at a model: contact sheets of fixed prompts and seeds 0 to 9, all ten, good and bad. It gives no score."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from limner.model import cutout, edit, flow, pixels, sampler
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


@dataclass(frozen=True)
class Draft:
    """How a picture is sampled: Euler steps, guidance, and for edits whether what was not changed is kept."""

    steps: int
    guidance: float
    keep: bool = True


@torch.inference_mode()
def draw_base(
    model: Storybook,
    prompt: str,
    seed: int,
    draft: Draft,
    *,
    inputs: Sequence[NDArray[np.uint8]] = (),
    transparent: bool = False,
    hole: NDArray[np.bool_] | None = None,
) -> NDArray[np.uint8]:
    """One square picture at the base resolution, (128, 128, 4), without the upsampler; `inputs` are of that shape.

    A `hole` of (8, 8) latents in the first input is filled, and what is around it stays.
    """
    text, present = model.text(model.tokenizer.encode([prompt, ""], transparent=[transparent, False]))
    side = 128 // LATENT_FACTOR
    noise = sampler.draw_noise((model.config.autoencoder.latent, side, side), seed)
    floats = [pixels.to_floats(pixels.from_array(picture)) for picture in inputs]
    references = [model.autoencoder.encode(each) for each in floats]
    seen, places = list(references), None
    if hole is not None:
        places = torch.from_numpy(hole)[None, None]
        seen[0] = edit.erase(model.autoencoder, references[0], places)
    velocity = sampler.guide(model.denoiser, text, present, draft.guidance, seen)
    if places is not None:
        velocity = edit.hold(velocity, references[0], noise, places)
    *_, last = sampler.euler(velocity, noise, flow.schedule(draft.steps, model.config.shift, last=model.config.last))
    painted = model.autoencoder.decode(last.x_t)
    see_through = transparent or "transparent" in prompt
    if see_through:
        painted = cutout.settle(painted)
    if floats and (draft.keep or places is not None):
        if places is None:
            places = edit.changed_places(model.autoencoder, last.x_t, references[0])
        painted = edit.keep_unchanged(painted, floats[0], places)
    drawn: NDArray[np.uint8] = pixels.to_bytes(painted, opaque=not see_through)[0].numpy()
    return drawn


def write_sheets(
    model: Storybook, path: Path, draft: Draft, seeds: range = SEEDS, prompts: Sequence[str] = PROMPTS
) -> None:
    """A row of seeds for each prompt, into one PNG."""
    pictures = [draw_base(model, prompt, seed, draft) for prompt in prompts for seed in seeds]
    Image.fromarray(sheet.contact_sheet(pictures, len(seeds))).save(path)
