"""How well storybook does what it is told, at each quality: tasks, edits, distance to true pictures, nearest ones.

    .venv/bin/python -m benchmarks.quality [--quick] [--checkpoint FILE] [--folder .train/judge] [--sheets FOLDER]

benchmarks/README.md says what each line means. Stopped and started again, it goes on.
"""

import argparse
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from benchmarks.results import Figure, Results, read_arguments
from limner.engines import registry
from limner.engines.storybook import WEIGHTS
from limner.model import checkpoint, pixels
from limner.training import data, evaluate, judge, quality, score
from limner.training.ledger import Ledger
from limner.training.world import captions, render, sheet
from limner.training.world.scene import NO_PLACE, RING, Scene

AIM = 0.8
AIM_FOLLOWED = 0.75
AIM_PSNR = 28.0
PER_TASK = {"low": 100, "medium": 200, "high": 100}
PER_EDIT = 20
DISTANCE_PICTURES = 500
COMPONENTS = 32
FIRST_SEED = 85_000_000
"""Scenes from here on are never trained on."""
NEAREST_SEED, NEAREST_AMONG, NEAREST_SHOWN = 0, 6_000, 3
ELSEWHERE = {"FLUX.1-dev": 0.66, "SD3.5 Large": 0.71, "Qwen-Image": 0.87, "GPT Image 1 (high)": 0.84}
"""Overall GenEval scores as Wu et al. 2025, Qwen-Image Technical Report, https://arxiv.org/abs/2508.02324, gives them.
Their tasks ask for photographs of the open world; ours for twenty things in a world drawn by rules."""


def see(seer: judge.Judge, pictures: list[NDArray[np.uint8]]) -> Tensor:
    """What the judge's last layer but one makes of each picture, (count, 256)."""
    features = []
    with torch.inference_mode():
        for first in range(0, len(pictures), 50):
            floats = pixels.to_floats(torch.from_numpy(np.stack(pictures[first : first + 50])))
            features.append(seer.think(seer.see(floats).flatten(1)))
    return torch.cat(features).double()


def frechet_distance(first: Tensor, second: Tensor) -> float:
    """Between the Gaussians that two sets of features (count, d) look like; 0 if they are the same.

    Heusel et al. 2017, GANs Trained by a Two Time-Scale Update Rule, equation 6, https://arxiv.org/abs/1706.08500
    """
    means, spreads = zip(*((features.mean(dim=0), torch.cov(features.T)) for features in (first, second)), strict=True)
    both = torch.linalg.eigvals(spreads[0] @ spreads[1]).real.clamp(min=0).sqrt().sum()
    return float((means[0] - means[1]).square().sum() + spreads[0].trace() + spreads[1].trace() - 2 * both)


def scenes(count: int) -> Iterator[tuple[Scene, str]]:
    """Scenes that training never saw, of those that it may see, and captions of them."""
    for seed in range(FIRST_SEED, FIRST_SEED + count):
        scene = data.scene_of(seed)
        if scene.place != NO_PLACE:
            yield scene, captions.caption(scene, random.Random(seed))


def draw(model: checkpoint.Storybook, count: int, draft: evaluate.Draft) -> list[NDArray[np.uint8]]:
    """The model's pictures of those captions."""
    return [evaluate.draw_base(model, text, seed, draft) for seed, (_, text) in enumerate(scenes(count))]


