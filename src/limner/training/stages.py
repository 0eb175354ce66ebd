"""The stages of training, in order: encoder, decoder, upsampler, denoiser; and the checkpoint they make together.

Each stage keeps its own state in the run folder, so that a stage that has ended is not trained again.
"""

import dataclasses
import json
import random
import time
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from limner.errors import InvalidRequest
from limner.model import checkpoint, flow, pixels
from limner.model.autoencoder import FACTOR as LATENT_FACTOR
from limner.model.checkpoint import Storybook
from limner.model.text import SPECIAL
from limner.model.upsampler import FACTOR as LARGE_FACTOR
from limner.training import data, evaluate, layout, loop
from limner.training.recipe import Recipe
from limner.training.world import captions, render, sheet

ENCODER_PICTURES = 100
"""Pictures of each shard from whose patches the encoder is computed."""

LATENTS = "latents"

LAYOUT_WEIGHT = 0.1
"""Weight of the layout lesson beside the velocity's squared error."""

SUBJECT_WEIGHT = 3.0
"""Weight of an error where a subject stands, beside one in its surroundings, which are learned much sooner."""

BASE_CROP = 48
"""Side of the crops, in base pixels, that the upsampler learns from."""

MAX_LATENT_ERROR = 0.4
"""Largest deviation of the noise on the latents that the decoder trains on with: a denoiser is never exact."""

OTHER_SHAPES = 0.4
"""How often a picture that is not square is taken, beside one that is: it costs half as much again."""


def train(recipe: Recipe, folder: Path, processes: int, start: Path | None = None) -> Storybook:
    """Run what is left of every stage and return the finished model. `folder` holds pictures, states and the log.

    With the checkpoint `start` the encoder is taken from it as it is, and the networks learn on from there.
    """
    words = captions.words()
    model = Storybook(recipe.config(len(words)), (*SPECIAL, *sorted(words)))
    if start is not None:
        _take_over(model, start)
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_flush_denormal(True)
    data.draw_pictures(folder / "pictures", recipe.shapes, processes)
    fit_encoder(model, recipe, folder, start)
    encoded = encode_pictures(model, recipe, folder)
    train_decoder(model, recipe, folder, encoded)
    train_upsampler(model, recipe, folder)
    train_denoiser(model, recipe, folder, encoded)
    return model.eval().requires_grad_(False)


def _take_over(model: Storybook, start: Path) -> None:
    """Begin with the weights of a finished model; InvalidRequest if it knows other words or has other sizes."""
    try:
        finished = checkpoint.load(start)
    except ValueError as cause:
        raise InvalidRequest(f"--from: {cause}", field="from") from cause
    if (finished.config, finished.tokenizer.words) != (model.config, model.tokenizer.words):
        raise InvalidRequest(f"--from: {start.name} has other words or sizes than this recipe", field="from")
    model.load_state_dict(finished.state_dict())


def picture_loss(made: Tensor, truth: Tensor) -> Tensor:
    """Mean absolute error of the pixels and of their differences to the neighbours, which keeps edges sharp."""
    error = made - truth
    across = (error[..., :, 1:] - error[..., :, :-1]).abs().mean()
    down = (error[..., 1:, :] - error[..., :-1, :]).abs().mean()
    return error.abs().mean() + 0.5 * (across + down)


def fit_encoder(model: Storybook, recipe: Recipe, folder: Path, start: Path | None) -> None:
    """Compute the encoder from patches of the pictures, once for a folder; those with a subject weigh more.

    InvalidRequest if the folder's other files were made with another encoder than that of `start`.
    """
    path = folder / "encoder.pt"
    parts = {"autoencoder": ("basis", "mean", "scale"), "denoiser": ("spread",)}
    if start is None and not path.exists():
        patches, weights = [], []
        for shape in recipe.shapes:
            for shard in data.shards(folder / "pictures", shape.name):
                pictures = np.load(shard, mmap_mode="r")[:ENCODER_PICTURES]
                cut = F.pixel_unshuffle(pixels.to_floats(torch.from_numpy(pictures.copy())), LATENT_FACTOR)
                patches.append(rearrange(cut, "b p h w -> (b h w) p"))
                first = data.first_seed(shard, recipe.shapes)
                weights += [
                    _weigh(layout.label(data.scene_of(first + i), *cut.shape[2:])[0]) for i in range(len(pictures))
                ]
        model.denoiser.spread.copy_(model.autoencoder.fit(torch.cat(patches), torch.cat(weights)).half())
    told = {f"{net}.{name}": getattr(getattr(model, net), name) for net, names in parts.items() for name in names}
    if not path.exists():
        torch.save(told, path)
    kept = torch.load(path, weights_only=True)
    if start is not None and not all(torch.equal(kept[name], told[name]) for name in told):
        raise InvalidRequest(f"{folder} was begun with another encoder than {start.name}'s", field="folder")
    model.load_state_dict(kept, strict=False)


