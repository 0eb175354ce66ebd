"""The pictures as latents: the encoder, which is computed and not trained, and what it makes of every shard.

What all of a team read is made here, by the first of its processes.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from limner.errors import InvalidRequest
from limner.model import pixels
from limner.model.autoencoder import FACTOR as LATENT_FACTOR
from limner.model.checkpoint import Storybook
from limner.training import layout
from limner.training.data import Shard
from limner.training.progress import Watch, unwatched
from limner.training.recipe import Recipe
from limner.training.source import Source
from limner.training.team import ALONE, Team

Pictures = NDArray[np.uint8]
"""One picture (height, width, 4) or several in front of each other, with straight alpha."""

ENCODER_PICTURES = 100
"""Pictures of each shard from whose patches the encoder is computed."""

LATENTS = "latents"

SUBJECT_WEIGHT = 3.0
"""Weight of an error where a subject stands, beside one in its surroundings, which are learned much sooner."""


@dataclass(frozen=True)
class Run:
    """One run of training: how, from what, where it keeps its state, on what it computes, who watches, with whom."""

    recipe: Recipe
    source: Source
    folder: Path
    device: torch.device
    watch: Watch = unwatched
    team: Team = ALONE


def fit_encoder(model: Storybook, run: Run, shards: list[Shard], *, fitted: bool) -> None:
    """Compute the encoder from patches of the pictures, once for a folder; those with a known subject weigh more.

    A `fitted` one stays as it is; InvalidRequest if the folder's other files were made with another.
    """
    path = run.folder / "encoder.pt"
    parts = {"autoencoder": ("basis", "mean", "scale"), "denoiser": ("spread",)}
    if not fitted and not path.exists():
        patches, weights = [], []
        for shard in shards:
            pictures = np.load(shard.path, mmap_mode="r")[:ENCODER_PICTURES]
            if pictures.ndim == 4:
                cut = F.pixel_unshuffle(pixels.to_floats(torch.from_numpy(pictures.copy())), LATENT_FACTOR)
                patches.append(rearrange(cut, "b p h w -> (b h w) p"))
                scenes = run.source.scenes(range(shard.first_seed, shard.first_seed + len(pictures)))
                weights += [weigh(layout.label(each, *cut.shape[2:])[0]) for each in scenes]
        weighed = torch.cat(weights) if weights else torch.ones(sum(map(len, patches)))
        model.denoiser.spread.copy_(model.autoencoder.fit(torch.cat(patches), weighed).half())
    told = {f"{net}.{name}": getattr(getattr(model, net), name) for net, names in parts.items() for name in names}
    if not path.exists():
        torch.save(told, path)
    kept = torch.load(path, weights_only=True)
    if fitted and not all(torch.equal(kept[name], told[name]) for name in told):
        raise InvalidRequest(f"{run.folder} was begun with another encoder than that of --from", field="folder")
    model.load_state_dict(kept, strict=False)


def weigh(kinds: Tensor) -> Tensor:
    """How much an error weighs at each place, given the kind of subject that stands there."""
    return 1 + (SUBJECT_WEIGHT - 1) * (kinds != layout.NOTHING).float()


@dataclass(frozen=True)
class Encoded:
    """One shard: its file, its latents (pictures, or inputs and result of edits), the seed of the first."""

    path: Path
    latents: Tensor
    first_seed: int

    @property
    def is_edits(self) -> bool:
        """Whether it holds edits: (count, inputs and result, channels, rows, columns)."""
        return self.latents.ndim == 5


def encode_pictures(model: Storybook, run: Run, shards: list[Shard]) -> list[Encoded]:
    """Every shard with its latents, which are kept for the next start."""
    (run.folder / LATENTS).mkdir(exist_ok=True)
    encoded = []
    for shard in shards:
        kept = run.folder / LATENTS / f"{shard.path.stem}.pt"
        if not kept.exists():
            torch.save(encode(model, np.load(shard.path)), kept)
        encoded.append(Encoded(shard.path, torch.load(kept, weights_only=True), shard.first_seed))
    return encoded


def encode(model: Storybook, pictures: Pictures) -> Tensor:
    """The latents of pictures, or of the inputs and results of edits, in half precision."""
    flat = torch.from_numpy(pictures.reshape(-1, *pictures.shape[-3:]))
    latents = [model.autoencoder.encode(pixels.to_floats(flat[i : i + 50])).half() for i in range(0, len(flat), 50)]
    return torch.cat(latents).reshape(*pictures.shape[:-3], *latents[0].shape[1:])
