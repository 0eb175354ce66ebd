"""The judge: reads off a picture what it shows. Trained on renders only, so that it knows no model's habits.

It is no part of storybook and never trains it; `quality.py` asks it. What it says of a model's pictures counts only as
far as a person agrees with it (benchmarks/quality.py draws the sheet to compare).
"""

import random
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from limner.model import pixels
from limner.training import loop
from limner.training.recipe import Stage
from limner.training.world import edits, render
from limner.training.world.scene import (
    COLOURS,
    FACINGS,
    FRONT,
    KINDS,
    LIGHTS,
    NO_PLACE,
    PLACES,
    POSITIONS,
    SIZES,
    STYLES,
    TIMES,
    WARMTHS,
    WEATHERS,
    Scene,
    Subject,
    draw_scene,
    usual_facing,
)

SIDE = 128
NOTHING = "nothing"
SUBJECT_ANSWERS = {"kind": (NOTHING, *KINDS), "colour": COLOURS, "size": SIZES, "facing": FACINGS}
"""Asked at each position of the front row and above it. All but the kind only where there is a subject."""
COUNTS = ("0", "1", "2", "3", "4")
SCENE_ANSWERS = {
    "place": (*PLACES, NO_PLACE), "time": TIMES, "weather": WEATHERS, "count": COUNTS,
    "style": STYLES, "light": LIGHTS, "warmth": WARMTHS,
}  # fmt: skip
"""Asked of the whole picture; light and its warmth only where there is a place."""
STAGE = Stage(minutes=14, batch=48, rate=2e-3, muon_rate=4e-3, hold=0.3, average=0.995)
RENDERS = 30_000
EDITED_SHARE = 0.25
HELD_OUT = 2_000
FIT = 0.97
"""The least share of each question that a judge reads right whose scores are quoted."""
HELD_OUT_SEED = 70_000_000
"""Renders from here on are never trained on."""


@dataclass(frozen=True)
class Reading:
    """What the judge sees in one picture: scene answers by name, and of each position that has a subject the same."""

    scene: dict[str, str]
    subjects: dict[str, dict[str, str]]


class Judge(nn.Module):
    """A small convolutional network with one answer per question."""

    def __init__(self) -> None:
        super().__init__()
        widths = (4, 32, 64, 96, 128)
        stages = [
            nn.Sequential(nn.Conv2d(a, b, 3, stride=2, padding=1), nn.GroupNorm(8, b), nn.SiLU())
            for a, b in pairwise(widths)
        ]
        mix = [nn.Sequential(nn.Conv2d(128, 128, 3, padding=1), nn.GroupNorm(8, 128), nn.SiLU()) for _ in range(2)]
        self.see = nn.Sequential(*stages, *mix)
        self.think = nn.Sequential(nn.Linear(128 * 64, 256), nn.SiLU())
        self.answer = nn.Linear(256, sum(len(answers) for _, _, answers in questions()))

    def forward(self, pictures: Float[Tensor, "b 4 128 128"]) -> list[Float[Tensor, "b n"]]:
        """Logits for each of `questions()`; pictures as networks see them (`model.pixels`)."""
        told: Tensor = self.answer(self.think(self.see(pictures).flatten(1)))
        return list(torch.split(told, [len(answers) for _, _, answers in questions()], dim=1))

    @torch.inference_mode()
    def read(self, pictures: Float[Tensor, "b 4 128 128"]) -> list[Reading]:
        """The likeliest answers for each picture."""
        picked = [logits.argmax(dim=1).tolist() for logits in self(pictures)]
        readings = []
        for i in range(len(pictures)):
            said = {(where, name): answers[picked[q][i]] for q, (where, name, answers) in enumerate(questions())}
            subjects = {
                position: {name: said[position, name] for name in SUBJECT_ANSWERS}
                for position in POSITIONS
                if said[position, "kind"] != NOTHING
            }
            readings.append(Reading({name: said["", name] for name in SCENE_ANSWERS}, subjects))
        return readings


def questions() -> list[tuple[str, str, tuple[str, ...]]]:
    """Position (or "" for the whole scene), name and possible answers of every question, in the network's order."""
    whole = [("", name, answers) for name, answers in SCENE_ANSWERS.items()]
    return whole + [(at, name, answers) for at in POSITIONS for name, answers in SUBJECT_ANSWERS.items()]


def truths(scene: Scene) -> Int64[Tensor, " q"]:
    """The right answer to each question; -1 where there is none."""
    standing = {at: subject for subject in scene.subjects for at, row in subject.standing() if row == FRONT}
    return torch.tensor([_truth(scene, standing.get(at), at, name, answers) for at, name, answers in questions()])


