"""Scores of a checkpoint: prompts whose answer is known, pictures of them, and whether the judge sees what was asked.

The first six tasks are those of GenEval (Ghosh et al. 2023, https://arxiv.org/abs/2310.11513), in this world: scores
are not comparable to those of models that draw the open one. They ask for combinations that training never shows
(`scene.is_held_out`), half of the time in sentences that no training caption has.
"""

import random
from collections.abc import Callable, Mapping, Sequence
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
from limner.training.world import kinds, sheet
from limner.training.world.captions import article, tables
from limner.training.world.scene import (
    BEHIND,
    COLOURS,
    KINDS,
    LIGHTS,
    PLACES,
    POSITIONS,
    RING,
    SIZES,
    STACKED,
    STANDING,
    STYLES,
    TIMES,
    WEATHERS,
    facings,
    ring_of,
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


@dataclass(frozen=True)
class Asker:
    """Draws the questions of the world as it was up to a ring; combinations are those held out from training."""

    rng: random.Random
    ring: int

    def _one(self, values: Sequence[str]) -> str:
        return self.rng.choice([value for value in values if ring_of(value) <= self.ring])

    def _word(self, table: str, value: str) -> str:
        words: list[str] = tables()[table][value]
        return self.rng.choice(words)

    def _noun(self, kind: str, adjective: str = "") -> str:
        phrase = f"{adjective} {self._word('kinds', kind)}".strip()
        return f"{article(phrase)} {phrase}"

    def _place(self) -> str:
        return self._word("places", self._one(PLACES))

    def _held_out_place(self, kind: str) -> str:
        return self._word("places", kinds.ALL[kind].held_out.place)

    def _held_out_pair(self) -> tuple[str, str]:
        left = self._one(KINDS)
        return left, kinds.ALL[left].held_out.right

    def _sentence(self, what: str, place: str) -> str:
        """The things and the place in one sentence, half of the time one of a build that training does not know."""
        if self.rng.random() < 0.5:
            return f"{what} {place}"
        pattern: str = self.rng.choice(tables()["held_out_sentences"])
        return pattern.replace("{what}", what).replace("{place}", place)

    def single(self) -> Question:
        """A kind in a place it was never shown in, and nothing else."""
        kind = self._one(KINDS)
        return Question(
            self._sentence(self._noun(kind), self._held_out_place(kind)), ({"kind": kind},), (("count", "1"),)
        )

    def two(self) -> Question:
        """Two kinds that were never shown beside each other."""
        pair = self._held_out_pair()
        what = " and ".join(self._noun(kind) for kind in pair)
        return Question(self._sentence(what, self._place()), tuple({"kind": kind} for kind in pair))

    def counting(self) -> Question:
        """Two to four of a kind in a place it was never shown in."""
        kind, count = self._one(KINDS), self.rng.choice(tuple(STANDING))
        what = f"{self._word('counts', str(count))} {self._word('plurals', kind)}"
        text = self._sentence(what, self._held_out_place(kind))
        return Question(text, ({"kind": kind}, {"kind": kind}), (("count", str(count)),))

    def colour(self) -> Question:
        """A kind in a colour it was never shown in."""
        kind = self._one(KINDS)
        colour = kinds.ALL[kind].held_out.colour
        text = self._sentence(self._noun(kind, self._word("colours", colour)), self._place())
        return Question(text, ({"kind": kind, "colour": colour},))

    def position(self) -> Question:
        """A kind at a position, or one beside, over, under, behind or before another that it was never shown with."""
        if self.rng.random() < 0.5:
            kind = self._one(KINDS)
            position = self._one([each for each in POSITIONS if each != BEHIND])
            what = f"{self._noun(kind)} {self._word('positions', position)}"
            return Question(f"{what} {self._held_out_place(kind)}", ({"kind": kind, "position": position},))
        pair, sides = self._held_out_pair(), ("left", "right")
        relations = sides
        if (position := self._one(POSITIONS)) in STACKED:
            sides, relations = (position, "centre"), STACKED[position]
        first = self.rng.randrange(2)
        relation = self._word("relations", relations[first])
        what = f"{self._noun(pair[first])} {relation} {self._noun(pair[1 - first])}"
        asked = tuple({"kind": kind, "position": side} for kind, side in zip(pair, sides, strict=True))
        return Question(self._sentence(what, self._place()), asked)

    def binding(self) -> Question:
        """Two kinds that were never shown beside each other, each with its colour."""
        pairs = list(zip(self._held_out_pair(), self.rng.sample(COLOURS, 2), strict=True))
        what = " and ".join(self._noun(kind, self._word("colours", colour)) for kind, colour in pairs)
        asked = tuple({"kind": kind, "colour": colour} for kind, colour in pairs)
        return Question(self._sentence(what, self._place()), asked)

    def size(self) -> Question:
        """A kind that is small or large, very near or far away."""
        kind, size = self._one(KINDS), self._one([size for size in SIZES if size != "medium"])
        if size in tables()["distances"]:
            what = self._word("distances", size).replace("{it}", self._noun(kind))
        else:
            what = self._noun(kind, self._word("sizes", size))
        text = f"{what} {self._place()}"
        return Question(text, ({"kind": kind, "size": size},))

    def facing(self) -> Question:
        """A kind in the middle that faces one side, or the camera."""
        kind = self._one([kind for kind in KINDS if kinds.ALL[kind].turns])
        facing = self._one(facings(kind))
        text = f"{self._noun(kind)} {self._word('facing', facing)} in the middle {self._place()}"
        return Question(text, ({"kind": kind, "facing": facing},))

    def around(self, name: str, values: Sequence[str]) -> Question:
        """A kind with one attribute of the whole picture."""
        value, kind = self._one(values), self._one(KINDS)
        place = "" if name == "place" else f" {self._place()}"
        return Question(f"{self._noun(kind)}{place} {self._word(f'{name}s', value)}", (), ((name, value),))

    def example(self) -> Question:
        """The hub's documented prompt, with another seed each time."""
        return Question(OX_PROMPT, ({"kind": "ox", "position": "centre"},), (("place", "road"), ("weather", "snow")))


TASKS: dict[str, Callable[[Asker], Question]] = {
    "single object": Asker.single,
    "two objects": Asker.two,
    "counting": Asker.counting,
    "colours": Asker.colour,
    "position": Asker.position,
    "colour binding": Asker.binding,
    "size": Asker.size,
    "facing": Asker.facing,
    "place": partial(Asker.around, name="place", values=PLACES),
    "time": partial(Asker.around, name="time", values=TIMES),
    "weather": partial(Asker.around, name="weather", values=WEATHERS[1:]),
    "style": partial(Asker.around, name="style", values=STYLES),
    "light": partial(Asker.around, name="light", values=LIGHTS),
    "the example": Asker.example,
}
"""Each draws one question."""
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
    model: Storybook,
    judge: Judge,
    per_task: int,
    draft: evaluate.Draft,
    tasks: tuple[str, ...] = (),
    ring: int = RING,
) -> list[Answer]:
    """The answers to `per_task` questions of each task (all, if none is named), of the world up to a ring.

    The same questions and seeds always.
    """
    asked: list[tuple[str, Question, int]] = []
    for task in tasks or tuple(TASKS):
        asker = Asker(random.Random(task), ring)
        asked += [(task, TASKS[task](asker), seed) for seed in range(per_task)]
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
