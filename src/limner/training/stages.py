"""The stages of training, in order: encoder, decoder, upsampler, denoiser; and the checkpoint they make together.

Each stage keeps its own state in the run folder, so that a stage that has ended is not trained again.
"""

import dataclasses
import json
import random
import time
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from limner.errors import InvalidRequest
from limner.model import checkpoint, edit, flow, pixels
from limner.model.checkpoint import Storybook
from limner.model.text import SPECIAL
from limner.model.upsampler import FACTOR as LARGE_FACTOR
from limner.training import evaluate, layout, loop
from limner.training.data import SHARD
from limner.training.latents import Encoded, Pictures, Run, encode_pictures, fit_encoder, weigh
from limner.training.progress import unwatched
from limner.training.source import SIDE
from limner.training.team import Team, gather
from limner.training.world import sheet
from limner.training.world.scene import NO_PLACE

Loss = Callable[[int], tuple[Tensor, int]]
"""From the number of a step the loss to go down, and how many pictures it is about."""

LAYOUT_WEIGHT = 0.1
"""Weight of the layout lesson beside the velocity's squared error."""

CHANGED_WEIGHT = 2.0
"""Added to the weight of an error where an edit changes anything: what stays can be copied."""

BARE_WEIGHT = 2.5
"""Weight of a picture without a place: there are few of them, and the very outline has to be right."""

BASE_CROP = 48
"""Side of the crops, in base pixels, that the upsampler learns from."""

MAX_LATENT_ERROR = 0.4
"""Largest deviation of the noise on the latents that the decoder trains on with: a denoiser is never exact."""

EDIT_SHARE = 0.4
"""Share of the denoiser's batches that are edits."""

FILL_SHARE = 0.4
"""Share of the edits of a subject that are shown as a hole to be filled."""

OTHER_SHAPES = 0.4
"""How often a picture that is not square is taken, beside one that is: it costs half as much again."""


def train(run: Run, start: Path | None = None) -> Storybook:
    """Run what is left of every stage and return the finished model, on the CPU.

    With the checkpoint `start` the encoder is taken from it as it is, and the networks learn on from there.
    """
    finished = None if start is None else _load(start)
    words = run.source.words() | set(finished.tokenizer.words if finished else ()) - set(SPECIAL)
    model = Storybook(run.recipe.config(len(words)), (*SPECIAL, *sorted(words)))
    if finished is not None:
        _take_over(model, finished)
    run.folder.mkdir(parents=True, exist_ok=True)
    torch.set_flush_denormal(True)
    shards = run.source.shards(run.folder / "pictures", run.watch)
    fit_encoder(model, run, shards, fitted=finished is not None)
    encoded = encode_pictures(model, run, shards)
    _large_pictures(run)  # the last files that all of a team read: they find them made
    with gather(run.team, run.device, partial(_follow, dataclasses.replace(run, watch=unwatched), start)):
        model.to(run.device)
        train_decoder(model, run, encoded)
        train_upsampler(model, run)
        train_denoiser(model, run, encoded)
    return model.cpu().eval().requires_grad_(False)


def _follow(run: Run, start: Path | None, team: Team, device: torch.device) -> None:
    """Train as another process than the first of a team."""
    train(dataclasses.replace(run, team=team, device=device), start)


def _load(start: Path) -> Storybook:
    try:
        return checkpoint.load(start)
    except ValueError as cause:
        raise InvalidRequest(f"--from: {cause}", field="from") from cause


def _take_over(model: Storybook, finished: Storybook) -> None:
    """Begin with the weights of a finished model, all of whose words are known; InvalidRequest if its sizes differ.

    Words that it does not know, and copying if it does not copy, are new to it and begin as they are.
    """
    text = dataclasses.replace(finished.config.text, vocabulary=model.config.text.vocabulary)
    denoiser = dataclasses.replace(finished.config.denoiser, copies=model.config.denoiser.copies)
    if dataclasses.replace(finished.config, text=text, denoiser=denoiser) != model.config:
        raise InvalidRequest("--from: the checkpoint has other sizes than this recipe", field="from")
    weights = model.state_dict() | finished.state_dict()
    embedding = model.text.embedding.weight.detach().clone()
    places = [model.tokenizer.words.index(word) for word in finished.tokenizer.words]
    embedding[places] = weights["text.embedding.weight"]
    model.load_state_dict(weights | {"text.embedding.weight": embedding})


def picture_loss(made: Tensor, truth: Tensor) -> Tensor:
    """Mean absolute error of the pixels and of their differences to the neighbours, which keeps edges sharp."""
    error = made - truth
    across = (error[..., :, 1:] - error[..., :, :-1]).abs().mean()
    down = (error[..., 1:, :] - error[..., :-1, :]).abs().mean()
    return error.abs().mean() + 0.5 * (across + down)


