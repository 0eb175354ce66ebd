"""Scores of a checkpoint: prompts whose answer is known, pictures of them, and whether the judge sees what was asked.

The tasks are those of GenEval (Ghosh et al. 2023, https://arxiv.org/abs/2310.11513) as far as this world has them: it
has no counts. Its scores are not comparable to those of models that draw the open world.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from limner.model import pixels
from limner.model.checkpoint import Storybook
from limner.training import evaluate
from limner.training.judge import Judge, Reading
from limner.training.world import sheet
from limner.training.world.captions import VOWELS, tables
from limner.training.world.scene import COLOURS, KINDS, PLACES, POSITIONS, SIZES, TIMES, TURNING, WEATHERS

BATCH = 20
OX_PROMPT = evaluate.PROMPTS[0]
"""The hub's own example, which no training scene shows."""


@dataclass(frozen=True)
class Question:
    """A prompt and what the picture must show: (attribute, value) of the scene, and of subjects, each a group."""

    prompt: str
    subjects: tuple[dict[str, str], ...] = ()
    scene: tuple[tuple[str, str], ...] = ()

    def met(self, seen: Reading) -> bool:
        """Whether every asked subject stands somewhere, no two at one place, and the scene is right."""
        left = dict(seen.subjects)
        for wanted in self.subjects:
            found = next((at for at, told in left.items() if wanted.items() <= (told | {"position": at}).items()), None)
            if found is None:
                return False
            del left[found]
        return all(seen.scene[name] == value for name, value in self.scene)


def _word(rng: random.Random, table: str, value: str) -> str:
    words: list[str] = tables()[table][value]
    return rng.choice(words)


def _noun(rng: random.Random, kind: str, adjective: str = "") -> str:
    phrase = f"{adjective} {_word(rng, 'kinds', kind)}".strip()
    return f"{'an' if phrase[0] in VOWELS else 'a'} {phrase}"


def _place(rng: random.Random) -> str:
    return _word(rng, "places", rng.choice(PLACES))


def _single(rng: random.Random) -> Question:
    kind = rng.choice(KINDS)
    return Question(f"{_noun(rng, kind)} {_place(rng)}", ({"kind": kind},))


def _two(rng: random.Random) -> Question:
    kinds = rng.sample(KINDS, 2)
    text = f"{_noun(rng, kinds[0])} and {_noun(rng, kinds[1])} {_place(rng)}"
    return Question(text, tuple({"kind": kind} for kind in kinds))


def _colour(rng: random.Random) -> Question:
    kind, colour = rng.choice(KINDS), rng.choice(COLOURS)
    text = f"{_noun(rng, kind, _word(rng, 'colours', colour))} {_place(rng)}"
    return Question(text, ({"kind": kind, "colour": colour},))


def _position(rng: random.Random) -> Question:
    kind, position = rng.choice(KINDS), rng.choice(POSITIONS)
    text = f"{_noun(rng, kind)} {_word(rng, 'positions', position)} {_place(rng)}"
    return Question(text, ({"kind": kind, "position": position},))


def _binding(rng: random.Random) -> Question:
    kinds, colours = rng.sample(KINDS, 2), rng.sample(COLOURS, 2)
    pairs = list(zip(kinds, colours, strict=True))
    text = " and ".join(_noun(rng, kind, _word(rng, "colours", colour)) for kind, colour in pairs)
    return Question(f"{text} {_place(rng)}", tuple({"kind": kind, "colour": colour} for kind, colour in pairs))


def _size(rng: random.Random) -> Question:
    kind, size = rng.choice(KINDS), rng.choice([size for size in SIZES if size in tables()["sizes"]])
    return Question(f"{_noun(rng, kind, _word(rng, 'sizes', size))} {_place(rng)}", ({"kind": kind, "size": size},))


def _facing(rng: random.Random) -> Question:
    kind, facing = rng.choice(TURNING), rng.choice(("left", "right"))
    text = f"{_noun(rng, kind)} {_word(rng, 'facing', facing)} in the middle"
    return Question(f"{text} {_place(rng)}", ({"kind": kind, "facing": facing},))


def _scene(rng: random.Random, *, name: str, values: tuple[str, ...]) -> Question:
    value, kind = rng.choice(values), rng.choice(KINDS)
    place = "" if name == "place" else f" {_place(rng)}"
    return Question(f"{_noun(rng, kind)}{place} {_word(rng, f'{name}s', value)}", (), ((name, value),))


def _ox(rng: random.Random) -> Question:
    return Question(OX_PROMPT, ({"kind": "ox", "position": "centre"},), (("place", "road"), ("weather", "snow")))


TASKS: dict[str, Callable[[random.Random], Question]] = {
    "single object": _single,
    "two objects": _two,
    "colours": _colour,
    "position": _position,
    "colour binding": _binding,
    "size": _size,
    "facing": _facing,
    "place": partial(_scene, name="place", values=PLACES),
    "time": partial(_scene, name="time", values=TIMES),
    "weather": partial(_scene, name="weather", values=WEATHERS[1:]),
    "the example": _ox,
}
"""Each draws one question; "the example" is the hub's documented prompt, with another seed each time."""
GENEVAL = ("single object", "two objects", "colours", "position", "colour binding")
"""Their mean is the overall score."""


@dataclass(frozen=True)
class Answer:
    """One question, its picture (128, 128, 4), and whether the judge saw what was asked."""

    task: str
    question: Question
    seed: int
    picture: NDArray[np.uint8]
    met: bool


def ask(
    model: Storybook, judge: Judge, per_task: int, *, steps: int, guidance: float, tasks: tuple[str, ...] = ()
) -> list[Answer]:
    """The answers to `per_task` questions of each task (all, if none is named); the same questions and seeds always."""
    asked: list[tuple[str, Question, int]] = []
    for task in tasks or tuple(TASKS):
        rng = random.Random(task)
        asked += [(task, TASKS[task](rng), seed) for seed in range(per_task)]
    answers: list[Answer] = []
    for first in range(0, len(asked), BATCH):
        part = asked[first : first + BATCH]
        drawn = [
            evaluate.draw_base(model, question.prompt, seed, steps=steps, guidance=guidance)
            for _, question, seed in part
        ]
        seen = judge.read(pixels.to_floats(torch.from_numpy(np.stack(drawn))))
        answers += [
            Answer(task, question, seed, picture, question.met(reading))
            for (task, question, seed), picture, reading in zip(part, drawn, seen, strict=True)
        ]
    return answers


def scores(answers: list[Answer]) -> dict[str, float]:
    """The share of met questions by task, and `overall`, the mean of the tasks that GenEval has too."""
    found: dict[str, list[bool]] = {}
    for answer in answers:
        found.setdefault(answer.task, []).append(answer.met)
    shares = {task: sum(met) / len(met) for task, met in found.items()}
    known = [shares[task] for task in GENEVAL if task in shares]
    return shares | ({"overall": sum(known) / len(known)} if known else {})


def write_sheet(answers: list[Answer], path: Path) -> None:
    """Every picture under its prompt, with the judge's word, into one PNG: for a person to compare."""
    captions = [f"{'yes' if answer.met else 'NO'}: {answer.question.prompt}" for answer in answers]
    Image.fromarray(sheet.contact_sheet([answer.picture for answer in answers], 10, captions)).save(path)
