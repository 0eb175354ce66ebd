"""Three architectures given the same pictures and the same minutes of one processor core, from nothing: which one?

    OMP_NUM_THREADS=1 .venv/bin/python -m benchmarks.candidates [--quick] [--only NAME] [--pictures .train/pictures]

benchmarks/README.md says what each line means. Stopped and started again, it goes on.
"""

import argparse
import dataclasses
import time
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from benchmarks.candidate_networks import CONTRAST, PIXEL_NETWORKS, WIDTH, PixelCodec
from benchmarks.engine import count_flop
from benchmarks.quality import distance_to, see_renders
from benchmarks.results import Figure, Results, read_arguments
from limner.engines.storybook import WEIGHTS
from limner.model import checkpoint
from limner.model.autoencoder import PATCH
from limner.model.text import SPECIAL
from limner.training import evaluate, judge, latents, layout, loop, quality, stages
from limner.training.data import Shape, Shard
from limner.training.device import find_device
from limner.training.ledger import Ledger
from limner.training.recipe import Stage, recipe
from limner.training.source import World
from limner.training.world import sheet

MINUTES, SLICE = 30.0, 2.5
"""Of processor time for each, and how much of it one gets before it is the next one's turn: other work on the machine
slows all alike."""
SCORED, QUESTIONS = (10.0, 20.0), 40
"""After so many minutes half as many questions a task are asked as at the end."""
DRAFT = evaluate.Draft(7, 2.0)
TASKS = (*quality.GENEVAL, "place", "time", "weather", "style")
DISTANCE_PICTURES = 300
NAMES = (*PIXEL_NETWORKS, "latent")


def build(name: str, words: set[str]) -> checkpoint.Storybook:
    """A model that has learned nothing, but for the autoencoder of `latent`: that of the shipped weights."""
    torch.manual_seed(1)
    model = checkpoint.Storybook(recipe("small").config(len(words)), (*SPECIAL, *sorted(words)))
    if name == "latent":
        shipped = checkpoint.load(WEIGHTS)
        model.autoencoder.load_state_dict(shipped.autoencoder.state_dict())
        model.denoiser.spread.copy_(shipped.denoiser.spread)
        return model
    sizes = dataclasses.replace(model.config.autoencoder, latent=PATCH)
    model.config = dataclasses.replace(model.config, autoencoder=sizes)
    model.autoencoder, model.denoiser = PixelCodec(), PIXEL_NETWORKS[name]()  # type: ignore[assignment]
    return model


def encode(model: checkpoint.Storybook, shards: list[Shard]) -> list[latents.Encoded]:
    """The pictures of each shard as the model sees them."""
    pictures = ((shard, latents.encode(model, np.load(shard.path))) for shard in shards)
    return [latents.Encoded(shard.path, encoded, shard.first_seed) for shard, encoded in pictures]