def see_renders(seer: judge.Judge, count: int) -> tuple[Tensor, Tensor]:
    """The features of the pictures that `draw` is asked for as they should be, and of as many others."""
    shown = see(seer, [render.render(scene, judge.SIDE, judge.SIDE) for scene, _ in scenes(2 * count)])
    return shown[: len(shown) // 2], shown[len(shown) // 2 :]


def strongest(features: Tensor) -> Tensor:
    """The directions (256, `COMPONENTS`) in which the features of true pictures differ most.

    A few hundred pictures do not fill 256 dimensions: over all of them the distance would be mostly chance.
    """
    directions: Tensor = torch.linalg.svd(features - features.mean(dim=0), full_matrices=False).Vh
    return directions[:COMPONENTS].T


def distance_to(
    true: Tensor, seer: judge.Judge, model: checkpoint.Storybook, count: int, draft: evaluate.Draft
) -> float:
    """Of the model's pictures to true ones."""
    basis = strongest(true)
    return frechet_distance(see(seer, draw(model, count, draft)) @ basis, true @ basis)


def write_nearest(model: checkpoint.Storybook, seer: judge.Judge, draft: evaluate.Draft, path: Path) -> None:
    """A sheet of pictures, each beside the training pictures that the judge finds most like it."""
    seeds = range(NEAREST_SEED, NEAREST_SEED + NEAREST_AMONG)
    trained = [render.render(data.scene_of(seed), judge.SIDE, judge.SIDE) for seed in seeds]
    made = draw(model, 14, draft)[:12]
    apart = torch.cdist(see(seer, made), see(seer, trained))
    shown, told = [], []
    for picture, row in zip(made, apart, strict=True):
        shown += [picture, *(trained[i] for i in row.argsort()[:NEAREST_SHOWN].tolist())]
        told += ["storybook", *["training"] * NEAREST_SHOWN]
    Image.fromarray(sheet.contact_sheet(shown, 3 * (NEAREST_SHOWN + 1), told)).save(path)


def measure(arguments: argparse.Namespace, results: Results) -> None:
    """Every quality, one after the other."""
    seer = judge.train(arguments.folder, judge.RENDERS)
    model = checkpoint.load(arguments.checkpoint)
    for name, found in judge.accuracy(seer, arguments.folder, judge.HELD_OUT).items():
        results.add(f"judge, {name}", Figure(found, "share"), {"aim": found / judge.FIT})
    count = 60 if arguments.quick else DISTANCE_PICTURES
    same, true = see_renders(seer, count)
    ledger = Ledger(arguments.folder / f"{score.digest(arguments.checkpoint)}-distance.jsonl")
    results.add(
        "distance of renders to others",
        Figure(frechet_distance(same @ strongest(true), true @ strongest(true)), "Frechet"),
        {},
    )
    for name, preset in registry.cards()["storybook"].presets.items():
        draft = evaluate.Draft(preset.steps, preset.guidance)
        known = arguments.folder / f"{score.digest(arguments.checkpoint)}-{name}.jsonl"
        sheets = None if arguments.sheets is None else arguments.sheets / name
        evaluation = score.Evaluation(model, seer, known, sheets)
        per_task, per_edit = (2, 1) if arguments.quick else (PER_TASK[name], PER_EDIT if name == "medium" else 0)
        for ring in range(1, RING + 1):
            for task, found in evaluation.tasks(per_task, draft, ring).items():
                aim = {"aim": found / AIM} if task in ("overall", *quality.GENEVAL) else {}
                results.add(f"{name}: {task}, ring {ring}", Figure(found, "share"), aim, prompts=per_task)
            for fidelity, kinds in evaluation.edits(per_edit, draft, ring).items():
                for kind, told in kinds.items():
                    add_edit(results, f"{name}: {kind}, {fidelity} fidelity, ring {ring}", told, per_edit)
        distance = ledger.once(
            f"{name}, {count} to others, {draft}", partial(distance_to, true, seer, model, count, draft)
        )
        results.add(f"{name}: distance to renders", Figure(distance, "Frechet"), {}, pictures=count)
    if arguments.sheets is not None:
        medium = registry.cards()["storybook"].presets["medium"]
        write_nearest(model, seer, evaluate.Draft(medium.steps, medium.guidance), arguments.sheets / "nearest.png")
    print("GenEval's overall score elsewhere, in another and far larger world:", ELSEWHERE)


def add_edit(results: Results, what: str, told: dict[str, float], edits: int) -> None:
    """Whether the edits of a kind were followed, and how the rest was kept."""
    more = {name: value for name, value in told.items() if name != "followed"}
    ratios = {"aim": told["followed"] / AIM_FOLLOWED}
    if "psnr" in told:
        ratios["aim of what is kept"] = told["psnr"] / AIM_PSNR
    results.add(what, Figure(told["followed"], "share", {}), ratios, edits=edits, **more)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, default=WEIGHTS)
    parser.add_argument(
        "--folder", type=Path, default=Path(".train/judge"), help="where the judge and results are kept"
    )
    parser.add_argument("--sheets", type=Path, help="a folder for contact sheets of every task")
    given = read_arguments(parser)
    measure(given, Results("quality", given))