def train_denoiser(model: Storybook, run: Run, encoded: list[Encoded]) -> None:
    """Learn the velocity of the latents, together with the text encoder; a share of the batches are edits."""
    modules = nn.ModuleDict({"net": model.denoiser, "text": model.text})
    if run.source.scenes([encoded[0].first_seed]):
        modules["layout"] = layout.LayoutHead(model.config.denoiser.width).to(run.device)
    trainer = loop.Trainer("denoiser", run.recipe.denoiser, modules, run.folder, run.watch, run.team)
    seen: dict[str, Tensor] = {}
    middle = model.denoiser.blocks[model.config.denoiser.depth // 2]
    hook = middle.register_forward_hook(lambda _block, _inputs, output: seen.update(tokens=output))
    loss = denoiser_loss(model, run, encoded, lambda labels: modules["layout"](seen["tokens"], labels))

    def sample(average: nn.ModuleDict) -> None:
        shown = deepcopy(model)
        shown.denoiser.load_state_dict(average["net"].state_dict())
        shown.text.load_state_dict(average["text"].state_dict())
        draft = evaluate.Draft(6, 1.5)
        evaluate.write_sheets(shown.cpu().eval(), run.folder / "denoiser.png", draft, range(2), run.source.prompts)

    trainer.run(loss, sample)
    hook.remove()
    model.denoiser.load_state_dict(trainer.average["net"].state_dict())
    model.text.load_state_dict(trainer.average["text"].state_dict())


def denoiser_loss(
    model: Storybook, run: Run, encoded: list[Encoded], second_lesson: Callable[[Tensor], Tensor]
) -> Loss:
    """The loss at a step, from numbers that depend on the step alone, and how many pictures it is about.

    The second lesson is given the labels of what is drawn, where that is known; else all places weigh the same.
    """
    # Strong components, in which the shapes are, would otherwise count no more than each of the many that hold detail.
    visible = model.denoiser.spread.square() / model.denoiser.spread.square().mean()
    weights = _shares(encoded)

    def loss(step: int) -> tuple[Tensor, int]:
        rng = random.Random(step)
        generator = torch.Generator().manual_seed(step)
        shard = rng.choices(encoded, weights)[0]
        picked = rng.sample(range(len(shard.latents)), run.recipe.denoiser.batch)
        seeds = [shard.first_seed + i for i in picked]
        latents = shard.latents[picked].float()
        *references, image = latents.unbind(1) if shard.is_edits else [latents]
        prompts, marks = _word(run, seeds, rng)
        holes = _dig(run, seeds, prompts, rng, image.shape[2:]) if shard.is_edits else None
        ids = trim(model.tokenizer.encode(prompts, transparent=marks))
        noise = torch.randn(image.shape, generator=generator)
        t = flow.draw_times(len(image), run.recipe.shift, generator)
        ids, image, noise, t, *references = (each.to(run.device) for each in (ids, image, noise, t, *references))
        changed = edit.changed_places(model.autoencoder, image, references[0]) if references else None
        if holes is not None:
            references[0] = edit.erase(model.autoencoder, references[0], holes.to(run.device))
        text, present = model.text(ids)
        made = model.denoiser(flow.add_noise(image, noise, t), t, text, present, references)
        error = (made - flow.velocity(image, noise)).square() * visible.view(1, -1, 1, 1)
        rows, columns = image.shape[2:]
        scenes = run.source.scenes(seeds)
        if not scenes:
            return error.mean(), len(image)
        labels = torch.stack([layout.label(each, rows, columns) for each in scenes]).to(run.device)
        told = LAYOUT_WEIGHT * second_lesson(labels)
        where = weigh(labels[:, 0]).view(-1, 1, rows, columns)
        if changed is not None:
            where = where + CHANGED_WEIGHT * changed
        bare = torch.tensor([scene.place == NO_PLACE for scene in scenes], device=where.device)
        where = where * torch.where(bare, BARE_WEIGHT, 1.0).view(-1, 1, 1, 1)
        return (error * where).mean() / where.mean() + told, len(image)

    return loss


def _shares(encoded: list[Encoded]) -> list[float]:
    """How often each shard is taken."""
    weights = [
        len(shard.latents) / SHARD * (1.0 if shard.latents.shape[-2] == shard.latents.shape[-1] else OTHER_SHAPES)
        for shard in encoded
    ]
    edits = sum(weight for weight, shard in zip(weights, encoded, strict=True) if shard.is_edits)
    pictures = sum(weights) - edits
    scale = EDIT_SHARE / (1 - EDIT_SHARE) * pictures / max(edits, 1e-9)
    return [weight * (scale if shard.is_edits else 1) for weight, shard in zip(weights, encoded, strict=True)]


def _word(run: Run, seeds: list[int], rng: random.Random) -> tuple[list[str], list[bool]]:
    """Prompts, some of them left out, and whether each asks for a transparent background."""
    wordings = [run.source.word(seed, rng) for seed in seeds]
    prompts = ["" if rng.random() < run.recipe.drop_text else text for text, _ in wordings]
    return prompts, [mark and prompt != "" for prompt, (_, mark) in zip(prompts, wordings, strict=True)]


def _dig(run: Run, seeds: list[int], prompts: list[str], rng: random.Random, grid: torch.Size) -> Tensor:
    """Holes (edits, 1, rows, columns) in the inputs of some edits, whose `prompts` become words for what fills them."""
    holes = torch.zeros(len(seeds), 1, *grid, dtype=torch.bool)
    for i, seed in enumerate(seeds):
        filled = run.source.fill(seed, rng) if rng.random() < FILL_SHARE else None
        if filled is not None:
            prompts[i], cells = filled
            holes[i, 0] = torch.from_numpy(cells)
    return holes


def trim(ids: Tensor) -> Tensor:
    """Ids without the columns that are padding in every row."""
    return ids[:, : int((ids != 0).sum(dim=1).max())]


def train_decoder(model: Storybook, run: Run, encoded: list[Encoded]) -> None:
    """Learn to draw the picture from latents with an error such as the denoiser's."""
    shards = [(shard.latents, np.load(shard.path, mmap_mode="r")) for shard in encoded if not shard.is_edits]
    model.autoencoder.decoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # twice as fast
    modules = nn.ModuleDict({"net": model.autoencoder.decoder})
    trainer = loop.Trainer("decoder", run.recipe.decoder, modules, run.folder, run.watch, run.team)

    def sample(_average: nn.ModuleDict) -> None:
        latents, pictures = shards[0]
        with torch.no_grad():
            made = model.autoencoder.decode(latents[:8].float().to(run.device)).cpu()
        _write_sheet(torch.cat([pixels.to_floats(torch.tensor(pictures[:8])), made]), run.folder / "decoder.png", 8)

    trainer.run(decoder_loss(model, run, shards), sample)
    model.autoencoder.decoder.load_state_dict(trainer.average["net"].state_dict())


def decoder_loss(model: Storybook, run: Run, shards: list[tuple[Tensor, Pictures]]) -> Loss:
    """The loss of the pictures that are decoded from somewhat wrong latents."""
    rng, batch = np.random.default_rng(2 + run.team.rank), run.recipe.decoder.batch

    def loss(_step: int) -> tuple[Tensor, int]:
        latents, pictures = shards[rng.integers(len(shards))]
        first = int(rng.integers(len(latents) - batch + 1))
        picked = slice(first, first + batch)  # neighbours on the disk, and no more alike than others
        exact = latents[picked].float()
        error = torch.from_numpy(rng.uniform(0, MAX_LATENT_ERROR, (len(exact), 1, 1, 1))).float()
        made = model.autoencoder.decode((exact + error * torch.randn_like(exact)).to(run.device))
        return picture_loss(made, pixels.to_floats(torch.tensor(pictures[picked]).to(run.device))), len(exact)

    return loss


def train_upsampler(model: Storybook, run: Run) -> None:
    """Learn to draw the large picture from what the decoder makes of its latents, if there are large pictures."""
    scenes = _large_scenes(model, run)
    if not scenes:
        return
    modules = nn.ModuleDict({"net": model.upsampler})
    trainer = loop.Trainer("upsampler", run.recipe.upsampler, modules, run.folder, run.watch, run.team)

    def sample(_average: nn.ModuleDict) -> None:
        with torch.no_grad():
            made = model.upsampler(torch.stack([base for base, _ in scenes[:2]]))
        _write_sheet(made.cpu(), run.folder / "upsampler.png", 2)

    trainer.run(upsampler_loss(model, run, scenes), sample)
    model.upsampler.load_state_dict(trainer.average["net"].state_dict())


def upsampler_loss(model: Storybook, run: Run, scenes: list[tuple[Tensor, Pictures]]) -> Loss:
    """The loss of crops of the large pictures, each given with its base picture."""
    rng = np.random.default_rng(1 + run.team.rank)

    def loss(_step: int) -> tuple[Tensor, int]:
        bases, large = [], []
        for _ in range(run.recipe.upsampler.batch):
            base, truth = scenes[rng.integers(len(scenes))]
            y, x = (int(rng.integers(length - BASE_CROP + 1)) for length in base.shape[1:])
            bases.append(base[:, y : y + BASE_CROP, x : x + BASE_CROP])
            top, left, span = (at * LARGE_FACTOR for at in (y, x, BASE_CROP))
            large.append(torch.tensor(truth[top : top + span, left : left + span]))
        made = model.upsampler(torch.stack(bases))
        return picture_loss(made, pixels.to_floats(torch.stack(large).to(run.device))), len(bases)

    return loss


def _large_scenes(model: Storybook, run: Run) -> list[tuple[Tensor, Pictures]]:
    """Some square pictures as they are decoded, and the same at the full size."""
    scenes = []
    for path in _large_pictures(run):
        truth = np.asarray(Image.open(path))
        small = pixels.shrink(pixels.to_floats(pixels.from_array(truth)), SIDE, SIDE).to(run.device)
        with torch.no_grad():
            scenes.append((model.autoencoder.decode(model.autoencoder.encode(small))[0], truth))
    return scenes


def _large_pictures(run: Run) -> list[Path]:
    (run.folder / "large").mkdir(exist_ok=True)
    return run.source.large(run.folder / "large", run.recipe.large_pictures)


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