def _truth(scene: Scene, subject: Subject | None, at: str, name: str, answers: tuple[str, ...]) -> int:
    if name == "count":
        return sum(subject.count for subject in scene.subjects)
    if name in ("light", "warmth"):
        return -1 if scene.place == NO_PLACE else answers.index(scene.seen_warmth if name == "warmth" else scene.light)
    if at == "":
        return answers.index(getattr(scene, name))
    if subject is None:
        return answers.index(NOTHING) if name == "kind" else -1
    if name == "facing" and subject.count > 1:
        return answers.index(usual_facing(at))
    return answers.index(getattr(subject, name))


def scene_for_judge(seed: int) -> Scene:
    """A scene of the whole world, those that storybook is never shown included, and the results of edits."""
    rng = random.Random(seed)
    if rng.random() < EDITED_SHARE:
        return edits.EDITS[rng.choice(tuple(edits.EDITS))](rng).after
    return draw_scene(rng)


def draw_renders(folder: Path, count: int, first_seed: int) -> tuple[Tensor, Tensor]:
    """`count` renders as bytes (count, 128, 128, 4) and their truths, drawn once and kept in `folder`."""
    path = folder / f"judge-{first_seed}-{count}.npy"
    scenes = [scene_for_judge(seed) for seed in range(first_seed, first_seed + count)]
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        np.save(path, np.stack([render.render(scene, SIDE, SIDE) for scene in scenes]))
    return torch.from_numpy(np.load(path)), torch.stack([truths(scene) for scene in scenes])


def train(folder: Path, renders: int, stage: Stage = STAGE) -> Judge:
    """A judge from `renders` renders; resumed from `folder`, and only loaded once it has been trained."""
    pictures, right = draw_renders(folder, renders, HELD_OUT_SEED // 2)
    torch.manual_seed(0)
    judge = Judge()
    trainer = loop.Trainer("judge", stage, nn.ModuleDict({"net": judge}), folder)

    def loss(step: int) -> tuple[Tensor, int]:
        generator = torch.Generator().manual_seed(step)
        picked = torch.randint(len(pictures), (stage.batch,), generator=generator)
        seen = blur(pixels.to_floats(pictures[picked]), generator)
        losses = [
            F.cross_entropy(logits, right[picked, q], ignore_index=-1)
            for q, logits in enumerate(judge(seen))
            if bool((right[picked, q] >= 0).any())
        ]
        return torch.stack(losses).mean(), stage.batch

    trainer.run(loss, lambda average: None)
    judge.load_state_dict(trainer.average["net"].state_dict())
    return judge.eval().requires_grad_(False)


def load(path: Path) -> Judge:
    """The judge that a stage has left at `path`, without the renders it was trained on."""
    judge, kept = Judge(), torch.load(path, weights_only=True)["average"]
    judge.load_state_dict({name.removeprefix("net."): value for name, value in kept.items()})
    return judge.eval().requires_grad_(False)


def unfit(accuracy: dict[str, float]) -> list[str]:
    """The questions that a judge of this accuracy does not read well enough."""
    return [name for name, share in accuracy.items() if share < FIT]


def blur(floats: Float[Tensor, "b 4 h w"], generator: torch.Generator) -> Float[Tensor, "b 4 h w"]:
    """Renders made a little unsharp and grainy, each by chance: a picture need not be perfect to show what it shows."""
    count = len(floats)
    soft = F.interpolate(F.avg_pool2d(floats, 2), scale_factor=2, mode="bilinear", align_corners=False)
    amount, grain = (torch.rand(count, 1, 1, 1, generator=generator) for _ in range(2))
    noise = torch.randn(floats.shape, generator=generator)
    return torch.lerp(floats, soft, amount) + 0.15 * grain * noise


def accuracy(judge: Judge, folder: Path, count: int) -> dict[str, float]:
    """Share of right answers on renders never trained on, by question name, over all positions."""
    pictures, right = draw_renders(folder, count, HELD_OUT_SEED)
    hits: dict[str, list[float]] = {}
    with torch.inference_mode():
        for first in range(0, count, 100):
            answers = judge(pixels.to_floats(pictures[first : first + 100]))
            for q, (_, name, _) in enumerate(questions()):
                truth = right[first : first + 100, q]
                asked = truth >= 0
                hits.setdefault(name, []).extend((answers[q].argmax(dim=1) == truth)[asked].float().tolist())
    return {name: sum(found) / len(found) for name, found in hits.items()}