def _weigh(kinds: Tensor) -> Tensor:
    """How much an error weighs at each place, given the kind of subject that stands there."""
    return 1 + (SUBJECT_WEIGHT - 1) * (kinds != layout.NOTHING).float()


def encode_pictures(model: Storybook, recipe: Recipe, folder: Path) -> list[tuple[Path, Tensor, int]]:
    """Every shard's file, its latents and the seed of its first picture; latents are kept for the next start."""
    (folder / LATENTS).mkdir(exist_ok=True)
    encoded = []
    for shape in recipe.shapes:
        for path in data.shards(folder / "pictures", shape.name):
            kept = folder / LATENTS / f"{path.stem}.pt"
            if not kept.exists():
                pictures = np.load(path)
                latents = [
                    model.autoencoder.encode(pixels.to_floats(torch.from_numpy(pictures[i : i + 50]))).half()
                    for i in range(0, len(pictures), 50)
                ]
                torch.save(torch.cat(latents), kept)
            encoded.append((path, torch.load(kept, weights_only=True), data.first_seed(path, recipe.shapes)))
    return encoded


def train_denoiser(model: Storybook, recipe: Recipe, folder: Path, encoded: list[tuple[Path, Tensor, int]]) -> None:
    """Learn the velocity of the latents, together with the text encoder."""
    # Strong components, in which the shapes are, would otherwise count no more than each of the many that hold detail.
    visible = model.denoiser.spread.square() / model.denoiser.spread.square().mean()
    weights = [latents.shape[2] == latents.shape[3] or OTHER_SHAPES for _, latents, _ in encoded]
    head = layout.LayoutHead(model.config.denoiser.width)
    modules = nn.ModuleDict({"net": model.denoiser, "text": model.text, "layout": head})
    trainer = loop.Trainer("denoiser", recipe.denoiser, modules, folder)
    seen: dict[str, Tensor] = {}
    middle = model.denoiser.blocks[model.config.denoiser.depth // 2]
    hook = middle.register_forward_hook(lambda _block, _inputs, output: seen.update(tokens=output))

    def loss(step: int) -> tuple[Tensor, int]:
        rng = random.Random(step)
        generator = torch.Generator().manual_seed(step)
        _, latents, first_seed = rng.choices(encoded, weights)[0]
        picked = rng.sample(range(len(latents)), recipe.denoiser.batch)
        wordings = [data.word_caption(first_seed + i, rng) for i in picked]
        prompts = ["" if rng.random() < recipe.drop_text else text for text, _ in wordings]
        marks = [mark and prompt != "" for prompt, (_, mark) in zip(prompts, wordings, strict=True)]
        text, present = model.text(trim(model.tokenizer.encode(prompts, transparent=marks)))
        image = latents[picked].float()
        noise = torch.randn(image.shape, generator=generator)
        t = flow.draw_times(len(image), recipe.shift, generator)
        made = model.denoiser(flow.add_noise(image, noise, t), t, text, present)
        rows, columns = image.shape[2:]
        labels = torch.stack([layout.label(data.scene_of(first_seed + i), rows, columns) for i in picked])
        told = LAYOUT_WEIGHT * head(seen["tokens"], labels)
        error = (made - flow.velocity(image, noise)).square() * visible.view(1, -1, 1, 1)
        where = _weigh(labels[:, 0]).view(-1, 1, rows, columns)
        return (error * where).mean() / where.mean() + told, len(image)

    def sample(average: nn.ModuleDict) -> None:
        shown = deepcopy(model)
        shown.denoiser.load_state_dict(average["net"].state_dict())
        shown.text.load_state_dict(average["text"].state_dict())
        evaluate.write_sheets(shown.eval(), folder / "denoiser.png", steps=6, guidance=1.5, seeds=range(2))

    trainer.run(loss, sample)
    hook.remove()
    model.denoiser.load_state_dict(trainer.average["net"].state_dict())
    model.text.load_state_dict(trainer.average["text"].state_dict())


def trim(ids: Tensor) -> Tensor:
    """Ids without the columns that are padding in every row."""
    return ids[:, : int((ids != 0).sum(dim=1).max())]


def train_decoder(model: Storybook, recipe: Recipe, folder: Path, encoded: list[tuple[Path, Tensor, int]]) -> None:
    """Learn to draw the picture from latents with an error such as the denoiser's."""
    shards = [(latents, np.load(path, mmap_mode="r")) for path, latents, _ in encoded]
    rng = np.random.default_rng(2)
    model.autoencoder.decoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # twice as fast
    modules = nn.ModuleDict({"net": model.autoencoder.decoder})
    trainer = loop.Trainer("decoder", recipe.decoder, modules, folder)

    def loss(_step: int) -> tuple[Tensor, int]:
        latents, pictures = shards[rng.integers(len(shards))]
        first = int(rng.integers(len(latents) - recipe.decoder.batch + 1))
        picked = slice(first, first + recipe.decoder.batch)  # neighbours on the disk, and no more alike than others
        exact = latents[picked].float()
        error = torch.from_numpy(rng.uniform(0, MAX_LATENT_ERROR, (len(exact), 1, 1, 1))).float()
        made = model.autoencoder.decode(exact + error * torch.randn_like(exact))
        return picture_loss(made, pixels.to_floats(torch.tensor(pictures[picked]))), len(exact)

    def sample(_average: nn.ModuleDict) -> None:
        latents, pictures = shards[0]
        with torch.no_grad():
            made = model.autoencoder.decode(latents[:8].float())
        _write_sheet(torch.cat([pixels.to_floats(torch.tensor(pictures[:8])), made]), folder / "decoder.png", 8)

    trainer.run(loss, sample)
    model.autoencoder.decoder.load_state_dict(trainer.average["net"].state_dict())


def train_upsampler(model: Storybook, recipe: Recipe, folder: Path) -> None:
    """Learn to draw the large picture from what the decoder makes of its latents."""
    scenes = _large_scenes(model, recipe, folder)
    rng = np.random.default_rng(1)
    trainer = loop.Trainer("upsampler", recipe.upsampler, nn.ModuleDict({"net": model.upsampler}), folder)

    def loss(_step: int) -> tuple[Tensor, int]:
        bases, large = [], []
        for _ in range(recipe.upsampler.batch):
            base, truth = scenes[rng.integers(len(scenes))]
            y, x = (int(rng.integers(length - BASE_CROP + 1)) for length in base.shape[1:])
            bases.append(base[:, y : y + BASE_CROP, x : x + BASE_CROP])
            top, left, span = (at * LARGE_FACTOR for at in (y, x, BASE_CROP))
            large.append(torch.tensor(truth[top : top + span, left : left + span]))
        return picture_loss(model.upsampler(torch.stack(bases)), pixels.to_floats(torch.stack(large))), len(bases)

    def sample(_average: nn.ModuleDict) -> None:
        with torch.no_grad():
            made = model.upsampler(torch.stack([base for base, _ in scenes[:2]]))
        _write_sheet(made, folder / "upsampler.png", 2)

    trainer.run(loss, sample)
    model.upsampler.load_state_dict(trainer.average["net"].state_dict())


def _large_scenes(model: Storybook, recipe: Recipe, folder: Path) -> list[tuple[Tensor, NDArray[np.uint8]]]:
    """Some square pictures as they are decoded, and the same scenes drawn at the full size."""
    side = 128 * LARGE_FACTOR
    (folder / "large").mkdir(exist_ok=True)
    scenes = []
    for seed in range(90_000_000, 90_000_000 + recipe.large_pictures):
        path = folder / "large" / f"{seed}.png"
        if not path.exists():
            partial = path.with_suffix(".part")
            Image.fromarray(render.render(data.scene_of(seed), side, side)).save(partial, "PNG", compress_level=1)
            partial.rename(path)
        truth = np.asarray(Image.open(path))
        small = pixels.shrink(pixels.to_floats(pixels.from_array(truth)), 128, 128)
        with torch.no_grad():
            scenes.append((model.autoencoder.decode(model.autoencoder.encode(small))[0], truth))
    return scenes


def _write_sheet(floats: Tensor, path: Path, columns: int) -> None:
    pictures = list(pixels.to_bytes(floats, opaque=False).numpy())
    Image.fromarray(sheet.contact_sheet(pictures, columns)).save(path)


def export(model: Storybook, path: Path) -> None:
    """Write the checkpoint and, beside it as JSON, what the model's card says of it."""
    checkpoint.save(model, path)
    told = {
        "vocabulary": [word for word in model.tokenizer.words if word not in SPECIAL],
        "parameters": checkpoint.count_parameters(model),
        "trained_at": time.strftime("%Y-%m-%d", time.gmtime()),
        "config": dataclasses.asdict(model.config),
    }
    path.with_suffix(".json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