class Candidate(loop.Trainer):
    """One of the three in training. Its clock is that of the processor, and stands still while others train."""

    def __init__(self, name: str, run: latents.Run, shards: list[Shard], alike: "Candidate | None") -> None:
        self.model = build(name, run.source.words())
        self._encoded: list[latents.Encoded] = alike._encoded if alike else encode(self.model, shards)
        self._shown = deepcopy(self.model).eval().requires_grad_(False)
        net = self.model.denoiser
        modules = nn.ModuleDict({"net": net, "text": self.model.text, "layout": layout.LayoutHead(WIDTH)})
        super().__init__(name, run.recipe.denoiser, modules, run.folder)
        tokens: list[Tensor] = []
        middle = cast(nn.Module, net.blocks[len(net.blocks) // 2] if name == "latent" else net.middle)
        middle.register_forward_hook(lambda _block, _inputs, output: tokens.append(output))
        weight = 1.0 if name == "latent" else CONTRAST**2  # as large beside the velocity of faint pixels
        self._loss = stages.denoiser_loss(
            self.model, run, self._encoded, lambda labels: modules["layout"](tokens.pop(), labels) * weight
        )

    def advance(self, minutes: float) -> None:
        """Train until so many minutes are used in all."""
        began, last, losses = self.step, time.process_time(), list[float]()
        while self.seconds < minutes * 60:
            losses.append(self.learn(self._loss))
            now = time.process_time()
            self.seconds, last = self.seconds + now - last, now
            if self.step % loop.LOG_STEPS == 0:
                self._log(sum(losses) / len(losses))
                losses = []
        if self.step > began:
            self._save()

    def show(self) -> checkpoint.Storybook:
        """The model as it is now: the average of its weights."""
        self._shown.denoiser.load_state_dict(self.average["net"].state_dict())
        self._shown.text.load_state_dict(self.average["text"].state_dict())
        return self._shown


def sheet_of(candidate: Candidate, minutes: float) -> Path:
    """Written when all else is known of it."""
    return candidate.folder / f"{candidate.name}-{minutes:g}.png"


def share_met(model: checkpoint.Storybook, seer: judge.Judge, per_task: int, task: str) -> float:
    """Of the questions of one task."""
    return quality.share(quality.ask(model, seer, per_task, DRAFT, (task,)))


@dataclass(frozen=True)
class Judged:
    """By whom, and beside what features of so many true pictures."""

    seer: judge.Judge
    true: Tensor
    distance_pictures: int


def score(candidate: Candidate, judged: Judged, minutes: float, per_task: int, results: Results) -> None:
    """What the judge sees in its pictures, how far they are from true ones, and a sheet."""
    model, folder, name = candidate.show(), candidate.folder, candidate.name
    ledger, at = Ledger(folder / "scores.jsonl"), f"{name}, {minutes:g} minutes"
    found = {
        task: ledger.once(f"{at}, {per_task} x {task}", partial(share_met, model, judged.seer, per_task, task))
        for task in TASKS
    }
    far = partial(distance_to, judged.true, judged.seer, model, judged.distance_pictures, DRAFT)
    distance = ledger.once(f"{at}, {judged.distance_pictures} to others", far)
    started = time.process_time()
    drawn = [evaluate.draw_base(model, prompt, seed, DRAFT) for prompt in evaluate.PROMPTS for seed in range(4)]
    took = (time.process_time() - started) / len(drawn)
    told = {
        "minutes": minutes,
        "prompts": per_task,
        "pictures": candidate.pictures,
        "pictures_per_second": round(candidate.pictures_per_second, 1),
        "parameters": sum(checkpoint.count_parameters(part) for part in (model.denoiser, model.text)),
        "draw_ms": round(took * 1e3, 1),
        "draw_gflop": round(count_flop(partial(evaluate.draw_base, model, evaluate.PROMPTS[1], 0, DRAFT)), 2),
    }
    for task, value in (found | {"overall": quality.overall(found)}).items():
        results.add(f"{at}: {task}", Figure(value, "share"), {}, **told)
    results.add(f"{at}: distance to renders", Figure(distance, "Frechet"), {}, **told)
    small = Image.fromarray(sheet.contact_sheet(drawn, 8)).quantize(256, dither=Image.Dither.NONE)
    small.save(sheet_of(candidate, minutes), optimize=True)


def measure(arguments: argparse.Namespace, results: Results) -> None:
    """All of them, a slice of each in turn."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    minutes = 0.2 if arguments.quick else arguments.minutes
    square = Shape("square", 128, 128, 1000 if arguments.quick else 36_000)
    made = dataclasses.replace(
        recipe("small"), shapes=(square,), edits={}, denoiser=Stage(minutes, 32, 1.5e-3, 4e-3, hold=0.5, average=0.998)
    )
    arguments.folder.mkdir(parents=True, exist_ok=True)
    run = latents.Run(made, World(made.shapes, {}, processes=2), arguments.folder, find_device("cpu"))
    shards = run.source.shards(arguments.pictures, run.watch)
    seer, count = judge.load(arguments.judge), 60 if arguments.quick else DISTANCE_PICTURES
    judged = Judged(seer, see_renders(seer, count)[1], count)
    candidates: list[Candidate] = []
    for name in arguments.only or NAMES:
        alike = next((one for one in candidates if {one.name, name} == set(PIXEL_NETWORKS)), None)
        candidates.append(Candidate(name, run, shards, alike))
    per_task = 2 if arguments.quick else QUESTIONS
    slices = [min(minutes, SLICE * (i + 1)) for i in range(int(np.ceil(minutes / SLICE)))]
    for end in slices:
        for candidate in candidates:
            candidate.advance(end)
            if not sheet_of(candidate, end).exists() and (end == minutes or end in SCORED):
                score(candidate, judged, end, per_task if end == minutes else per_task // 2, results)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--folder", type=Path, default=Path(".train/candidates"), help="where states and sheets are kept"
    )
    parser.add_argument("--pictures", type=Path, default=Path(".train/pictures"), help="drawn, where they are missing")
    parser.add_argument("--judge", type=Path, default=Path(".train/judge/judge.pt"), help="`limner evaluate` makes it")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="of processor time for each")
    parser.add_argument("--only", choices=NAMES, nargs="+", help="not all of them")
    given = read_arguments(parser)
    measure(given, Results("candidates", given))
