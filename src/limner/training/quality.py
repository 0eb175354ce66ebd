"""Scores of a checkpoint: prompts whose answer is known, pictures of them, and whether the judge sees what was asked.

The first six tasks are those of GenEval (Ghosh et al. 2023, https://arxiv.org/abs/2310.11513), in this world: scores
are not comparable to those of models that draw the open one. They ask for combinations that training never shows
(`scene.is_held_out`), half of the time in sentences that no training caption has.
"""

import random
from collections.abc import Callable, Mapping
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
from limner.training.world.captions import article, tables
from limner.training.world.scene import (
    COLOURS,
    HELD_OUT_COLOURS,
    HELD_OUT_PAIRS,
    HELD_OUT_PLACES,
    KINDS,
    PLACES,
    POSITIONS,
    SIZES,
    STANDING,
    TIMES,
    TURNING,
    WEATHERS,
)

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
    return f"{article(phrase)} {phrase}"


def _place(rng: random.Random) -> str:
    return _word(rng, "places", rng.choice(PLACES))


def _sentence(rng: random.Random, what: str, place: str) -> str:
    """The things and the place in one sentence, in half of the cases one of a build that training does not know."""
    if rng.random() < 0.5:
        return f"{what} {place}"
    pattern: str = rng.choice(tables()["held_out_sentences"])
    return pattern.replace("{what}", what).replace("{place}", place)


def _held_out_pair(rng: random.Random) -> tuple[str, str]:
    left = rng.choice(KINDS)
    return left, HELD_OUT_PAIRS[left]


def _single(rng: random.Random) -> Question:
    kind = rng.choice(KINDS)
    place = HELD_OUT_PLACES[kind]
    text = _sentence(rng, _noun(rng, kind), _word(rng, "places", place))
    return Question(text, ({"kind": kind},), (("count", "1"),))


def _two(rng: random.Random) -> Question:
    kinds = _held_out_pair(rng)
    what = " and ".join(_noun(rng, kind) for kind in kinds)
    return Question(_sentence(rng, what, _place(rng)), tuple({"kind": kind} for kind in kinds))


def _counting(rng: random.Random) -> Question:
    kind, count = rng.choice(KINDS), rng.choice(tuple(STANDING))
    what = f"{_word(rng, 'counts', str(count))} {_word(rng, 'plurals', kind)}"
    text = _sentence(rng, what, _word(rng, "places", HELD_OUT_PLACES[kind]))
    return Question(text, ({"kind": kind}, {"kind": kind}), (("count", str(count)),))


def _colour(rng: random.Random) -> Question:
    kind = rng.choice(KINDS)
    colour = HELD_OUT_COLOURS[kind]
    text = _sentence(rng, _noun(rng, kind, _word(rng, "colours", colour)), _place(rng))
    return Question(text, ({"kind": kind, "colour": colour},))


def _position(rng: random.Random) -> Question:
    """One subject at a place, or one beside another."""
    if rng.random() < 0.5:
        kind, position = rng.choice(KINDS), rng.choice(POSITIONS)
        what = f"{_noun(rng, kind)} {_word(rng, 'positions', position)}"
        return Question(
            f"{what} {_word(rng, 'places', HELD_OUT_PLACES[kind])}", ({"kind": kind, "position": position},)
        )
    left, right = _held_out_pair(rng)
    sides = [("left", left), ("right", right)]
    rng.shuffle(sides)
    (side, first), (_, second) = sides
    what = f"{_noun(rng, first)} {_word(rng, 'relations', side)} {_noun(rng, second)}"
    return Question(
        _sentence(rng, what, _place(rng)), tuple({"kind": kind, "position": position} for position, kind in sides)
    )


def _binding(rng: random.Random) -> Question:
    kinds, colours = _held_out_pair(rng), rng.sample(COLOURS, 2)
    pairs = list(zip(kinds, colours, strict=True))
    what = " and ".join(_noun(rng, kind, _word(rng, "colours", colour)) for kind, colour in pairs)
    asked = tuple({"kind": kind, "colour": colour} for kind, colour in pairs)
    return Question(_sentence(rng, what, _place(rng)), asked)


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
    "counting": _counting,
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
GENEVAL = ("single object", "two objects", "counting", "colours", "position", "colour binding")
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
    model: Storybook, judge: Judge, per_task: int, draft: evaluate.Draft, tasks: tuple[str, ...] = ()
) -> list[Answer]:
    """The answers to `per_task` questions of each task (all, if none is named); the same questions and seeds always."""
    asked: list[tuple[str, Question, int]] = []
    for task in tasks or tuple(TASKS):
        rng = random.Random(task)
        asked += [(task, TASKS[task](rng), seed) for seed in range(per_task)]
    answers: list[Answer] = []
    for first in range(0, len(asked), BATCH):
        part = asked[first : first + BATCH]
        drawn = [evaluate.draw_base(model, question.prompt, seed, draft) for _, question, seed in part]
        seen = judge.read(pixels.to_floats(torch.from_numpy(np.stack(drawn))))
        answers += [
            Answer(task, question, seed, picture, question.met(reading))
            for (task, question, seed), picture, reading in zip(part, drawn, seen, strict=True)
        ]
    return answers


def share(answers: list[Answer]) -> float:
    """The share of questions that were met."""
    return sum(answer.met for answer in answers) / len(answers)


def overall(scores: Mapping[str, float]) -> float:
    """The mean of the tasks that GenEval has too."""
    return sum(scores[task] for task in GENEVAL) / len(GENEVAL)


def write_sheet(answers: list[Answer], path: Path) -> None:
    """Every picture under its prompt, with the judge's word, into one PNG: for a person to compare."""
    captions = [f"{'yes' if answer.met else 'NO'}: {answer.question.prompt}" for answer in answers]
    Image.fromarray(sheet.contact_sheet([answer.picture for answer in answers], 10, captions)).save(path)
